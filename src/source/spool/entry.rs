//! What stands in a spool's record: a byte that says what it is, and then a body or a notice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::OwnedSemaphorePermit;

use crate::batch::{NoticeKind, Place};

/// The header in which a forwarding Gatecrier says that it has more to send.
pub const STANDING_HEADER: &str = "gatecrier-standing";

/// Its value then.
pub const STANDING_BEHIND: &str = "behind";

/// The content type of a notice, as another Gatecrier posts it: a gap in its log and the like.
pub const NOTICE_TYPE: &str = "application/vnd.gatecrier.notice+json";

/// Whether its sender has more that it could send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is up to date: nobody has to wait for it.
    AtEnd,
    /// It has more: what others send meanwhile may be newer than what comes next from it.
    Behind,
}

/// A body or a notice, to be kept.
#[derive(Debug)]
pub struct Entry {
    /// As it stands on the disk.
    pub(super) record: Vec<u8>,
    /// The share of the memory for bodies that it occupies until it is on the disk.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// Something that was posted besides events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where it happened, in the sender's words.
    pub at: Place,
    /// What happened.
    pub kind: ToldKind,
}

/// What a sender can tell; see [`NoticeKind`] for what each means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldKind {
    /// Records were lost before they were read.
    Gap {
        /// What is known of the loss.
        detail: String,
    },
    /// A record, or a whole body, was longer than the limit.
    Oversized {
        /// Bytes.
        length: u64,
        /// Its first bytes.
        #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
        prefix: Bytes,
        /// Hexadecimal SHA-256 of the whole.
        sha256: String,
    },
    /// A partial last line that nobody will finish.
    Torn {
        /// The bytes of the line.
        #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
        bytes: Bytes,
    },
    /// The live log file was removed.
    Vanished,
    /// The log file was cut short in place.
    Truncated {
        /// What was seen.
        detail: String,
    },
}

/// The most characters of a detail that a sender may tell. Beyond it they are left out.
const DETAIL_CHARACTERS_MAX: usize = 500;

const BODY: u8 = b'B';
const BODY_BEHIND: u8 = b'b';
const NOTICE: u8 = b'N';
const NOTICE_BEHIND: u8 = b'n';

impl Entry {
    /// What a body's bytes are put behind, so that nothing is copied later.
    pub fn body_start(standing: Standing) -> Vec<u8> {
        vec![if standing == Standing::AtEnd { BODY } else { BODY_BEHIND }]
    }

    /// A body behind what [`Entry::body_start`] gave.
    pub fn body(record: Vec<u8>, room: Option<OwnedSemaphorePermit>) -> Self {
        Self { record, _room: room }
    }

    /// A notice. Its text is bounded.
    pub fn notice(told: &Told, standing: Standing) -> Self {
        let mut record = vec![if standing == Standing::AtEnd { NOTICE } else { NOTICE_BEHIND }];
        // Text and numbers only: JSON holds them all.
        record.extend(serde_json::to_vec(told).unwrap_or_default());
        Self { record, _room: None }
    }
}

/// A record read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Body(Vec<u8>),
    Notice(Box<Told>),
}

/// What a record holds. One that says nothing we know is taken for a body: it will be looked at, and raised.
pub(super) fn read(mut record: Vec<u8>) -> (Kept, Standing) {
    let first = record.first().copied().unwrap_or(BODY);
    let standing = if matches!(first, BODY_BEHIND | NOTICE_BEHIND) { Standing::Behind } else { Standing::AtEnd };
    if matches!(first, NOTICE | NOTICE_BEHIND)
        && let Ok(told) = serde_json::from_slice(&record[1..])
    {
        return (Kept::Notice(Box::new(told)), standing);
    }
    // A space before a body changes nothing, and moving tens of megabytes would.
    if let Some(first) = record.first_mut() {
        *first = b' ';
    }
    (Kept::Body(record), standing)
}

impl Told {
    /// What a source has to say, if a sender can tell it.
    pub fn of(at: &Place, kind: &NoticeKind) -> Option<Self> {
        let kind = match kind.clone() {
            NoticeKind::Begun | NoticeKind::AtEnd | NoticeKind::Poison { .. } => return None,
            NoticeKind::Gap { detail } => ToldKind::Gap { detail },
            NoticeKind::Oversized { length, prefix, sha256 } => ToldKind::Oversized { length, prefix, sha256 },
            NoticeKind::Torn { bytes } => ToldKind::Torn { bytes },
            NoticeKind::Vanished => ToldKind::Vanished,
            NoticeKind::Truncated { detail } => ToldKind::Truncated { detail },
        };
        Some(Self { at: at.clone(), kind })
    }

    /// As our own source says it.
    pub(super) fn into_kind(self) -> NoticeKind {
        let short = |detail: String| detail.chars().take(DETAIL_CHARACTERS_MAX).collect();
        match self.kind {
            ToldKind::Gap { detail } => NoticeKind::Gap { detail: short(detail) },
            ToldKind::Oversized { length, prefix, sha256 } => NoticeKind::Oversized { length, prefix, sha256 },
            ToldKind::Torn { bytes } => NoticeKind::Torn { bytes },
            ToldKind::Vanished => NoticeKind::Vanished,
            ToldKind::Truncated { detail } => NoticeKind::Truncated { detail: short(detail) },
        }
    }
}

fn to_base64<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}
