//! Text that somebody else wrote, shaped for people who read it in a chat, a pager or a ticket.
//!
//! Whoever makes a request chooses user agents, names and paths. A reader must see them as they are: nothing in them
//! hides, turns the reading direction, breaks a line or grows without bound. What a format takes for markup is each
//! format's own business, through the `escape` that it brings.

use std::borrow::Cow;

use crate::terminal::escape_terminal;

/// What stands at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// The text on one line, everything invisible written out.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    escape_terminal(text)
}

/// The visible text, at most so many UTF-16 units long.
pub(super) fn cut(text: &str, most: usize) -> String {
    shape(text, most, |character, out| out.push(character))
}

/// The visible text with each character as `escape` writes it, at most so many UTF-16 units long. An escape is kept
/// whole or left out.
pub(super) fn shape(text: &str, most: usize, escape: impl Fn(char, &mut String)) -> String {
    let text = visible(text);
    let (mut shaped, mut length, mut piece) = (String::with_capacity(text.len()), 0, String::new());
    // How much of it would stand before an ellipsis.
    let mut kept = 0;
    for character in text.chars() {
        piece.clear();
        escape(character, &mut piece);
        length += piece.encode_utf16().count();
        if length > most {
            shaped.truncate(kept);
            shaped.extend((most > 0).then_some(ELLIPSIS));
            return shaped;
        }
        shaped.push_str(&piece);
        if length < most {
            kept = shaped.len();
        }
    }
    shaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_whole_and_a_longer_one_ends_in_an_ellipsis() {
        for (text, most, expected) in [
            ("", 0, ""),
            ("a", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("🦀🦀", 4, "🦀🦀"),
            ("🦀🦀", 3, "🦀…"),
            ("🦀🦀", 2, "…"),
            ("a\nb", 4, "a\\nb"),
        ] {
            assert_eq!(cut(text, most), expected, "{text} {most}");
        }
    }

    #[test]
    fn an_escape_is_whole_or_absent() {
        let amp = |character: char, out: &mut String| match character {
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        };
        for (most, expected) in [(11, "a&amp;&amp;"), (10, "a&amp;…"), (7, "a&amp;…"), (6, "a…"), (2, "a…"), (1, "…")]
        {
            assert_eq!(shape("a&&", most, amp), expected, "{most}");
        }
    }
}
