//! What makes a log file itself, whatever it is called now.
//!
//! Names change at a rotation and inodes are used again, so a file is known by its content: how it begins (the
//! head) and what stands right before the offset that was reached (the tail). Both are kept as a hash and a length.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Most bytes a head covers. Audit ids stand within the first 200, so files that agree in so many are copies.
pub const HEAD_BYTES: usize = 1024;

/// Most bytes a tail covers.
pub const TAIL_BYTES: usize = 64;

/// A file on its disk. Numbers of removed files are used again; the time of birth tells such files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    dev: u64,
    ino: u64,
    /// Nanoseconds of Unix time; nothing where the file system does not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<u64>,
}

impl Inode {
    /// The inode that was looked at.
    pub fn of(meta: &Metadata) -> Self {
        let born = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self { dev: meta.dev(), ino: meta.ino(), born: born.and_then(|age| u64::try_from(age.as_nanos()).ok()) }
    }

    /// Whether it is known for sure to be the same file, and not a later one that got its number.
    pub fn surely(self, other: Self) -> bool {
        self.born.is_some() && self == other
    }
}

/// How a file begins: its first bytes after any NUL hole, up to [`HEAD_BYTES`], and whole lines as long as there are
/// fewer. A line that is being written says nothing yet: all audit events begin alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    len: usize,
    sha256: String,
}

impl Head {
    /// The head of a file that starts with `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let len = match bytes.len() {
            HEAD_BYTES.. => HEAD_BYTES,
            _ => memchr::memrchr(b'\n', bytes).map_or(0, |newline| newline + 1),
        };
        if len == 0 { Self::default() } else { Self { len, sha256: sha256(&bytes[..len]) } }
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.len == 0
    }

    /// Whether it will not grow any more.
    pub fn is_full(&self) -> bool {
        self.len == HEAD_BYTES
    }

    /// Whether a file that starts with `bytes` is this one, maybe grown.
    pub fn begins(&self, bytes: &[u8]) -> bool {
        !self.is_unknown() && bytes.get(..self.len).is_some_and(|first| sha256(first) == self.sha256)
    }
}

/// Reads what [`Head::of`] wants: the first bytes after any NULs. What a torn file gives is taken.
pub fn first_bytes(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(HEAD_BYTES);
    let mut chunk = [0; 16 * HEAD_BYTES];
    while first.len() < HEAD_BYTES {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_torn(&error) => break,
            Err(error) => return Err(error),
        };
        let nuls = if first.is_empty() { leading_nuls(read) } else { 0 };
        let wanted = (HEAD_BYTES - first.len()).min(read.len() - nuls);
        first.extend_from_slice(&read[nuls..nuls + wanted]);
    }
    Ok(first)
}

/// Whether a compressed file ends too early or is damaged, as opposed to a failure to read it.
pub fn is_torn(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    error.raw_os_error().is_none() && matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput)
}

/// How many NULs `bytes` starts with.
pub fn leading_nuls(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())
}

/// What stands right before an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    len: usize,
    sha256: String,
}

impl Tail {
    /// Bytes it covers.
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// Whether `bytes` are what it covers.
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.len && sha256(bytes) == self.sha256
    }
}

/// The last bytes before an offset, as reading moves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window(Vec<u8>);

impl Window {
    /// The offset moved past `bytes`.
    pub fn pass(&mut self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let kept = self.0.len().min(TAIL_BYTES - last.len());
        self.0.drain(..self.0.len() - kept);
        self.0.extend_from_slice(last);
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As a position keeps them.
    pub fn tail(&self) -> Tail {
        Tail { len: self.0.len(), sha256: sha256(&self.0) }
    }
}

/// Hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_counts_whole_lines_until_it_is_full() {
        assert!(Head::of(b"{\"kind\":\"Ev").is_unknown());
        let head = Head::of(b"one\ntwo");
        assert!(head.begins(b"one\n") && head.begins(b"one\ntwenty\n"));
        assert!(!head.begins(b"one") && !head.begins(b"two\n"));
        let long = vec![b'x'; HEAD_BYTES + 7];
        assert_eq!(Head::of(&long), Head::of(&long[..HEAD_BYTES]));
    }

    #[test]
    fn a_head_starts_after_a_hole() {
        let mut bytes = vec![0; 100_000];
        bytes.extend_from_slice(b"line\nmore");
        assert_eq!(first_bytes(&bytes[..]).unwrap(), b"line\nmore");
        assert_eq!(first_bytes(&[0; 5000][..]).unwrap(), b"");
    }

    #[test]
    fn a_window_keeps_the_last_bytes() {
        let all: Vec<u8> = (0..200).collect();
        for cut in [0, 1, 63, 64, 65, 199] {
            let mut window = Window::default();
            window.pass(&all[..cut]);
            window.pass(&all[cut..]);
            assert_eq!(window.bytes(), &all[200 - TAIL_BYTES..], "cut at {cut}");
        }
        assert!(Window::default().tail().is(b""));
    }
}
