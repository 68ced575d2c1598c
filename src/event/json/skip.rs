//! Steps over what nobody has asked for: to the end of a string, or to the bracket that closes another.
//!
//! Brackets are found 64 bytes at a time: a bit for each byte says whether it is a quote, a backslash or a bracket,
//! and a few shifts say which of them stand inside strings. Where JSON is broken so that this could mislead, a plain
//! walk takes over, which also is what the fast way is tested against.

use super::lanes;

/// Bytes looked at together.
const BLOCK: usize = 64;

/// Bytes of a string that are looked at before a search for its end is begun, which takes as long as looking at them.
const SHORT: usize = 48;

/// The offset after the quote that ends the string whose contents begin at `from`.
#[inline]
pub(super) fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at <= from + SHORT {
        let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let (quotes, backslashes) = (lanes::equal(chunk, b'"'), lanes::equal(chunk, b'\\'));
        let found = (quotes | backslashes).trailing_zeros();
        if found >= lanes::WIDTH as u32 {
            at += lanes::WIDTH;
        } else if quotes >> found & 1 == 1 {
            return Some(at + found as usize + 1);
        } else {
            at += found as usize + 2;
        }
    }
    string_end_plainly(bytes, at)
}

fn string_end_plainly(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The offset after the bracket that closes the one at `from`.
pub(super) fn brackets_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0;
    let mut at = from;
    let mut carry = Carry::default();
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let block = match rest.first_chunk::<BLOCK>() {
            Some(whole) => Block::of(whole, &mut carry),
            None => {
                let mut padded = [b' '; BLOCK];
                padded[..rest.len()].copy_from_slice(rest);
                Block::of(&padded, &mut carry)
            }
        };
        if block.is_broken {
            return brackets_end_plainly(bytes, from);
        }
        match block.close(&mut depth) {
            Some(offset) => return Some(at + offset + 1),
            None => at += BLOCK,
        }
    }
    None
}

fn brackets_end_plainly(bytes: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = from;
    loop {
        match *bytes.get(at)? {
            b'"' => at = string_end_plainly(bytes, at + 1)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// What the end of one block means for the start of the next.
#[derive(Default)]
struct Carry {
    /// All ones inside a string.
    in_string: u64,
    /// One when the first byte is escaped.
    escaped: u64,
}

/// The brackets outside strings; bit 0 is the first byte.
struct Block {
    opening: u64,
    closing: u64,
    /// A backslash outside a string: what is a string and what is not can no longer be told by counting quotes.
    is_broken: bool,
}

impl Block {
    #[inline]
    fn of(bytes: &[u8; BLOCK], carry: &mut Carry) -> Self {
        let quotes = bits(bytes, |lane| lanes::equal(lane, b'"'));
        let backslashes = bits(bytes, |lane| lanes::equal(lane, b'\\'));
        // `{` and `[`, and `}` and `]`, differ in one bit, which makes them upper and lower case.
        let opening = bits(bytes, |lane| lanes::equal_in_any_case(lane, b'{'));
        let closing = bits(bytes, |lane| lanes::equal_in_any_case(lane, b'}'));
        let escaped = escaped(backslashes, &mut carry.escaped);
        let quotes = quotes & !escaped;
        let inside = prefix_xor(quotes) ^ carry.in_string;
        carry.in_string = ((inside as i64) >> 63) as u64;
        Self { opening: opening & !inside, closing: closing & !inside, is_broken: backslashes & !inside != 0 }
    }

    /// Where the bracket stands that brings the depth to nothing; or the depth at the end of the block.
    #[inline]
    fn close(&self, depth: &mut u32) -> Option<usize> {
        let closing = self.closing.count_ones();
        if closing < *depth {
            *depth = *depth - closing + self.opening.count_ones();
            return None;
        }
        let mut closing = self.closing;
        let mut opening = self.opening;
        while closing != 0 {
            let at = closing.trailing_zeros();
            let before = (1u64 << at) - 1;
            *depth = *depth + (opening & before).count_ones() - 1;
            if *depth == 0 {
                return Some(at as usize);
            }
            opening &= !before;
            closing &= closing - 1;
        }
        *depth += opening.count_ones();
        None
    }
}

/// A bit for each byte of a block.
#[inline]
fn bits(bytes: &[u8; BLOCK], of_lane: impl Fn(&[u8; lanes::WIDTH]) -> u32) -> u64 {
    let (lanes, _) = bytes.as_chunks::<{ lanes::WIDTH }>();
    lanes.iter().rev().fold(0, |bits, lane| bits << lanes::WIDTH | u64::from(of_lane(lane)))
}

/// The bytes that a backslash stands before. In a run of backslashes every other one is escaped itself.
#[inline]
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    if backslashes == 0 {
        return std::mem::take(carry);
    }
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // A run that begins at an odd place carries into the bits after it, so that adding tells where runs end.
    let starting = backslashes & !*carry;
    let follows = starting << 1 | *carry;
    let odd_starts = starting & ODD & !follows;
    let (sum, over) = odd_starts.overflowing_add(starting);
    *carry = u64::from(over);
    (!ODD ^ (sum << 1)) & follows
}

/// For each bit whether an odd number of bits up to and with it is set.
#[inline]
fn prefix_xor(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].iter().fold(bits, |bits, shift| bits ^ bits << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_way_ends_where_the_plain_walk_does(
            text in prop::collection::vec(prop::sample::select(&b"\"\"\"\\\\{}[]:, ax\n\xff"[..]), 0..400),
            filler in 0usize..130,
        ) {
            let bytes = [&b"{"[..], &vec![b' '; filler], &text].concat();
            prop_assert_eq!(brackets_end(&bytes, 0), brackets_end_plainly(&bytes, 0));
            for from in 0..bytes.len().min(70) {
                prop_assert_eq!(string_end(&bytes, from), string_end_plainly(&bytes, from));
            }
        }

        #[test]
        fn runs_of_backslashes_end_where_the_plain_walk_says(runs in prop::collection::vec(0usize..140, 1..8)) {
            let strings: Vec<_> = runs.iter().map(|run| format!("\"{}\"", "\\".repeat(*run))).collect();
            let text = format!("[{}]]", strings.join(",}"));
            prop_assert_eq!(brackets_end(text.as_bytes(), 0), brackets_end_plainly(text.as_bytes(), 0));
        }
    }
}
