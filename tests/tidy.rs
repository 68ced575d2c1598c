//! What the project believes about itself, as a test.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom. A module that is not listed here fails the test.
const LAYERS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("batch", &[]),
    ("alert", &["event"]),
    ("amount", &[]),
    ("hex", &[]),
    ("secret", &[]),
    ("terminal", &[]),
    ("yaml", &["terminal"]),
    ("metrics", &[]),
    ("decode", &["event", "batch"]),
    ("mask", &["event", "hex"]),
    ("enrich", &["event", "mask", "yaml"]),
    ("detect", &["event", "alert", "batch", "decode", "enrich", "mask", "amount", "request", "yaml"]),
    ("hit", &["event", "alert", "detect", "request"]),
    ("judge", &["event", "alert", "amount", "detect", "enrich", "hit", "mask", "request", "yaml"]),
    ("request", &["event"]),
    ("suppress", &["event", "alert", "detect", "hit"]),
    ("throttle", &["event", "alert", "detect", "hit", "request"]),
    (
        "analyze",
        &[
            "event", "alert", "batch", "decode", "detect", "enrich", "hit", "judge", "mask", "request", "suppress",
            "throttle",
        ],
    ),
    ("policy", &["detect", "event", "yaml"]),
    ("state", &[]),
    ("segment", &["event", "state"]),
    ("outbox", &["event", "alert", "amount", "metrics", "segment", "state"]),
    ("quarantine", &["event", "batch", "metrics", "state"]),
    ("snapshot", &["batch", "hex", "state"]),
    ("source", &["batch", "decode", "event", "hex", "metrics", "amount", "segment", "state"]),
    ("sink", &["alert", "amount", "event", "metrics", "secret", "terminal"]),
    ("backoff", &[]),
    ("forward", &["backoff", "batch", "decode", "event", "hex", "metrics", "sink", "source"]),
    ("deliver", &["alert", "backoff", "event", "metrics", "sink", "terminal"]),
    ("server", &["amount", "batch", "hex", "metrics", "secret", "source", "state"]),
    (
        "config",
        &[
            "alert", "amount", "batch", "detect", "enrich", "forward", "outbox", "server", "sink", "source",
            "suppress", "terminal", "yaml",
        ],
    ),
    (
        "pipeline",
        &[
            "alert",
            "analyze",
            "batch",
            "config",
            "decode",
            "deliver",
            "detect",
            "enrich",
            "event",
            "forward",
            "hex",
            "judge",
            "mask",
            "metrics",
            "outbox",
            "quarantine",
            "request",
            "secret",
            "server",
            "sink",
            "snapshot",
            "source",
            "state",
            "suppress",
            "terminal",
            "yaml",
        ],
    ),
    (
        "cli",
        &[
            "alert", "analyze", "batch", "config", "decode", "deliver", "detect", "enrich", "event", "metrics",
            "pipeline", "policy", "server", "sink", "source", "suppress", "terminal", "yaml",
        ],
    ),
];

/// The core: no async, no files, no clock, no prints.
const CORE: &[&str] = &[
    "event", "batch", "alert", "hit", "decode", "mask", "enrich", "detect", "judge", "request", "suppress", "throttle",
    "analyze", "policy",
];

/// What the core may not name.
const WORLDLY: &[&str] = &[
    "tokio::",
    "std::fs::File",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "println!",
    "eprintln!",
    "tracing::",
    "async fn",
    ".await",
];

/// What spawns. Only `pipeline` may, and where a call waits for what it spawned.
const SPAWNS: &[&str] = &["tokio::spawn", "spawn_blocking", "thread::spawn", "JoinSet"];

/// Files outside `pipeline` that spawn, each with its reason.
const MAY_SPAWN: &[(&str, &str)] = &[
    ("src/source/file/mod.rs", "reads on a blocking thread and waits for it"),
    ("src/source/spool/read.rs", "reads on a blocking thread and waits for it"),
    ("src/source/kafka", "librdkafka blocks when a consumer is dropped; the source waits for it, bounded"),
    ("src/sink/stdout.rs", "a terminal may block; the sink waits for it, bounded"),
    ("src/sink/file.rs", "a disk may block; the write and its fsync are waited for"),
    ("src/sink/kafka.rs", "librdkafka blocks while it asks for a topic; waited for, bounded"),
    ("src/server/", "one task a connection, ended with the server"),
    ("src/deliver/", "the fsync of a dead letter, waited for"),
    ("src/sink/http/", "files with secrets are read on a blocking thread and waited for"),
    ("src/cli/check.rs", "asks the sinks while people wait"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, ending));
        } else if entry.to_string_lossy().ends_with(ending) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// A source file: its name from the root, its module, and its lines without tests and comments.
struct Source {
    name: String,
    module: String,
    text: String,
    lines: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let is_test = |name: &str| name.ends_with("/tests.rs") || name.ends_with("/model.rs") || name.contains("/tests/");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let module = name.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = code.lines().enumerate().map(|(at, line)| (at + 1, line.to_owned()));
        let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//")).collect();
        Source { name, module, text, lines }
    };
    files(&root().join("src"), ".rs").into_iter().map(read).filter(|source| !is_test(&source.name)).collect()
}

#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn modules_name_only_those_below_them() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&&*source.module)) {
        let Some((_, allowed)) = LAYERS.iter().find(|(module, _)| *module == source.module) else {
            complaints.push(format!("{}: the module `{}` has no place in LAYERS", source.name, source.module));
            continue;
        };
        for (line, text) in &source.lines {
            for named in text.match_indices("crate::").map(|(at, path)| &text[at + path.len()..]) {
                let end = named.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(named.len());
                let named = &named[..end];
                if named.is_empty() || named == source.module || allowed.contains(&named) {
                    continue;
                }
                complaints.push(format!("{}:{line}: `{}` may not name `{named}`", source.name, source.module));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_core_knows_nothing_of_the_world() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| CORE.contains(&&*source.module)) {
        for (line, text) in &source.lines {
            for word in WORLDLY.iter().filter(|word| text.contains(**word)) {
                complaints.push(format!("{}:{line}: the core may not use `{word}`", source.name));
            }
        }
    }
    none(&complaints);
}

#[test]
fn only_the_pipeline_spawns() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| source.module != "pipeline") {
        if MAY_SPAWN.iter().any(|(name, _)| source.name.starts_with(name)) {
            continue;
        }
        for (line, text) in &source.lines {
            if let Some(word) = SPAWNS.iter().find(|word| text.contains(**word)) {
                complaints.push(format!("{}:{line}: only the pipeline may use `{word}`", source.name));
            }
        }
    }
    none(&complaints);
}

#[test]
fn metric_names_stand_in_one_file_and_documents_name_real_ones() {
    let names: BTreeSet<_> = gatecrier::metrics::Metrics::names().into_iter().collect();
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| source.module != "metrics") {
        for (line, text) in source.lines.iter().filter(|(_, text)| text.contains("\"gatecrier_")) {
            complaints.push(format!("{}:{line}: a metric's name outside metrics.rs: {}", source.name, text.trim()));
        }
    }
    for page in files(&root().join("docs"), ".md").into_iter().chain([root().join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for named in text.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            let plain = named.strip_suffix("_total").unwrap_or(named);
            if named.starts_with("gatecrier_") && !names.contains(plain) {
                complaints.push(format!("{}: there is no metric `{named}`", page.display()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_file_says_what_it_is_for_and_fits_a_few_screens() {
    let mut complaints = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            complaints.push(format!("{}: it does not open with what it is for", source.name));
        }
        if source.lines.len() > 400 {
            complaints.push(format!("{}: {} lines; look for the second idea in it", source.name, source.lines.len()));
        }
    }
    none(&complaints);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    let pages = files(&root().join("docs"), ".md").into_iter();
    for page in pages.chain(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name))) {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") && !page.parent().unwrap().join(target).exists() {
                complaints.push(format!("{}: `{target}` does not exist", page.display()));
            }
        }
    }
    none(&complaints);
}
