//! What the outbox finds when it is opened.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::sync::watch;

use super::books::{Books, Cursor, Entry, key_of};
use super::cursor::{self, CursorFile, Saved};
use super::{Config, Outbox, Shared};
use crate::alert::{Severity, Status};
use crate::metrics::Metrics;
use crate::segment::{Damage, DamageKind, Log, Spot};
use crate::state::{StateDir, file_name};

const PREFIX: &str = "cursor-";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Alerts held.
    pub alerts: u64,
    /// Stretches of the files that could not be read.
    pub damage: Vec<Damage>,
    /// Everything that went wrong, as sentences: the damage, alerts that cannot be understood, cursors that were lost.
    pub complaints: Vec<String>,
    /// Sinks that were abandoned as configured, with the alerts they did not get.
    pub abandoned: Vec<(String, u64)>,
}

/// What the books need of an alert.
#[derive(Deserialize)]
struct Slim<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    revision: u32,
    severity: Severity,
    status: Status,
}

pub(super) fn open(
    state: &StateDir,
    config: Config,
    sinks: &[String],
    metrics: Metrics,
) -> anyhow::Result<(Outbox, Recovered)> {
    config.check(sinks)?;
    let directory = state.subdirectory("outbox").context("create the outbox's directory")?;
    let mut recovered = Recovered::default();
    let (mut log, mut books) = open_log(&directory, &config, &mut recovered)?;
    let known = cursor_files(&directory)?;
    let start = if known.is_empty() { books.first().unwrap_or(log.end()) } else { log.end() };
    settle_strangers(known, &config, sinks, &books, &mut recovered)?;
    let mut files = Vec::with_capacity(sinks.len());
    for name in sinks {
        let (file, taken) = open_cursor(&directory, name, start, &books, &mut recovered)?;
        books.cursors.push(Cursor { name: name.clone(), required: config.required.contains(name), taken });
        files.push(Mutex::new(file));
    }
    // A cursor may be past the last alert that survived; what it has passed must not be given again.
    log.skip_to(books.cursors.iter().map(|cursor| cursor.taken).max().unwrap_or(0));
    let shared = Shared {
        view: log.view().clone(),
        ended: watch::Sender::new(log.end()),
        log: Mutex::new(log),
        files,
        books: Mutex::new(books),
        freed: Condvar::new(),
        state: state.clone(),
        config,
        metrics,
    };
    let outbox = Outbox(Arc::new(shared));
    outbox.observe();
    Ok((outbox, recovered))
}

fn open_log(directory: &Path, config: &Config, recovered: &mut Recovered) -> anyhow::Result<(Log, Books)> {
    let mut books = Books::default();
    let (log, damage) = Log::open(directory.to_owned(), config.segment_bytes(), |record, offset| {
        let spot = Spot { seq: record.seq, offset, time: record.time };
        match serde_json::from_slice::<Slim<'_>>(record.payload) {
            Ok(slim) => {
                let key = key_of(&slim.id);
                let entry = Entry::new(key, slim.revision, slim.severity, record.payload.len(), spot);
                books.enter(entry, slim.status);
            }
            Err(error) => {
                recovered.complaints.push(format!("alert {} in the outbox cannot be understood: {error}", record.seq));
            }
        }
    })
    .context("open the outbox")?;
    recovered.alerts = u64::try_from(books.count_from(0)).unwrap_or_default();
    // What a crash tore off was never acknowledged: it is found again, and nobody has to be told.
    let grave = damage.iter().filter(|damage| damage.kind != DamageKind::TornTail);
    recovered.complaints.extend(grave.map(Damage::to_string));
    recovered.damage = damage;
    Ok((log, books))
}

fn open_cursor(
    directory: &Path,
    name: &str,
    start: u64,
    books: &Books,
    recovered: &mut Recovered,
) -> anyhow::Result<(CursorFile, u64)> {
    let path = directory.join(file_name(PREFIX, name, ""));
    let context = || format!("open the cursor of sink `{name}`");
    let taken = match cursor::read(&path).with_context(context)? {
        Saved::Taken(taken) => return Ok((CursorFile::open(path).with_context(context)?, taken)),
        Saved::Absent => start,
        Saved::Damaged => {
            recovered.complaints.push(format!("the cursor of sink `{name}` was damaged: it is told everything again"));
            books.first().unwrap_or(start)
        }
    };
    Ok((CursorFile::create(path, taken).with_context(context)?, taken))
}

/// The files of cursors, with the sinks' names as they stand in them.
fn cursor_files(directory: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).context("read the outbox's directory")? {
        let path = entry.context("read the outbox's directory")?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
        // One that ends in `~` was never finished.
        if let Some(name) = name.filter(|name| !name.ends_with('~')) {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

/// Cursors of sinks that are configured no more go when nothing waits for them, or when that is what is asked for.
fn settle_strangers(
    known: Vec<(String, PathBuf)>,
    config: &Config,
    sinks: &[String],
    books: &Books,
    recovered: &mut Recovered,
) -> anyhow::Result<()> {
    let listed = |names: &[String], file: &str| names.iter().any(|name| file_name("", name, "") == file);
    for (name, path) in known {
        if listed(sinks, &name) {
            continue;
        }
        let taken = match cursor::read(&path).with_context(|| format!("read {}", path.display()))? {
            Saved::Taken(taken) => taken,
            Saved::Absent | Saved::Damaged => 0,
        };
        let backlog = u64::try_from(books.count_from(taken)).unwrap_or_default();
        if backlog > 0 && !listed(&config.abandon, &name) {
            bail!(
                "the sink `{name}` is configured no more, but {backlog} alerts in the outbox have not reached it: configure \
                 it again until they have, or give them up with `outbox: {{ abandon: [{name}] }}`"
            );
        }
        if backlog > 0 {
            recovered.abandoned.push((name, backlog));
        }
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}
