//! A line longer than the limit, passed over without being held.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::batch::OVERSIZED_PREFIX_BYTES;

use crate::hex::hex;

/// A long line while it is passed over.
#[derive(Debug)]
pub struct Long {
    offset: u64,
    length: u64,
    prefix: Vec<u8>,
    sha256: Sha256,
}

/// What is left of it.
#[derive(Debug)]
pub struct LongLine {
    /// Where it begins.
    pub offset: u64,
    /// Bytes, without the newline.
    pub length: u64,
    /// Its first bytes.
    pub prefix: Bytes,
    /// Hexadecimal hash of all of it.
    pub sha256: String,
}

impl Long {
    /// A line that begins at `offset`.
    pub fn begin(offset: u64) -> Self {
        Self { offset, length: 0, prefix: Vec::new(), sha256: Sha256::new() }
    }

    /// The line goes on with `bytes`.
    pub fn pass(&mut self, bytes: &[u8]) {
        let wanted = (OVERSIZED_PREFIX_BYTES - self.prefix.len()).min(bytes.len());
        self.prefix.extend_from_slice(&bytes[..wanted]);
        self.sha256.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The line ends.
    pub fn finish(self) -> LongLine {
        let Self { offset, length, prefix, sha256 } = self;
        LongLine { offset, length, prefix: prefix.into(), sha256: hex(&sha256.finalize()) }
    }
}
