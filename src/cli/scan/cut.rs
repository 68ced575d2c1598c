//! Cuts a stream of bytes into pieces of whole records.

use std::io::{self, Read};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::framing::{Depth, detect};
use crate::batch::{Framing, NoticeKind, OVERSIZED_PREFIX_BYTES};

/// Bytes of a piece: enough to keep the cost of a batch small beside its records. A longer record makes a longer piece.
const PIECE_BYTES: usize = 1024 * 1024;

/// Bytes asked for at a time, and looked at to tell lines from documents.
const READ_BYTES: usize = 256 * 1024;

/// Longest line. A longer one is passed over and raised.
const LINE_BYTES_MAX: usize = 100_000_000;

/// Longest document. Reading stops at a longer one: where it ends is not known.
const DOCUMENT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What is cut off at a time.
#[derive(Debug)]
pub enum Piece {
    /// Whole records.
    Records {
        /// Their bytes.
        bytes: Bytes,
        /// How they follow each other.
        framing: Framing,
        /// Where they begin in the decompressed stream.
        start: u64,
    },
    /// Something else to say.
    Notice {
        /// What.
        kind: NoticeKind,
        /// Where it begins in the decompressed stream.
        start: u64,
    },
}

/// A stream that is cut.
#[derive(Debug)]
pub struct Cutter<R> {
    reader: R,
    /// Read and not yet cut off.
    held: Vec<u8>,
    /// Where `held` begins in the decompressed stream.
    start: u64,
    framing: Option<Framing>,
    depth: Depth,
    /// How much of `held` was searched, and the end of the last whole record in that.
    searched: usize,
    whole: usize,
    ended: bool,
    /// Told once everything before it is cut off.
    failure: Option<io::Error>,
    line_max: usize,
    document_max: usize,
}

impl<R: Read> Cutter<R> {
    /// Cuts what `reader` gives.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            held: Vec::new(),
            start: 0,
            framing: None,
            depth: Depth::default(),
            searched: 0,
            whole: 0,
            ended: false,
            failure: None,
            line_max: LINE_BYTES_MAX,
            document_max: DOCUMENT_BYTES_MAX,
        }
    }

    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// Reading failed. What was read before it has been given.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            self.fill();
            let framing = *self.framing.get_or_insert_with(|| detect(&self.held));
            self.search(framing);
            if self.whole >= PIECE_BYTES || (self.ended && self.whole > 0) {
                return Ok(Some(self.cut(framing)));
            }
            if self.ended {
                return self.rest(framing);
            }
            match framing {
                Framing::Lines if self.held.len() - self.whole > self.line_max => return self.too_long().map(Some),
                Framing::Documents if self.held.len() - self.whole > self.document_max => {
                    let limit = self.document_max >> 20;
                    return Err(io::Error::other(format!("a JSON document is longer than {limit} MiB")));
                }
                _ => {}
            }
        }
    }

    /// Reads once. An error ends the stream, and is told later.
    fn fill(&mut self) {
        if self.ended {
            return;
        }
        match self.reader.by_ref().take(READ_BYTES as u64).read_to_end(&mut self.held) {
            Ok(READ_BYTES) => {}
            Ok(_) => self.ended = true,
            Err(error) => (self.ended, self.failure) = (true, Some(error)),
        }
    }

    /// Finds the end of the last whole record.
    fn search(&mut self, framing: Framing) {
        let fresh = &self.held[self.searched..];
        let end = match framing {
            Framing::Lines => memchr::memrchr(b'\n', fresh).map(|at| at + 1),
            Framing::Documents => self.depth.ends_in(fresh).last().copied(),
        };
        self.whole = end.map_or(self.whole, |end| self.searched + end);
        self.searched = self.held.len();
    }

    /// Cuts the whole records off.
    fn cut(&mut self, framing: Framing) -> Piece {
        let rest = self.held.split_off(self.whole);
        let bytes = Bytes::from(std::mem::replace(&mut self.held, rest));
        let start = self.start;
        self.start += bytes.len() as u64;
        (self.searched, self.whole) = (self.held.len(), 0);
        Piece::Records { bytes, framing, start }
    }

    /// What is left at the end: a line without a newline, or a document without its end.
    fn rest(&mut self, framing: Framing) -> io::Result<Option<Piece>> {
        if self.held.trim_ascii().is_empty() {
            self.held.clear();
            return self.failure.take().map_or(Ok(None), Err);
        }
        self.whole = self.held.len();
        // A line that a failed read cut short is torn; one that ends a file may be all there.
        let torn = self.failure.is_some() || framing == Framing::Documents;
        Ok(Some(match self.cut(framing) {
            Piece::Records { bytes, start, .. } if torn => Piece::Notice { kind: NoticeKind::Torn { bytes }, start },
            piece => piece,
        }))
    }

    /// Passes over a line that is too long and keeps its beginning.
    fn too_long(&mut self) -> io::Result<Piece> {
        if self.whole > 0 {
            return Ok(self.cut(Framing::Lines));
        }
        let start = self.start;
        let prefix = Bytes::copy_from_slice(&self.held[..self.held.len().min(OVERSIZED_PREFIX_BYTES)]);
        let mut hash = Sha256::new();
        let mut length = 0;
        loop {
            let newline = memchr::memchr(b'\n', &self.held);
            let line = newline.unwrap_or(self.held.len());
            hash.update(&self.held[..line]);
            length += line as u64;
            self.held.drain(..newline.map_or(line, |at| at + 1));
            if newline.is_some() || self.ended {
                break;
            }
            self.fill();
        }
        // The memory the long line took is given back.
        self.held.shrink_to(PIECE_BYTES);
        (self.start, self.searched, self.whole) = (start + length + 1, 0, 0);
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Piece::Notice { kind: NoticeKind::Oversized { length, prefix, sha256 }, start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of `text`, records as text and notices as their word.
    fn pieces(mut cutter: Cutter<impl Read>) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        loop {
            match cutter.next() {
                Ok(None) => return all,
                Ok(Some(Piece::Records { bytes, start, .. })) => {
                    all.push((start, String::from_utf8_lossy(&bytes).into_owned()));
                }
                Ok(Some(Piece::Notice { kind, start })) => all.push((start, kind.word().to_owned())),
                Err(error) => {
                    all.push((0, error.to_string()));
                    return all;
                }
            }
        }
    }

    #[test]
    fn a_small_file_is_one_piece() {
        assert_eq!(pieces(Cutter::new(&b""[..])), []);
        assert_eq!(pieces(Cutter::new(&b" \n\n"[..])), [(0, " \n\n".to_owned())]);
        let log = "{\"a\":1}\n{\"a\":2}\n";
        assert_eq!(pieces(Cutter::new(log.as_bytes())), [(0, log.to_owned())]);
    }

    #[test]
    fn a_last_line_without_newline_is_given() {
        let log = "{\"a\":1}\n{\"a\":2}";
        assert_eq!(pieces(Cutter::new(log.as_bytes())), [(0, "{\"a\":1}\n".to_owned()), (8, "{\"a\":2}".to_owned())]);
    }

    #[test]
    fn pieces_of_a_long_log_are_whole_lines_and_nothing_is_lost() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(700_001));
        let log = line.repeat(7);
        let pieces = pieces(Cutter::new(log.as_bytes()));
        assert!(pieces.len() > 2);
        assert!(pieces.iter().all(|(_, piece)| piece.starts_with('{') && piece.ends_with("}\n")));
        assert_eq!(pieces.iter().map(|(_, piece)| piece.as_str()).collect::<String>(), log);
        assert!(pieces.iter().all(|(start, _)| start % line.len() as u64 == 0));
    }

    #[test]
    fn documents_are_whole_and_one_without_an_end_is_torn() {
        let document = format!("{{\n \"a\": \"{}\\\"}}\"\n}}\n", "x".repeat(600_000));
        let text = document.repeat(5) + "{\n \"torn\": 1";
        let pieces = pieces(Cutter::new(text.as_bytes()));
        let (last, whole) = pieces.split_last().unwrap();
        assert_eq!(last.1, "torn");
        let rest: String = whole.iter().map(|(_, piece)| piece.as_str()).collect();
        assert_eq!(rest.trim_end(), document.repeat(5).trim_end());
        assert!(whole.len() > 1 && whole.iter().all(|(_, piece)| piece.trim_end().ends_with('}')));
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_its_neighbours_are_kept() {
        let long = "y".repeat(3_000_000);
        let text = format!("{{\"a\":1}}\n{long}\n{{\"a\":2}}\n");
        let mut cutter = Cutter::new(text.as_bytes());
        cutter.line_max = 1_000_000;
        let pieces = pieces(cutter);
        let expected = [(0, "{\"a\":1}\n"), (8, "oversized"), (3_000_009, "{\"a\":2}\n")];
        assert_eq!(pieces, expected.map(|(start, text)| (start, text.to_owned())));
    }

    #[test]
    fn an_endless_document_is_an_error() {
        let text = "{\n".repeat(1_000_000);
        let mut cutter = Cutter::new(text.as_bytes());
        cutter.document_max = 1_000_000;
        assert_eq!(pieces(cutter), [(0, "a JSON document is longer than 0 MiB".to_owned())]);
    }

    #[test]
    fn what_was_read_before_a_failure_is_given() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let pieces = pieces(Cutter::new(b"{\"a\":1}\n{\"a\":".chain(Failing)));
        let expected = [(0, "{\"a\":1}\n"), (8, "torn"), (0, "broken")];
        assert_eq!(pieces, expected.map(|(start, text)| (start, text.to_owned())));
    }
}
