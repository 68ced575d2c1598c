//! Records that killed the analyzer, to be passed from then on.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::SaveError;
use crate::hex::hex;
use crate::state::replace_file;

/// Most records passed. Beyond it the oldest is forgotten; should it be read again, it is found again.
pub const SKIPS_MAX: usize = 1000;

/// One record to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Hexadecimal SHA-256 of the record's bytes.
    pub sha256: String,
    /// The generation of the snapshot on which it killed the analyzer.
    pub generation: u64,
}

/// The records to pass.
#[derive(Debug)]
pub struct Skips {
    path: PathBuf,
    /// Oldest first.
    list: Vec<Skip>,
    complaint: Option<String>,
}

impl Skips {
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => b"[]".to_vec(),
            other => other.with_context(|| format!("read {}", path.display()))?,
        };
        let (list, complaint) = match serde_json::from_slice(&bytes) {
            Ok(list) => (list, None),
            // Written anew with the next death: no reason not to start.
            Err(error) => (Vec::new(), Some(format!("the list of records to pass is damaged: {error}"))),
        };
        Ok(Self { path, list, complaint })
    }

    /// What is wrong with the file, as a sentence.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Whether none is to be passed, so that nobody needs to hash records.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the record with this SHA-256 is to be passed.
    pub fn contains(&self, hash: &[u8; 32]) -> bool {
        let sha256 = hex(hash);
        self.list.iter().any(|skip| skip.sha256 == sha256)
    }

    /// The records, oldest first.
    pub fn list(&self) -> &[Skip] {
        &self.list
    }

    /// Adds a record, durably.
    ///
    /// # Errors
    /// When the list cannot be written; in memory it is passed all the same.
    pub fn add(&mut self, hash: &[u8; 32], generation: u64) -> Result<(), SaveError> {
        if self.contains(hash) {
            return Ok(());
        }
        self.list.push(Skip { sha256: hex(hash), generation });
        let surplus = self.list.len().saturating_sub(SKIPS_MAX);
        self.list.drain(..surplus);
        let bytes = serde_json::to_vec_pretty(&self.list);
        let bytes = bytes.map_err(|error| SaveError::fatal("write", &self.path, error.into()))?;
        replace_file(&self.path, &bytes)
    }
}
