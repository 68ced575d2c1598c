//! Opens a log, packed or not, and counts what is read of it on disk.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

use super::files::Log;

/// First bytes of what we can tell by them.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes read from disk at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// A log's decompressed bytes. What is read on disk moves the bar.
pub type Opened = Box<dyn Read>;

/// Opens a log. What its name says about compression is not believed, its first bytes are.
///
/// # Errors
/// It cannot be read, or is compressed in a way we do not know.
pub fn open(log: &Log, bar: &ProgressBar) -> io::Result<Opened> {
    match log {
        Log::File(path) => unpack(bar.wrap_read(File::open(path)?)),
        Log::Stdin => unpack(bar.wrap_read(io::stdin())),
    }
}

fn unpack(mut raw: impl Read + 'static) -> io::Result<Opened> {
    let mut head = Vec::with_capacity(ZSTD.len());
    raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let packed = head.starts_with(&GZIP);
    if head.starts_with(&ZSTD) {
        return Err(io::Error::other(
            "it is compressed with zstd, which is not read: decompress it with `zstd -d` first",
        ));
    }
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(raw));
    Ok(if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
