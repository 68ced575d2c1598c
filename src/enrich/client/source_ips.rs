//! Reads `sourceIPs` as logged. All of it but the last entry is written by the client, up to a megabyte of it.

use std::net::IpAddr;

use super::CHAIN_MAX;

/// Longest text of an address: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. Nothing longer is looked into.
const ADDRESS_BYTES_MAX: usize = 45;

/// The end of a chain, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceIps {
    /// The last entries in log order, at most [`CHAIN_MAX`]; nothing for what is no address.
    pub entries: Vec<Option<IpAddr>>,
    /// How many entries the log holds.
    pub total: usize,
}

/// Reads the JSON array of an event's `sourceIPs`.
///
/// Absent bytes and `null` are an empty chain. Where the array is cut short or is no array, its genuine end is lost:
/// then the last entry is nothing, whatever stands before it. Addresses are strict (no leading zeros, zone ids, ports),
/// v4-mapped ones come out as IPv4. Time is linear; memory is bounded by [`CHAIN_MAX`] entries.
pub fn parse_source_ips(raw: &[u8]) -> SourceIps {
    let raw = raw.trim_ascii();
    if raw.is_empty() || raw == b"null" {
        return SourceIps::default();
    }
    let mut last = Last { entries: [&[]; CHAIN_MAX], total: 0 };
    if walk(raw, &mut last).is_none() {
        last.push(b"");
    }
    last.parse()
}

/// The last raw entries, in a ring.
struct Last<'a> {
    entries: [&'a [u8]; CHAIN_MAX],
    total: usize,
}

impl<'a> Last<'a> {
    fn push(&mut self, entry: &'a [u8]) {
        self.entries[self.total % CHAIN_MAX] = entry;
        self.total += 1;
    }

    fn parse(&self) -> SourceIps {
        let kept = self.total.min(CHAIN_MAX);
        let entries = (self.total - kept..self.total).map(|at| address(self.entries[at % CHAIN_MAX])).collect();
        SourceIps { entries, total: self.total }
    }
}

/// Takes every entry of the array; nothing if it is not whole.
fn walk<'a>(raw: &'a [u8], last: &mut Last<'a>) -> Option<()> {
    let mut rest = raw.strip_prefix(b"[")?.trim_ascii_start();
    if let Some(after) = rest.strip_prefix(b"]") {
        return after.is_empty().then_some(());
    }
    loop {
        let length = element(rest)?;
        last.push(&rest[..length]);
        rest = rest[length..].trim_ascii_start();
        match rest.split_first()? {
            (b',', after) => rest = after.trim_ascii_start(),
            (b']', after) => return after.is_empty().then_some(()),
            _ => return None,
        }
    }
}

/// Bytes of the array element that `raw` begins with. What is no string is passed over whole.
fn element(raw: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match raw.get(at)? {
            b'"' => at += string(&raw[at..])?,
            b'[' | b'{' => (at, depth) = (at + 1, depth + 1),
            b']' | b'}' if depth > 0 => (at, depth) = (at + 1, depth - 1),
            b',' | b']' | b'}' if depth == 0 => return (at > 0).then_some(at),
            _ => at += 1,
        }
        if depth == 0 && raw[0] == b'"' {
            return Some(at);
        }
    }
}

/// Bytes of the JSON string that `raw` begins with, quotes included.
fn string(raw: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', raw.get(at..)?)?;
        if raw[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The address in an element. One that is written with escapes was not written by an API server.
fn address(element: &[u8]) -> Option<IpAddr> {
    let text = element.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if text.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}
