//! Which files a scan reads: those that are named, and the logs in folders that are named.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Endings of logs, before a rotation number and `.gz`.
const ENDINGS: [&str; 4] = [".log", ".json", ".jsonl", ".ndjson"];

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What was found under the paths that were named.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be read, each once.
    pub logs: Vec<Log>,
    /// Bytes on disk of all of it.
    pub bytes: u64,
    /// What cannot be looked at, with the reason.
    pub failed: Vec<(PathBuf, io::Error)>,
    /// Files and folders seen already, by device and number: links do not lead in circles.
    seen: BTreeSet<(u64, u64)>,
}

/// Looks for logs. `-` is standard input; a file that is named is read whatever its name is.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        match path.as_os_str() == "-" {
            true if found.logs.contains(&Log::Stdin) => {}
            true => found.logs.push(Log::Stdin),
            false => found.add(path),
        }
    }
    found
}

impl Found {
    fn add(&mut self, path: &Path) {
        match std::fs::metadata(path) {
            Err(error) => self.failed.push((path.to_owned(), error)),
            Ok(metadata) if !self.seen.insert((metadata.dev(), metadata.ino())) => {}
            Ok(metadata) if metadata.is_dir() => self.add_folder(path),
            Ok(metadata) => self.add_file(path, &metadata),
        }
    }

    fn add_file(&mut self, path: &Path, metadata: &Metadata) {
        self.bytes += metadata.len();
        self.logs.push(Log::File(path.to_owned()));
    }

    fn add_folder(&mut self, path: &Path) {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>(),
            Err(error) => return self.failed.push((path.to_owned(), error)),
        };
        entries.sort();
        for entry in entries {
            // A pipe or a device in a folder could block without end.
            let metadata = std::fs::metadata(&entry);
            if metadata.as_ref().is_ok_and(Metadata::is_dir) || (is_log(&entry) && !metadata.is_ok_and(is_special)) {
                self.add(&entry);
            }
        }
    }
}

fn is_special(metadata: Metadata) -> bool {
    !metadata.is_file() && !metadata.is_dir()
}

/// `audit.log`, `audit-2026-11-22T12-21-52.577.log.gz`, `audit.log.1`, `events.jsonl`, …
fn is_log(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let unnumbered = if stem.len() < name.len() { stem.strip_suffix('.').unwrap_or(name) } else { name };
    !name.starts_with('.') && ENDINGS.iter().any(|ending| unnumbered.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_known_by_their_names() {
        for name in ["audit.log", "audit-2026-11-22T12-21-52.577.log.gz", "audit.log.1", "audit.log.12.gz", "e.jsonl"] {
            assert!(is_log(Path::new(name)), "{name}");
        }
        for name in ["audit.txt", "README.md", ".audit.log", "audit.gz", "log", "1", "audit.log.old"] {
            assert!(!is_log(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn each_log_is_found_once_even_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.log");
        std::fs::write(&file, "{}\n").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no log").unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("below/circle")).unwrap();
        std::fs::write(folder.path().join("below/old.json.gz"), "x").unwrap();
        let found = find(&[file.clone(), folder.path().to_owned(), folder.path().join("none.log")]);
        let expected = [Log::File(file), Log::File(folder.path().join("below/old.json.gz"))];
        assert_eq!(found.logs, expected);
        assert_eq!(found.bytes, 4);
        assert_eq!(found.failed.len(), 1);
    }
}
