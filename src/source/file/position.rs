//! How far the file source has read, as it stands in a snapshot.

use serde::{Deserialize, Serialize};

use crate::batch::Position;

use super::identity::{Head, Inode, Tail};

/// A place in one file, and all that is needed to find that file again under another name or compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What the file was called, for people.
    pub path: String,
    /// The file on its disk.
    pub inode: Inode,
    /// How it begins.
    pub head: Head,
    /// Bytes of its decompressed content that were read.
    pub offset: u64,
    /// What stands right before the offset.
    pub tail: Tail,
    /// Unix milliseconds: when it was rotated, or last written before it was. Files that came later have a later time.
    pub time_ms: i64,
}

impl Mark {
    /// As it travels.
    pub fn position(&self) -> Position {
        // Strings and numbers always serialize. Were it otherwise, the next start could not read the empty text,
        // say so, and read everything.
        Position::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// What an earlier run wrote.
    pub fn read(position: &Position) -> Result<Self, serde_json::Error> {
        serde_json::from_str(position.as_str())
    }
}

/// A time as people read it.
pub fn time(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).map_or_else(|_| "an unknown time".to_owned(), |time| time.to_string())
}
