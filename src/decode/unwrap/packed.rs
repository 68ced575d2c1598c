//! Base64 and gzip, with bounds: a few kilobytes can inflate to gigabytes.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

/// Most bytes inflated out of one wrapping. Beyond it the rest of that wrapping is quarantined: `CloudWatch` packs at
/// most 1 MiB of messages, Firehose a few megabytes.
pub(super) const INFLATED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How compressed bytes begin.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";

/// What was compressed, as far as `room` goes, which becomes less by it. Bytes that are not compressed stay as they are.
pub(super) fn inflate(bytes: &[u8], room: &mut usize) -> Result<Vec<u8>, &'static str> {
    if !bytes.starts_with(GZIP) {
        return Ok(bytes.to_vec());
    }
    let mut inflated = Vec::new();
    let limit = u64::try_from(*room).unwrap_or(u64::MAX);
    let read = MultiGzDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut inflated);
    let left = room.checked_sub(inflated.len());
    *room = left.unwrap_or(0);
    match (left, read) {
        (None, _) => Err("inflates-too-far"),
        (Some(_), Err(_)) => Err("not-gzip"),
        (Some(_), Ok(_)) => Ok(inflated),
    }
}

/// What stands in base64, inflated if it is compressed.
pub(super) fn unpack(text: &str, room: &mut usize) -> Result<Vec<u8>, &'static str> {
    let bytes = STANDARD.decode(text.trim_ascii()).map_err(|_| "not-base64")?;
    inflate(&bytes, room)
}
