//! Positions and memory, saved together.
//!
//! Two generations are kept for each cluster. A save writes a new file, syncs it and renames it over the older
//! one, so that the newer is whole at every moment. Beside them stands what helps to survive a record that kills
//! the process: how often it died since the last save, which record it had in hand, and which ones to pass.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, bail};

mod in_hand;
mod lives;
mod skips;

pub use crate::state::WriteError as SaveError;
pub use in_hand::InHand;
pub use skips::{SKIPS_MAX, Skip, Skips};

use crate::batch::ClusterId;
use crate::state::{StateDir, file_name, lock, replace_file_by};
use lives::Lives;

const MAGIC: [u8; 8] = *b"\x89GCSNP\r\n";
const VERSION: u32 = 1;
/// Magic, version, generation, length, checksum of these, checksum of the payload.
const HEADER_BYTES: usize = 36;

/// The snapshots of one cluster.
#[derive(Debug)]
pub struct SnapshotStore {
    state: StateDir,
    cluster: ClusterId,
    /// The generation in each of the two files; 0 when there is none that can be read.
    generations: Mutex<[u64; 2]>,
    lives: Mutex<Lives>,
}

/// What was found at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What the newest snapshot that can be read holds; nothing means from the very beginning.
    pub payload: Option<Vec<u8>>,
    /// Its generation, from 1; 0 without one.
    pub generation: u64,
    /// What is wrong, as a sentence. It deserves an alert.
    pub complaint: Option<String>,
}

/// What a snapshot file turned out to be.
enum Found {
    Absent,
    Damaged(&'static str),
    Newer(u32),
    Good { generation: u64, payload: Vec<u8> },
}

impl SnapshotStore {
    /// The store of a cluster in the state directory.
    ///
    /// # Errors
    /// When the files may not be read, or when a newer version wrote them.
    pub fn open(state: &StateDir, cluster: &ClusterId) -> anyhow::Result<Self> {
        let lives = Lives::open(state.file(&file_name("deaths-", cluster.as_str(), "")));
        let lives = lives.context("open the count of deaths")?;
        let (state, cluster) = (state.clone(), cluster.clone());
        let store = Self { state, cluster, generations: Mutex::default(), lives: Mutex::new(lives) };
        store.load()?;
        Ok(store)
    }

    /// The newest snapshot that can be read, and what is wrong with a newer one.
    ///
    /// # Errors
    /// When a file may not be read, or when a newer version wrote it.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let mut best = Loaded { payload: None, generation: 0, complaint: None };
        let mut damaged = Vec::new();
        let mut generations = lock(&self.generations);
        *generations = [0; 2];
        for slot in 0..2 {
            let path = self.path(slot);
            match read(&path).with_context(|| format!("read snapshot {}", path.display()))? {
                Found::Absent => {}
                Found::Damaged(how) => damaged.push(format!("the snapshot {} {how}", path.display())),
                Found::Newer(version) => bail!(
                    "the snapshot {} was written by a newer gatecrier (format {version}): run that version, or remove both \
                     snapshots of cluster `{}` to start from the beginning",
                    path.display(),
                    self.cluster
                ),
                Found::Good { generation, payload } => {
                    generations[slot] = generation;
                    if generation > best.generation {
                        best = Loaded { payload: Some(payload), generation, complaint: None };
                    }
                }
            }
        }
        let fallback = match best.payload {
            Some(_) => "the other one is used, and what came after it is read again",
            None => "there is no other: everything is read from the beginning",
        };
        best.complaint = (!damaged.is_empty()).then(|| format!("{}; {fallback}", damaged.join(", and ")));
        Ok(best)
    }

    /// Saves a snapshot, given in pieces, durably, in the place of the older of the two, and returns its generation.
    ///
    /// # Errors
    /// [`SaveError::Full`] leaves both old ones: go on, and try again later. The ballast is not touched, alerts
    /// need it more. [`SaveError::Fatal`]: the process must stop.
    pub fn save(&self, payload: &[&[u8]]) -> Result<u64, SaveError> {
        let generation = self.save_beginning(payload)?;
        lock(&self.lives).reset()?;
        Ok(generation)
    }

    /// The same of one that only says where reading begins: it does not show that this life gets past what others died
    /// of.
    ///
    /// # Errors
    /// As [`SnapshotStore::save`].
    pub fn save_beginning(&self, payload: &[&[u8]]) -> Result<u64, SaveError> {
        let mut generations = lock(&self.generations);
        let older = usize::from(generations[1] < generations[0]);
        let generation = generations[1 - older] + 1;
        let header = header(VERSION, generation, payload);
        let pieces: Vec<_> = std::iter::once(&header[..]).chain(payload.iter().copied()).collect();
        replace_file_by(&self.path(older), &pieces)?;
        generations[older] = generation;
        Ok(generation)
    }

    /// Counts a start, and returns how many there were since a snapshot was last saved, this one included: 3 means
    /// that the process died twice before it could save.
    ///
    /// # Errors
    /// When the count cannot be written. A full disk is no error: the start is counted in memory only.
    pub fn begin_life(&self) -> Result<u32, SaveError> {
        lock(&self.lives).begin()
    }

    /// The record that the analyzer has in hand, written ahead.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn in_hand(&self) -> io::Result<InHand> {
        InHand::open(&self.state.file(&file_name("in-hand-", self.cluster.as_str(), "")))
    }

    /// The records to pass.
    ///
    /// # Errors
    /// When the file may not be read. One that is damaged is no error, see [`Skips::complaint`].
    pub fn skips(&self) -> anyhow::Result<Skips> {
        Skips::open(self.state.file(&file_name("skips-", self.cluster.as_str(), ".json")))
    }

    fn path(&self, slot: usize) -> PathBuf {
        let suffix = if slot == 0 { ".a" } else { ".b" };
        self.state.file(&file_name("snapshot-", self.cluster.as_str(), suffix))
    }
}

fn header(version: u32, generation: u64, payload: &[&[u8]]) -> [u8; HEADER_BYTES] {
    let mut crc = crc32fast::Hasher::new();
    payload.iter().for_each(|piece| crc.update(piece));
    let length: usize = payload.iter().map(|piece| piece.len()).sum();
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    header[12..20].copy_from_slice(&generation.to_le_bytes());
    header[20..28].copy_from_slice(&(length as u64).to_le_bytes());
    header[28..32].copy_from_slice(&crc.finalize().to_le_bytes());
    let crc = crc32fast::hash(&header[..32]);
    header[32..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn read(path: &Path) -> io::Result<Found> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        // The medium gave up on this file; the other generation may be fine.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            return Ok(Found::Damaged("cannot be read from the disk"));
        }
        Err(error) => return Err(error),
    };
    let Some((version, generation)) = parse_header(&bytes) else { return Ok(Found::Damaged("has a damaged header")) };
    if version > VERSION {
        return Ok(Found::Newer(version));
    }
    let payload = &bytes[HEADER_BYTES..];
    if header(version, generation, &[payload]) != bytes[..HEADER_BYTES] {
        return Ok(Found::Damaged("is damaged"));
    }
    bytes.drain(..HEADER_BYTES);
    Ok(Found::Good { generation, payload: bytes })
}

/// Version and generation, when the header's own checksum is right.
fn parse_header(bytes: &[u8]) -> Option<(u32, u64)> {
    let header = bytes.get(..HEADER_BYTES)?;
    let crc = crc32fast::hash(&header[..32]).to_le_bytes();
    if header[..8] != MAGIC || header[32..] != crc {
        return None;
    }
    let version = u32::from_le_bytes(header[8..12].try_into().ok()?);
    Some((version, u64::from_le_bytes(header[12..20].try_into().ok()?)))
}

#[cfg(test)]
mod tests;
