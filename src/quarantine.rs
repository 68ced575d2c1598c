//! Records that could not be read, kept where people can find them.
//!
//! JSON lines in `quarantine.jsonl`. A full file is set aside as `quarantine.jsonl.1`, `.2` and so on. What a replay
//! brings again is not written twice.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde::{Deserialize, Serialize};

pub use crate::state::WriteError as AppendError;

use crate::batch::Place;
use crate::event::Timestamp;
use crate::metrics::{ByReason, Metrics};
use crate::state::{AppendFile, StateDir, disk, lock};

/// Bytes after which the file is set aside.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Files kept besides the one being written. Beyond it the oldest is removed and its lines are counted as dropped.
const FILES_KEPT: u32 = 4;

/// Newest entries whose repeats are recognised. A replay that brings more bad records than this writes some of
/// them twice.
const REMEMBERED: usize = 4096;

/// One record, or what could be kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When: event time as far as it is known.
    pub time: Timestamp,
    /// The source it was read from.
    pub source: String,
    /// Where it stands there.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
    /// Length of the whole record, bytes.
    pub length: u64,
    /// Hexadecimal SHA-256 of the whole record.
    pub sha256: String,
    /// Its text, masked; what is not text shows as U+FFFD.
    pub text: String,
    /// The text is not all of it.
    pub cut: bool,
}

/// What makes two entries the same.
type Identity = (Place, String);

impl Entry {
    fn identity(&self) -> Identity {
        (self.place.clone(), self.sha256.clone())
    }
}

/// The quarantine. Cheap to clone; clones write into the same file.
#[derive(Debug, Clone)]
pub struct Quarantine(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    state: StateDir,
    metrics: Metrics,
    file_bytes: u64,
    /// Nothing between setting one file aside and beginning the next.
    file: Option<AppendFile>,
    memory: Memory,
}

/// The newest entries, to recognise repeats.
#[derive(Debug, Default)]
struct Memory {
    known: HashSet<Identity>,
    order: VecDeque<Identity>,
}

impl Memory {
    fn learn(&mut self, identity: Identity) {
        if self.known.insert(identity.clone()) {
            self.order.push_back(identity);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Quarantine {
    /// Opens the quarantine in the state directory.
    ///
    /// # Errors
    /// When its files may not be read or written.
    pub fn open(state: &StateDir, metrics: Metrics) -> anyhow::Result<Self> {
        Self::open_with(state, metrics, FILE_BYTES)
    }

    fn open_with(state: &StateDir, metrics: Metrics, file_bytes: u64) -> anyhow::Result<Self> {
        let mut memory = Memory::default();
        // The one before as well: the last entries may stand there.
        for path in [aside(state, 1), current(state)] {
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.with_context(|| format!("read {}", path.display()))?,
            };
            let entries = bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            entries.for_each(|entry: Entry| memory.learn(entry.identity()));
        }
        let inner = Inner { state: state.clone(), metrics, file_bytes, file: None, memory };
        let quarantine = Self(Arc::new(Mutex::new(inner)));
        lock(&quarantine.0).begin_file().context("open the quarantine")?;
        Ok(quarantine)
    }

    /// Writes the entries, durably and together, and returns how many were not known yet.
    ///
    /// # Errors
    /// [`AppendError::Full`]: nothing was written, try again when there is room. [`AppendError::Fatal`]: the
    /// process must stop.
    pub fn append(&self, entries: &[Entry]) -> Result<usize, AppendError> {
        lock(&self.0).append(entries)
    }
}

impl Inner {
    fn append(&mut self, entries: &[Entry]) -> Result<usize, AppendError> {
        let mut fresh: Vec<Identity> = Vec::new();
        let mut lines = Vec::new();
        for entry in entries {
            let identity = entry.identity();
            if self.memory.known.contains(&identity) || fresh.contains(&identity) {
                continue;
            }
            let line = serde_json::to_writer(&mut lines, entry);
            line.map_err(|error| AppendError::fatal("write", &current(&self.state), error.into()))?;
            lines.push(b'\n');
            fresh.push(identity);
        }
        if fresh.is_empty() {
            return Ok(0);
        }
        self.write(&lines)?;
        let written = fresh.len();
        fresh.into_iter().for_each(|identity| self.memory.learn(identity));
        Ok(written)
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), AppendError> {
        if self.file.as_ref().is_some_and(|file| file.len() > 0 && file.len() + lines.len() as u64 > self.file_bytes) {
            self.set_aside()?;
        }
        let state = self.state.clone();
        let file = self.begin_file()?;
        state.with_ballast(|| file.append(lines)).map(|_| ())
    }

    /// The file being written, opened and without the line that a crash tore.
    fn begin_file(&mut self) -> Result<&mut AppendFile, AppendError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let path = current(&self.state);
                let sort = |error| AppendError::sort("open", &path, error);
                let mut file = AppendFile::open(path.clone()).map_err(sort)?;
                let bytes = fs::read(&path).map_err(sort)?;
                let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at as u64 + 1);
                if whole < file.len() {
                    tracing::warn!(file = %path.display(), "cut an unfinished line off the quarantine");
                    file.cut(whole).map_err(sort)?;
                }
                let directory = self.state.path();
                disk::sync_dir(directory).map_err(|error| AppendError::fatal("sync", directory, error))?;
                file
            }
        };
        Ok(self.file.insert(file))
    }

    /// Makes the present file the first of those kept, each of them one older, and removes the oldest.
    fn set_aside(&mut self) -> Result<(), AppendError> {
        let oldest = aside(&self.state, FILES_KEPT);
        if let Ok(bytes) = fs::read(&oldest) {
            let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
            tracing::warn!(lines, "the quarantine is full: removing its oldest file");
            self.metrics.dropped.get_or_create(&ByReason { reason: "quarantine_full" }).inc_by(lines);
        }
        for number in (0..FILES_KEPT).rev() {
            let from = if number == 0 { current(&self.state) } else { aside(&self.state, number) };
            match disk::rename(&from, &aside(&self.state, number + 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(|error| AppendError::sort("rename", &from, error))?,
            }
        }
        self.file = None;
        Ok(())
    }
}

fn current(state: &StateDir) -> PathBuf {
    state.file("quarantine.jsonl")
}

fn aside(state: &StateDir, number: u32) -> PathBuf {
    state.file(&format!("quarantine.jsonl.{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::disk::fault::{self, Op};

    fn entry(offset: u64) -> Entry {
        Entry {
            time: Timestamp::from_micros(0),
            source: "file:audit.log".to_owned(),
            place: Place { name: "audit.log".into(), offset },
            reason: "not JSON".to_owned(),
            length: 5,
            sha256: "ab".repeat(32),
            text: "{\u{fffd}\n".to_owned(),
            cut: false,
        }
    }

    struct Lab {
        _temp: tempfile::TempDir,
        state: StateDir,
        metrics: Metrics,
    }

    impl Lab {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let state = StateDir::open_with_ballast(temp.path(), 0).unwrap();
            Self { _temp: temp, state, metrics: Metrics::new() }
        }

        fn open(&self) -> Quarantine {
            Quarantine::open_with(&self.state, self.metrics.clone(), 1000).unwrap()
        }

        fn offsets(&self, path: PathBuf) -> Vec<u64> {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().place.offset).collect()
        }
    }

    #[test]
    fn entries_are_written_once_also_after_a_replay() {
        let lab = Lab::new();
        let quarantine = lab.open();
        assert_eq!(quarantine.append(&[entry(1), entry(1), entry(2)]).unwrap(), 2);
        assert_eq!(quarantine.append(&[entry(2)]).unwrap(), 0);
        assert_eq!(lab.open().append(&[entry(1), entry(2), entry(3)]).unwrap(), 1);
        assert_eq!(lab.offsets(current(&lab.state)), [1, 2, 3]);
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let lab = Lab::new();
        lab.open().append(&[entry(1)]).unwrap();
        let mut bytes = fs::read(current(&lab.state)).unwrap();
        bytes.extend_from_slice(b"{\"time\":");
        fs::write(current(&lab.state), bytes).unwrap();
        lab.open().append(&[entry(2)]).unwrap();
        assert_eq!(lab.offsets(current(&lab.state)), [1, 2]);
    }

    #[test]
    fn full_files_are_set_aside_and_the_oldest_is_counted_away() {
        let lab = Lab::new();
        let quarantine = lab.open();
        (0..30).for_each(|offset| assert_eq!(quarantine.append(&[entry(offset)]).unwrap(), 1));
        let mut kept = Vec::new();
        for number in (1..=FILES_KEPT).rev() {
            let path = aside(&lab.state, number);
            assert!(fs::metadata(&path).unwrap().len() <= 1000);
            kept.extend(lab.offsets(path));
        }
        kept.extend(lab.offsets(current(&lab.state)));
        let dropped = lab.metrics.dropped.get_or_create(&ByReason { reason: "quarantine_full" }).get();
        assert!(dropped > 0);
        assert_eq!(kept, (dropped..30).collect::<Vec<_>>());
        assert!(!aside(&lab.state, FILES_KEPT + 1).exists());
        let before = lab.offsets(aside(&lab.state, 1))[0];
        assert_eq!(lab.open().append(&[entry(29), entry(before)]).unwrap(), 0, "known from the newest two files");
    }

    #[test]
    fn a_full_disk_consumes_nothing_and_other_failures_are_fatal() {
        let lab = Lab::new();
        let quarantine = lab.open();
        fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
        assert!(matches!(quarantine.append(&[entry(1)]), Err(AppendError::Full)));
        assert_eq!(quarantine.append(&[entry(1)]).unwrap(), 1);
        assert_eq!(lab.offsets(current(&lab.state)), [1]);
        fault::fail_next(Op::Sync, io::ErrorKind::Other);
        assert!(matches!(quarantine.append(&[entry(2)]), Err(AppendError::Fatal { .. })));
        assert!(matches!(quarantine.append(&[entry(2)]), Err(AppendError::Fatal { .. })));
    }
}
