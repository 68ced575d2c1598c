//! A file: a JSON object a line, on the disk before an alert counts as delivered.
//!
//! Rotation is left to others. A file that was renamed, removed or replaced is noticed before each write, and one of
//! the configured name is begun anew; nobody has to be signalled.

use std::fs::{self, File as Disk, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::settings::{FileSetting, settings};
use super::{Route, SendError, Sink, json_line};
use crate::alert::{Alert, Severity};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. Its folder must be there.
    pub path: PathBuf,
    /// Mildest severity to write; nothing writes all.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    #[serde(default)]
    pub required: bool,
    /// Which alerts, when, and how many at a time.
    #[serde(default)]
    pub route: Route,
}

settings!(File, to: |config| config.path.display().to_string(), files: |config| [FileSetting::later("path", &mut config.path)]);

/// Appends lines.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    /// Shared with the thread that writes, of which there is one at a time.
    open: Arc<Mutex<Option<Disk>>>,
}

impl File {
    /// Prepares the sink. Fails when the file cannot be opened for writing.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let path = config.path.clone();
        let opened = open(&path).with_context(|| format!("open `path` {}", path.display()))?;
        Ok(Self { path, open: Arc::new(Mutex::new(Some(opened))) })
    }
}

impl Sink for File {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let mut lines = String::new();
        for alert in alerts {
            lines.push_str(&json_line(alert).map_err(|error| SendError::Reject(error.into()))?);
            lines.push('\n');
        }
        let (path, open) = (self.path.clone(), Arc::clone(&self.open));
        let write = move || append(&path, &mut open.lock().unwrap_or_else(PoisonError::into_inner), lines.as_bytes());
        let written = spawn_blocking(write).await.map_err(io::Error::other).and_then(|written| written);
        written.with_context(|| format!("write {}", self.path.display())).map_err(SendError::retry)
    }

    /// Says how long the file is.
    async fn check(&self) -> anyhow::Result<String> {
        let length = fs::metadata(&self.path).with_context(|| format!("look at {}", self.path.display()))?.len();
        Ok(format!("{} has {length} bytes", self.path.display()))
    }
}

/// Appends the lines whole, or leaves the file as it was.
fn append(path: &Path, kept: &mut Option<Disk>, lines: &[u8]) -> io::Result<()> {
    let file = match kept.take() {
        Some(file) if is_at(&file, path) => file,
        _ => open(path)?,
    };
    let before = file.metadata()?.len();
    // A crash, ours or another writer's, may have left half a line.
    let torn = before > 0 && last_byte(&file, before)? != b'\n';
    let written = (&file).write_all(if torn { b"\n" } else { b"" }).and_then(|()| (&file).write_all(lines));
    if let Err(error) = written.and_then(|()| file.sync_all()) {
        _ = file.set_len(before);
        return Err(error);
    }
    *kept = Some(file);
    Ok(())
}

fn open(path: &Path) -> io::Result<Disk> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
    if file.metadata()?.len() == 0 {
        // The name of a new file is on the disk once its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Disk::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// Whether the name still leads to this file.
fn is_at(file: &Disk, path: &Path) -> bool {
    let identity = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let held = identity(file.metadata());
    held.is_some() && held == identity(fs::metadata(path))
}

fn last_byte(file: &Disk, length: u64) -> io::Result<u8> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, length - 1)?;
    Ok(byte[0])
}
