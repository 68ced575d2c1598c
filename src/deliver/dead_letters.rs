//! A file for alerts that a sink will never take: one JSON object a line, with the reason.
//!
//! The file may be moved away or emptied at any time; the next alert makes it anew.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::alert::Alert;
use crate::sink::json_line;

/// Longest file. Beyond it nothing is parked any more: the sink waits until somebody has looked and moved it away.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The dead letters of one sink.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    path: PathBuf,
    sink: String,
}

#[derive(Serialize)]
struct Entry<'a> {
    time: String,
    sink: &'a str,
    reason: &'a str,
    alert: Box<RawValue>,
}

impl DeadLetters {
    /// The dead letters of `sink` in the state directory. Nothing is touched until an alert is parked.
    pub fn new(state: &Path, sink: &str) -> Self {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let name: String = sink.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
        Self { path: state.join(format!("dead-letters-{name}.jsonl")), sink: sink.to_owned() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends alerts with the reasons they were rejected for. When this returns without an error they are on the
    /// disk; after an error, none of them counts as parked.
    pub fn park(&self, parked: &[(Alert, String)]) -> anyhow::Result<()> {
        self.write(parked).with_context(|| format!("write {}", self.path.display()))
    }

    /// The file under its name, with nobody else at it.
    fn open(&self) -> std::io::Result<File> {
        loop {
            let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
            lock(&file)?;
            // Whoever held the lock may have moved the file away.
            let held = file.metadata()?;
            let is_at = |named: std::fs::Metadata| (named.dev(), named.ino()) == (held.dev(), held.ino());
            if std::fs::metadata(&self.path).is_ok_and(is_at) {
                return Ok(file);
            }
        }
    }

    fn write(&self, parked: &[(Alert, String)]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for (alert, reason) in parked {
            let alert = RawValue::from_string(json_line(alert)?)?;
            let time = jiff::Timestamp::now().to_string();
            serde_json::to_writer(&mut lines, &Entry { time, sink: &self.sink, reason, alert })?;
            lines.push(b'\n');
        }
        self.append(&lines)
    }

    /// Appends whole lines.
    pub(super) fn append(&self, lines: &[u8]) -> anyhow::Result<()> {
        let mut file = self.open()?;
        let length = cut_torn_tail(&file)?;
        if length > FILE_BYTES_MAX {
            bail!("it is longer than {FILE_BYTES_MAX} bytes: look at it and move it away");
        }
        if let Err(error) = file.write_all(lines).and_then(|()| file.sync_all()) {
            // Of a full disk: what was written of the lines must not stand before the next attempt.
            _ = file.set_len(length);
            return Err(error.into());
        }
        if length == 0 {
            // The name of a new file is on the disk once its directory is.
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

/// Waits until nobody else writes to it.
pub(super) fn lock(file: &File) -> std::io::Result<()> {
    Ok(rustix::fs::flock(file, rustix::fs::FlockOperation::LockExclusive)?)
}

/// Cuts off what a crash left after the last newline: the alert was not parked and comes again. Returns the length.
fn cut_torn_tail(file: &File) -> std::io::Result<u64> {
    let whole = file.metadata()?.len();
    let mut block = [0; 4096];
    let mut end = whole;
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let bytes = &mut block[..(end - start) as usize];
        file.read_exact_at(bytes, start)?;
        if let Some(newline) = memchr::memrchr(b'\n', bytes) {
            end = start + newline as u64 + 1;
            break;
        }
        end = start;
    }
    if end < whole {
        file.set_len(end)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::sink::sample;

    fn parked(id: &str) -> [(Alert, String); 1] {
        [(sample::alert(id, 1), "400: no".to_owned())]
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let id = |line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&entry["sink"], &entry["reason"]), (&"loki/a".into(), &"400: no".into()));
            entry["alert"]["id"].as_str().unwrap().to_owned()
        };
        text.lines().map(id).collect()
    }

    #[test]
    fn a_parked_alert_stands_whole_in_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let dead = DeadLetters::new(dir.path(), "loki/a");
        assert_eq!(dead.path(), dir.path().join("dead-letters-loki_a.jsonl"));
        dead.park(&parked("1")).unwrap();
        dead.park(&parked("2")).unwrap();
        assert_eq!(ids(dead.path()), ["1", "2"]);
        assert_eq!(std::fs::metadata(dead.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_tail_is_cut_back() {
        for torn in [&b"{\"time\":"[..], &[b'x'; 10_000]] {
            let dir = tempfile::tempdir().unwrap();
            let dead = DeadLetters::new(dir.path(), "loki/a");
            OpenOptions::new().create(true).append(true).open(dead.path()).unwrap().write_all(torn).unwrap();
            dead.park(&parked("1")).unwrap();
            OpenOptions::new().append(true).open(dead.path()).unwrap().write_all(torn).unwrap();
            dead.park(&parked("2")).unwrap();
            assert_eq!(ids(dead.path()), ["1", "2"]);
        }
    }

    #[test]
    fn the_file_may_be_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        let dead = DeadLetters::new(dir.path(), "loki/a");
        dead.park(&parked("1")).unwrap();
        std::fs::rename(dead.path(), dir.path().join("seen")).unwrap();
        dead.park(&parked("2")).unwrap();
        assert_eq!(ids(dead.path()), ["2"]);
    }

    #[test]
    fn a_full_file_is_an_error_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let dead = DeadLetters::new(dir.path(), "loki/a");
        let file = File::create(dead.path()).unwrap();
        file.set_len(FILE_BYTES_MAX).unwrap();
        file.write_all_at(b"\n", FILE_BYTES_MAX).unwrap();
        let error = format!("{:#}", dead.park(&parked("1")).unwrap_err());
        assert!(error.contains("move it away"), "{error}");
        assert_eq!(file.metadata().unwrap().len(), FILE_BYTES_MAX + 1);
    }
}
