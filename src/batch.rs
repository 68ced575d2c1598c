//! What sources hand over: batches of records, and notices about them.
//!
//! A batch cannot exist without the position it reaches. The analyzer keeps the last
//! position of each source beside its memory, so the two can never disagree.

mod envelope;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use envelope::{Envelope, Origin, Wrapping};

/// Names one thing that is read in order: a log file with its backups, a Kafka partition, a spool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// A source's name as people read it, such as `file:/var/log/kubernetes/audit.log`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names the cluster whose API servers wrote the records. It comes from the configuration, never from an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterId(Arc<str>);

impl ClusterId {
    /// A cluster's name as configured.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a source has been read. Only the source that wrote it can read it; everybody else carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(Arc<str>);

impl Position {
    /// A position as its source writes it.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text its source wrote.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where bytes stand, for people: a file and the offset in its decompressed bytes, or a partition and its offset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, or `topic/partition`.
    pub name: Arc<str>,
    /// Bytes from the start of the decompressed file, or the record's offset in the partition.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.offset)
    }
}

/// How records follow each other in a batch's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One record a line, as the API server writes them. Every line is whole; the last one may lack its newline.
    Lines,
    /// JSON documents one after the other, pretty-printed or not. Every document is whole.
    Documents,
}

/// Records of one source and cluster, and the position they reach.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whence the records came.
    pub source: SourceId,
    /// Whose records they are.
    pub cluster: ClusterId,
    /// The records, as they came.
    pub bytes: Bytes,
    /// How they follow each other.
    pub framing: Framing,
    /// What stands around them.
    pub envelope: Envelope,
    /// Where the first byte stands.
    pub start: Place,
    /// The position once every record in it has been analyzed.
    pub upto: Position,
    /// The source had nothing more to read after this batch: it is not waited for until it sends again.
    pub at_end: bool,
}

impl Batch {
    /// Where the record at `offset` of the bytes stands.
    pub fn place(&self, offset: usize) -> Place {
        Place { name: Arc::clone(&self.start.name), offset: self.start.offset + offset as u64 }
    }
}

/// What a source has to say besides records. It stands in the stream at the place where it happened.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Who says it.
    pub source: SourceId,
    /// About whose records.
    pub cluster: ClusterId,
    /// Where it begins; an alert about it takes its id from source, kind and this place.
    pub at: Place,
    /// The position once the notice has been taken, when it moves the source on.
    pub upto: Option<Position>,
    /// What happened.
    pub kind: NoticeKind,
}

/// What a source can say.
#[derive(Debug, Clone)]
pub enum NoticeKind {
    /// Reading begins here: for the first time, or with the next file.
    Begun,
    /// Nothing more to read now, or nothing that can be read: do not wait for this source.
    AtEnd,
    /// Records were lost before we could read them; what comes next in this source is on the far side of the gap.
    Gap {
        /// What is known of the loss, as a clause: `2 rotated files were removed before they were read`.
        detail: String,
    },
    /// A record longer than the limit was passed over. What could be read of it is in the quarantine.
    Oversized {
        /// Length in bytes.
        length: u64,
        /// Its first bytes, at most [`OVERSIZED_PREFIX_BYTES`].
        prefix: Bytes,
        /// Hexadecimal SHA-256 of the whole record.
        sha256: String,
    },
    /// A partial last line that nobody will finish; it is a torn record.
    Torn {
        /// The bytes of the line, without a newline.
        bytes: Bytes,
    },
    /// A record that stopped the analysis before, passed over this time.
    Poison {
        /// The record.
        bytes: Bytes,
    },
    /// The live log file was removed while the API server still writes into it: evidence is vanishing.
    Vanished,
    /// The log file was cut short in place, or its position no longer fits it; reading goes on from its start.
    Truncated {
        /// What was seen, as a clause.
        detail: String,
    },
}

impl NoticeKind {
    /// What comes next does not go on where it ended before: a record that was begun will not be finished.
    pub fn breaks_off(&self) -> bool {
        !matches!(self, Self::Begun | Self::AtEnd | Self::Vanished)
    }

    /// One word for ids, metrics and the like.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::AtEnd => "at-end",
            Self::Gap { .. } => "gap",
            Self::Oversized { .. } => "oversized",
            Self::Torn { .. } => "torn",
            Self::Poison { .. } => "poison",
            Self::Vanished => "vanished",
            Self::Truncated { .. } => "truncated",
        }
    }
}

/// Most bytes kept of a record that is longer than the limit; enough for everything before its bodies.
pub const OVERSIZED_PREFIX_BYTES: usize = 64 * 1024;

/// What travels from sources to the analyzer.
#[derive(Debug, Clone)]
pub enum Input {
    /// Records.
    Batch(Batch),
    /// Something else.
    Notice(Notice),
}

impl Input {
    /// Who sent it.
    pub fn source(&self) -> &SourceId {
        match self {
            Self::Batch(batch) => &batch.source,
            Self::Notice(notice) => &notice.source,
        }
    }

    /// Bytes it keeps in memory while it travels.
    pub fn weight(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.bytes.len(),
            Self::Notice(Notice { kind: NoticeKind::Oversized { prefix, .. }, .. }) => prefix.len(),
            Self::Notice(Notice { kind: NoticeKind::Torn { bytes } | NoticeKind::Poison { bytes }, .. }) => bytes.len(),
            Self::Notice(_) => 0,
        }
    }
}
