//! Values as they look when somebody encoded them, or wrote another dash.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::modifiers::Change;

/// Most spellings of one value with `windash`; beyond it the value is refused.
pub const SPELLINGS_MAX: usize = 5_000;

/// What Windows takes for a dash before an option.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// The bytes of a text in an encoding of two bytes a character.
pub fn wide(text: &str, change: Change) -> Vec<u8> {
    let units = text.encode_utf16();
    match change {
        Change::Utf16Be => units.flat_map(u16::to_be_bytes).collect(),
        Change::Utf16 => [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect(),
        _ => units.flat_map(u16::to_le_bytes).collect(),
    }
}

/// Base64 of some bytes.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The part of their base64 that does not depend on what stands around them, for each of the three places at which they
/// may begin.
pub fn base64_at_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .map(|offset| {
            let mut shifted = vec![b' '; offset];
            shifted.extend_from_slice(bytes);
            let encoded = STANDARD_NO_PAD.encode(&shifted);
            // Characters that carry a bit of what stands before, or of what follows.
            let start = [0, 2, 3][offset];
            let end = encoded.len() - usize::from(!shifted.len().is_multiple_of(3));
            encoded.get(start..end).unwrap_or_default().to_owned()
        })
        .collect()
}

/// Every spelling of a text in which an option may begin with any dash. Nothing when there are too many.
pub fn with_any_dash(text: &str) -> Option<Vec<String>> {
    let mut spellings = vec![String::new()];
    let mut before: Option<char> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let begins = !before.is_some_and(is_word) && letters.peek().copied().is_some_and(is_word);
        if matches!(letter, '-' | '/') && begins {
            if spellings.len() * DASHES.len() > SPELLINGS_MAX {
                return None;
            }
            spellings = spellings.iter().flat_map(|so_far| DASHES.map(|dash| format!("{so_far}{dash}"))).collect();
        } else {
            spellings.iter_mut().for_each(|so_far| so_far.push(letter));
        }
        before = Some(letter);
    }
    Some(spellings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_the_specification() {
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64_at_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        assert_eq!(base64_at_offsets(b"/bin/sh"), ["L2Jpbi9za", "9iaW4vc2", "vYmluL3No"]);
        assert_eq!(wide("a", Change::Utf16Le), [b'a', 0]);
        assert_eq!(wide("a", Change::Utf16Be), [0, b'a']);
        assert_eq!(wide("a", Change::Utf16), [0xff, 0xfe, b'a', 0]);
    }

    #[test]
    fn what_stays_of_base64_is_found_at_every_offset() {
        for before in 0..6 {
            let whole = base64(format!("{}kubectl{}", "x".repeat(before), "y".repeat(5)).as_bytes());
            assert!(base64_at_offsets(b"kubectl").iter().any(|part| whole.contains(part)), "{before}");
        }
    }

    #[test]
    fn only_dashes_that_begin_an_option_change() {
        assert_eq!(with_any_dash("a-b").unwrap(), ["a-b"]);
        assert_eq!(with_any_dash(" -f").unwrap().len(), 5);
        assert_eq!(with_any_dash("-a -b").unwrap().len(), 25);
        assert!(with_any_dash(&"-a ".repeat(9)).is_none());
    }
}
