//! Reading dead letters, and taking them out to send them again.
//!
//! A process that delivers may park alerts meanwhile. So the file is first moved aside, under the lock that parking
//! takes too; what is not to be sent, or is refused again, is parked anew, and only then is the file that was moved
//! aside removed. A crash in between leaves it there, where it is found again.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use super::dead_letters::{DeadLetters, lock};
use crate::alert::Alert;

/// A parked alert.
#[derive(Debug, Deserialize)]
pub struct Letter {
    /// When it was parked, RFC 3339.
    pub time: String,
    /// The sink that will not take it.
    pub sink: String,
    /// Why.
    pub reason: String,
    /// The alert.
    pub alert: Alert,
}

/// A line of the file: a letter, or what cannot be read as one.
#[derive(Debug)]
pub struct Line {
    /// Nothing when it cannot be read.
    pub letter: Option<Letter>,
    text: Vec<u8>,
}

/// Letters that were taken out of their file, until they are put back or were sent.
#[derive(Debug)]
pub struct TakenOut {
    dead: DeadLetters,
    aside: PathBuf,
    lines: Vec<Line>,
    /// Its lock keeps others from taking out the same ones.
    _file: File,
}

impl DeadLetters {
    /// The dead letters of every sink that has some in the state directory, by file.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn all(state: &Path) -> anyhow::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(state).with_context(|| format!("read {}", state.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let stem = name.strip_prefix("dead-letters-").and_then(|name| name.strip_suffix(".jsonl"));
            let sink = stem.map(|stem| stem.strip_suffix(".aside").unwrap_or(stem));
            all.extend(sink.map(|sink| Self::new(state, sink)));
        }
        all.sort_by(|one, other| one.path().cmp(other.path()));
        all.dedup_by(|one, other| one.path() == other.path());
        Ok(all)
    }

    /// What lies in the file, oldest first, with what a crash left aside.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&self) -> anyhow::Result<Vec<Line>> {
        let mut lines = read_lines(&self.aside())?;
        lines.extend(read_lines(self.path())?);
        Ok(lines)
    }

    /// Moves the letters aside and hands them out; nothing when there are none.
    ///
    /// # Errors
    /// When a file cannot be moved or read, or somebody else is at it.
    pub fn take_out(&self) -> anyhow::Result<Option<TakenOut>> {
        let aside = self.aside();
        if !aside.exists() && !self.move_aside(&aside)? {
            return Ok(None);
        }
        let file = File::open(&aside).with_context(|| format!("open {}", aside.display()))?;
        let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        locked.with_context(|| format!("lock {}: is it being sent again by somebody else?", aside.display()))?;
        let lines = read_lines(&aside)?;
        Ok(Some(TakenOut { dead: self.clone(), aside, lines, _file: file }))
    }

    fn aside(&self) -> PathBuf {
        self.path().with_extension("aside.jsonl")
    }

    /// False when there is nothing to move.
    fn move_aside(&self, aside: &Path) -> anyhow::Result<bool> {
        let file = match File::open(self.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened.with_context(|| format!("open {}", self.path().display()))?,
        };
        // Whoever waits for this lock to park something finds another file under the name, and begins anew.
        lock(&file)?;
        fs::rename(self.path(), aside).with_context(|| format!("move {} aside", self.path().display()))?;
        Ok(true)
    }
}

impl TakenOut {
    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Parks anew what is to be kept, by number, each with its reason if there is a new one, and lets the rest go.
    ///
    /// # Errors
    /// When it cannot be written; then all of it is still there, aside.
    pub fn keep(self, kept: &[(usize, Option<String>)]) -> anyhow::Result<()> {
        let mut again = Vec::new();
        let mut as_they_are = Vec::new();
        for (number, reason) in kept {
            let Some(line) = self.lines.get(*number) else { continue };
            match (&line.letter, reason) {
                (Some(letter), Some(reason)) => again.push((letter.alert.clone(), reason.clone())),
                _ => as_they_are.extend_from_slice(&line.text),
            }
        }
        if !as_they_are.is_empty() {
            self.dead.append(&as_they_are)?;
        }
        if !again.is_empty() {
            self.dead.park(&again)?;
        }
        fs::remove_file(&self.aside).with_context(|| format!("remove {}", self.aside.display()))
    }
}

fn read_lines(path: &Path) -> anyhow::Result<Vec<Line>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.with_context(|| format!("open {}", path.display()))?,
    };
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    loop {
        let mut text = Vec::new();
        let read: io::Result<usize> = reader.read_until(b'\n', &mut text);
        if read.with_context(|| format!("read {}", path.display()))? == 0 {
            return Ok(lines);
        }
        // Half a line is of an alert that is being parked, or of a crash: it comes again.
        if text.ends_with(b"\n") {
            lines.push(Line { letter: serde_json::from_slice(&text).ok(), text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    fn park(dead: &DeadLetters, ids: &[&str]) {
        let parked: Vec<_> = ids.iter().map(|id| (sample::alert(id, 1), "400: no".to_owned())).collect();
        dead.park(&parked).unwrap();
    }

    fn ids(dead: &DeadLetters) -> Vec<String> {
        let id =
            |line: Line| line.letter.map_or("?".to_owned(), |letter| format!("{} {}", letter.alert.id, letter.reason));
        dead.read().unwrap().into_iter().map(id).collect()
    }

    #[test]
    fn what_is_kept_is_parked_anew_and_the_rest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let dead = DeadLetters::new(dir.path(), "loki-a");
        assert!(dead.take_out().unwrap().is_none());
        park(&dead, &["1", "2", "3"]);
        dead.append(b"no letter\n").unwrap();
        let taken = dead.take_out().unwrap().unwrap();
        assert_eq!(taken.lines().len(), 4);
        assert!(dead.take_out().is_err(), "two at the same letters");
        // Meanwhile another alert is rejected.
        park(&dead, &["4"]);
        taken.keep(&[(1, Some("422: never".to_owned())), (2, None), (3, None)]).unwrap();
        assert_eq!(ids(&dead), ["4 400: no", "3 400: no", "?", "2 422: never"]);
        assert_eq!(DeadLetters::all(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn what_a_crash_left_aside_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let dead = DeadLetters::new(dir.path(), "loki-a");
        park(&dead, &["1"]);
        drop(dead.take_out().unwrap());
        park(&dead, &["2"]);
        assert_eq!(ids(&dead), ["1 400: no", "2 400: no"]);
        assert_eq!(DeadLetters::all(dir.path()).unwrap()[0].path(), dead.path());
        let taken = dead.take_out().unwrap().unwrap();
        assert_eq!(taken.lines().len(), 1);
        taken.keep(&[]).unwrap();
        assert_eq!(ids(&dead), ["2 400: no"]);
    }
}
