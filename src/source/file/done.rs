//! A file that was read to its end, held until nobody can ask for it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::log::Log;
use super::reader::{Piece, Reader};

/// A file before the one being read.
pub struct Done {
    /// The file.
    pub log: Log,
    /// Where it was left, as long as it is held.
    reader: Option<Reader>,
    /// The number of the last input from it.
    number: u64,
    /// When it last gave something.
    quiet_since: Instant,
}

/// What came into a file after it was left.
pub struct Late {
    /// The file.
    pub name: Arc<str>,
    /// What came.
    pub piece: Piece,
    /// The file has no name any more and this was not told yet: the offset that was reached.
    pub vanishing: Option<u64>,
}

impl Done {
    /// A file just read; `number` is that of its last input.
    pub fn held(mut reader: Reader, number: u64) -> Self {
        // What else is in the folder is compared with it from now on.
        reader.log.measure().ok();
        Self { log: reader.log.clone(), reader: Some(reader), number, quiet_since: Instant::now() }
    }

    /// A file that was read earlier. It is held, if it can be, until the input `number` is saved.
    pub fn earlier(log: Log, number: u64) -> Self {
        Self { log, reader: None, number, quiet_since: Instant::now() }
    }

    /// Lets go of the file if inputs up to `saved` are safe. A removed file that somebody may still write into is kept
    /// for `patience` after it last gave something.
    pub fn release(&mut self, saved: u64, patience: Duration) {
        let is_safe = self.number <= saved;
        if self.log.file.is_none() || !is_safe {
            return;
        }
        let unlinked = self.reader.as_ref().is_some_and(Reader::is_unlinked);
        if !unlinked || self.quiet_since.elapsed() > patience {
            self.close();
        }
    }

    /// Lets go of the file.
    pub fn close(&mut self) {
        (self.reader, self.log.file) = (None, None);
    }

    /// What came in since, if anything.
    pub fn late(&mut self) -> Option<Late> {
        let reader = self.reader.as_mut()?;
        if !reader.has_grown() {
            return None;
        }
        let piece = reader.next().ok()?;
        self.quiet_since = Instant::now();
        let vanishing = reader.is_vanishing().then(|| reader.offset());
        Some(Late { name: self.log.name().into(), piece, vanishing })
    }
}
