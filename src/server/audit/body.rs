//! A body on its way into memory: decompressed, within its own limit and the one for all.

use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use flate2::write::MultiGzDecoder;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Refusal;
use crate::batch::OVERSIZED_PREFIX_BYTES;
use crate::hex::hex;

/// The least that is asked of the memory for bodies at a time, bytes. Most bodies ask once.
const STEP_BYTES: usize = 64 * 1024;

/// The most that is believed of `Content-Length` before the bytes are there, bytes.
const BELIEVED_BYTES_MAX: usize = 1024 * 1024;

/// So many times the limit of a body that is too long are hashed; what follows is only counted.
const HASHED_MAX: u64 = 8;

/// What came in.
#[derive(Debug)]
pub(super) enum Taken {
    /// All of it, behind what it was begun with.
    Whole { bytes: Vec<u8>, room: Option<OwnedSemaphorePermit> },
    /// More than the limit: its first bytes, its length and the hash of all.
    TooLong { prefix: Bytes, length: u64, sha256: String },
}

/// Takes a body in, behind `start`, as far as the limit and the memory for all bodies go.
pub(super) async fn take(
    body: &mut Body,
    headers: &HeaderMap,
    start: Vec<u8>,
    limit: u64,
    memory: &Arc<Semaphore>,
) -> Result<Taken, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut basin = Basin::new(start, limit, memory);
    basin.make_room(announced.unwrap_or_default().min(BELIEVED_BYTES_MAX))?;
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes().trim_ascii()) {
        None | Some(b"" | b"identity") => {
            while let Some(bytes) = next(body).await? {
                basin.pour(&bytes)?;
            }
            Ok(basin.taken())
        }
        Some(encoding) if encoding.eq_ignore_ascii_case(b"gzip") => unzip(body, basin).await,
        Some(_) => Err(Refusal::Encoding),
    }
}

/// What was compressed wrongly is kept as far as it goes, like any record that is not whole.
async fn unzip(body: &mut Body, basin: Basin) -> Result<Taken, Refusal> {
    let mut decoder = MultiGzDecoder::new(basin);
    let mut sound = true;
    while let Some(bytes) = next(body).await? {
        // Behind a fault it is only read to its end, so that the sender is there for the answer.
        sound = sound && decoder.write_all(&bytes).is_ok();
        decoder.get_mut().refused()?;
    }
    if sound {
        // What is missing at the end shows in what there is.
        let _ = decoder.try_finish();
    }
    let basin = decoder.get_mut();
    basin.refused()?;
    match basin.length {
        0 => Err(Refusal::Broken("the body is not gzip")),
        _ => Ok(basin.taken()),
    }
}

/// Reads on and forgets, so that a sender that has not written all yet sees the answer instead of a cut connection.
pub(super) async fn drain(body: &mut Body, most: u64) {
    let mut read = 0;
    while read < most
        && let Ok(Some(bytes)) = next(body).await
    {
        read += bytes.len() as u64;
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::Broken("the body did not come to its end")),
            // Trailers say nothing to us.
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// What has come in of one body.
struct Basin {
    bytes: Vec<u8>,
    /// Bytes that are not the body's own.
    start: usize,
    room: Option<OwnedSemaphorePermit>,
    memory: Arc<Semaphore>,
    limit: u64,
    /// Bytes of the body so far.
    length: u64,
    /// Once it is too long: of all of it.
    hash: Option<Sha256>,
    refusal: Option<Refusal>,
}

impl Basin {
    fn new(bytes: Vec<u8>, limit: u64, memory: &Arc<Semaphore>) -> Self {
        let (start, memory) = (bytes.len(), Arc::clone(memory));
        Self { bytes, start, room: None, memory, limit, length: 0, hash: None, refusal: None }
    }

    fn pour(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.length += bytes.len() as u64;
        if let Some(hash) = &mut self.hash {
            if self.length <= self.limit.saturating_mul(HASHED_MAX) {
                hash.update(bytes);
            }
            return Ok(());
        }
        if self.length > self.limit {
            self.give_up(bytes);
            return Ok(());
        }
        self.make_room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Keeps only the beginning of what is too long.
    fn give_up(&mut self, bytes: &[u8]) {
        self.hash = Some(Sha256::new_with_prefix(&self.bytes[self.start..]).chain_update(bytes));
        let most = self.start + OVERSIZED_PREFIX_BYTES;
        let more = most.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..more]);
        self.bytes.truncate(most);
        self.bytes.shrink_to_fit();
        self.room = None;
    }

    /// Takes a share of the memory for so many bytes more; twice of what there is, if that can be had.
    fn make_room(&mut self, more: usize) -> Result<(), Refusal> {
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = self.bytes.len() + more;
        if needed <= held {
            return Ok(());
        }
        let wanted = needed.max(2 * held).max(STEP_BYTES);
        let acquire = |bytes: usize| {
            let bytes = u32::try_from(bytes - held).ok()?;
            Arc::clone(&self.memory).try_acquire_many_owned(bytes).ok()
        };
        let share = acquire(wanted).or_else(|| acquire(needed)).ok_or(Refusal::Busy)?;
        match &mut self.room {
            Some(room) => room.merge(share),
            None => self.room = Some(share),
        }
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.bytes.reserve_exact(held - self.bytes.len());
        Ok(())
    }

    fn refused(&mut self) -> Result<(), Refusal> {
        self.refusal.take().map_or(Ok(()), Err)
    }

    fn taken(&mut self) -> Taken {
        let mut bytes = std::mem::take(&mut self.bytes);
        match self.hash.take() {
            None => Taken::Whole { bytes, room: self.room.take() },
            Some(hash) => {
                bytes.drain(..self.start);
                Taken::TooLong { prefix: bytes.into(), length: self.length, sha256: hex(&hash.finalize()) }
            }
        }
    }
}

/// For the decompressor.
impl Write for Basin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.pour(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(refusal) => {
                self.refusal = Some(refusal);
                Err(io::Error::other("no room"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
