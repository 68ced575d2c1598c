//! Text that somebody else wrote, made safe to show on a terminal.
//!
//! A user agent or an object name may hold escape sequences that move the cursor, characters that turn the
//! reading direction, or characters nobody sees. None of them reaches the terminal as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that a terminal would act on, or that hides or reorders others, written as an
/// escape: `\n`, `\t`, `\r` or `\u{…}`. A backslash stays as it is: the result is for people, not for parsers.
pub fn escape_terminal(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_unsafe) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for character in text[first..].chars() {
        if is_unsafe(character) { push_escape(&mut escaped, character) } else { escaped.push(character) }
    }
    Cow::Owned(escaped)
}

fn push_escape(escaped: &mut String, character: char) {
    match character {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        // Writing to a string does not fail.
        other => _ = write!(escaped, "\\u{{{:x}}}", u32::from(other)),
    }
}

fn is_unsafe(character: char) -> bool {
    // Control characters are C0, DEL and C1: escape sequences start with one of them.
    character.is_control()
        || matches!(character,
            // Soft hyphen, and what has no width: two names that look the same are not.
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            // What turns the reading direction.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // Annotation marks and tags, which are invisible text.
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, escaped: &str) {
        assert_eq!(escape_terminal(text), escaped);
    }

    #[test]
    fn what_a_terminal_would_act_on_is_written_out() {
        check("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m");
        check("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}");
        check("one\ntwo\r\tthree\x7f", "one\\ntwo\\r\\tthree\\u{7f}");
        check("c1 \u{9b}2J", "c1 \\u{9b}2J");
    }

    #[test]
    fn what_hides_or_reorders_is_written_out() {
        check("user\u{202e}nimda", "user\\u{202e}nimda");
        check("\u{2066}x\u{2069}\u{200f}\u{61c}", "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}");
        check("ad\u{200b}min\u{feff}\u{2060}\u{200d}", "ad\\u{200b}min\\u{feff}\\u{2060}\\u{200d}");
        check("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}");
        check("tag\u{e0041}", "tag\\u{e0041}");
    }

    #[test]
    fn plain_text_is_not_copied() {
        for text in ["", "system:serviceaccount:kube-system:coredns", "Jürgen, 東京, 🦀, C:\\temp"] {
            assert!(matches!(escape_terminal(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
