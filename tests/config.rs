//! Mistakes in a configuration, each beside the message people get: `tests/config/NAME.yaml` and `NAME.txt`.
//!
//! With `UPDATE_EXPECTED=1` the messages are written anew; read them before they are committed.

use std::path::Path;

use gatecrier::config::Config;

const FOLDER: &str = "tests/config";

/// What is said about a configuration: its mistakes, or else its warnings.
fn said(path: &Path) -> String {
    match Config::load(path) {
        Ok(config) => config.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect(),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_the_way_out() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut cases = 0;
    let mut wrong = String::new();
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        cases += 1;
        let (said, beside) = (said(&path), path.with_extension("txt"));
        if update {
            std::fs::write(&beside, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if said != expected {
            wrong += &format!("{}:\n--- expected\n{expected}--- said\n{said}\n", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases >= 30, "only {cases} cases were found in {FOLDER}");
}

#[test]
fn a_complete_configuration_is_understood() {
    let config = Config::load(Path::new("tests/config/complete.yaml")).unwrap();
    assert_eq!(config.cluster, "prod-eu");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.networks["office"].files, [Path::new("tests/config/extra.txt")]);
    assert!(config.sinks.stdout.is_some(), "`stdout:` with nothing behind it is a sink with its defaults");
    assert_eq!(config.detection.storm.window.0.as_secs(), 5_400);
    assert_eq!(config.outbox.max_bytes, 100 << 20);
}

#[test]
fn a_command_with_its_own_input_needs_no_sources() {
    let path = Path::new("tests/config/no_sources.yaml");
    assert_eq!(Config::load_without_sources(path).unwrap().cluster, "prod-eu");
    assert!(Config::load(path).is_err());
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let error = Config::load(Path::new("tests/config/there-is-none.yaml")).unwrap_err().to_string();
    assert!(
        error.starts_with("tests/config/there-is-none.yaml: cannot read the configuration: No such file"),
        "{error}"
    );
    assert!(error.contains("check the path"), "{error}");
}

#[test]
fn an_alias_bomb_is_refused_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{below}]\n");
    }
    let begun = std::time::Instant::now();
    assert!(Config::from_str(&bomb, "bomb.yaml").is_err());
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn every_example_in_the_documentation_is_valid() {
    let page = include_str!("../docs/configuration.md").to_owned() + include_str!("../docs/sources/envelopes.md");
    let examples: Vec<_> = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4, "{}", examples.len());
    for example in examples.into_iter().filter(|example| cfg!(feature = "kafka") || !example.contains("kafka:")) {
        let sources = "sources: { audit: { file: { path: audit.log } } }\n";
        let text = if example.contains("sources:") { example.to_owned() } else { format!("{sources}{example}") };
        if let Err(error) = Config::from_str(&text, "docs/configuration.md") {
            panic!("{text}\n{error}");
        }
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_build_without_kafka_says_so() {
    let text = "sources: { bus: { kafka: { brokers: [a], topics: [b], group: c } } }\n";
    let error = Config::from_str(text, "gatecrier.yaml").unwrap_err().to_string();
    assert!(error.contains("source `bus` is Kafka, which this build leaves out"), "{error}");
}
