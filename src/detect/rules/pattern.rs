//! Text with wildcards, as Sigma writes it, and what it matches.
//!
//! `*` stands for any run of characters and `?` for exactly one; the whole value has to match. A backslash takes the
//! meaning from a wildcard or another backslash and is an ordinary character before anything else.

use std::borrow::Cow;

use super::any_of::Needed;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// These characters.
    Text(String),
    /// Exactly one character.
    One,
    /// Any run of characters.
    Run,
}

/// Pieces as written, before it is known how they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Glob(pub Vec<Piece>);

impl Glob {
    /// Reads Sigma's wildcards and escapes.
    pub fn parse(text: &str) -> Self {
        let mut glob = Self::default();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => glob.0.push(Piece::Run),
                '?' => glob.0.push(Piece::One),
                '\\' => glob.push(letters.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\')),
                other => glob.push(other),
            }
        }
        glob.0.dedup_by(|one, other| *one == Piece::Run && *other == Piece::Run);
        glob
    }

    /// Text without wildcards.
    pub fn literal(text: &str) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] })
    }

    /// The text, when no wildcard is in it.
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Anything may stand before it.
    pub fn open_start(&mut self) {
        if self.0.first() != Some(&Piece::Run) {
            self.0.insert(0, Piece::Run);
        }
    }

    /// Anything may stand behind it.
    pub fn open_end(&mut self) {
        if self.0.last() != Some(&Piece::Run) {
            self.0.push(Piece::Run);
        }
    }

    fn push(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(letter),
            _ => self.0.push(Piece::Text(letter.to_string())),
        }
    }
}

/// A pattern that values are matched against, without allocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pieces: Vec<Piece>,
    /// Letters are compared as they are; otherwise without regard to case.
    cased: bool,
}

impl Pattern {
    /// What it is made of.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// A pattern of these pieces.
    pub fn new(glob: Glob, cased: bool) -> Self {
        let fold = |piece| match piece {
            Piece::Text(text) if !cased => Piece::Text(text.chars().map(fold).collect()),
            piece => piece,
        };
        Self { pieces: glob.0.into_iter().map(fold).collect(), cased }
    }

    /// Whether it is a lone `*`, which stands for any value at all.
    pub fn is_anything(&self) -> bool {
        self.pieces == [Piece::Run]
    }

    /// The folded text, when the pattern is that and nothing else, without regard to case.
    pub fn folded_text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] if !self.cased => Some(""),
            [Piece::Text(text)] if !self.cased => Some(text),
            _ => None,
        }
    }

    /// The folded text, when the pattern is that anywhere, without regard to case.
    pub fn folded_part(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Run, Piece::Text(text), Piece::Run] if !self.cased => Some(text),
            _ => None,
        }
    }

    /// The longest text without which no value matches.
    pub fn needed(&self) -> Option<Needed> {
        match self.pieces.as_slice() {
            [] => Some(Needed::Whole("".into())),
            [Piece::Text(text)] => Some(Needed::Whole(folded(text).into())),
            pieces => {
                let text =
                    |piece: &Piece| if let Piece::Text(text) = piece { Some(folded(text).into_owned()) } else { None };
                let longest = pieces.iter().filter_map(text).max_by_key(String::len);
                longest.map(|text| Needed::Part(text.into()))
            }
        }
    }

    /// Whether the whole value matches.
    pub fn matches(&self, value: &str) -> bool {
        // The two shapes that nearly all patterns have.
        match self.pieces.as_slice() {
            [Piece::Text(text)] if value.is_ascii() => return self.equal(text.as_bytes(), value.as_bytes()),
            [Piece::Text(text), Piece::Run] if value.is_ascii() => {
                return value.len() >= text.len() && self.equal(text.as_bytes(), &value.as_bytes()[..text.len()]);
            }
            _ => {}
        }
        self.run(value)
    }

    fn equal(&self, text: &[u8], value: &[u8]) -> bool {
        if self.cased { text == value } else { text.eq_ignore_ascii_case(value) }
    }

    /// Goes through the pieces; at a mismatch the last run takes one character more. Takes at most the product of
    /// both lengths.
    fn run(&self, value: &str) -> bool {
        let (mut at, mut piece) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match self.pieces.get(piece) {
                None if at == value.len() => return true,
                None => None,
                Some(Piece::Run) if piece + 1 == self.pieces.len() => return true,
                Some(Piece::Run) => {
                    retry = Some((piece, at));
                    Some(0)
                }
                Some(Piece::One) => value[at..].chars().next().map(char::len_utf8),
                Some(Piece::Text(text)) => self.prefix(text, &value[at..]),
            };
            match (step, retry) {
                (Some(length), _) => (at, piece) = (at + length, piece + 1),
                (None, Some((run, from))) => {
                    let Some(from) = self.next_start(run, value, from) else { return false };
                    retry = Some((run, from));
                    (at, piece) = (from, run + 1);
                }
                (None, None) => return false,
            }
        }
    }

    /// Where after `from` the piece behind a run may begin.
    fn next_start(&self, run: usize, value: &str, from: usize) -> Option<usize> {
        let next = from + value[from..].chars().next()?.len_utf8();
        let rest = &value.as_bytes()[next..];
        match self.pieces.get(run + 1) {
            // Letters beyond ASCII may fold to ASCII ones, so only ASCII values may be searched by bytes.
            Some(Piece::Text(text)) if value.is_ascii() => match *text.as_bytes() {
                [first, ..] if first.is_ascii() && self.cased => memchr::memchr(first, rest).map(|more| next + more),
                [first, ..] if first.is_ascii() => {
                    memchr::memchr2(first, first.to_ascii_uppercase(), rest).map(|more| next + more)
                }
                _ => None,
            },
            _ => Some(next),
        }
    }

    /// How many bytes of the value the text takes at its start.
    fn prefix(&self, text: &str, value: &str) -> Option<usize> {
        if self.cased {
            return value.starts_with(text).then_some(text.len());
        }
        if let Some(begin) = value.as_bytes().get(..text.len())
            && begin.is_ascii()
            && text.is_ascii()
        {
            return begin.eq_ignore_ascii_case(text.as_bytes()).then_some(text.len());
        }
        let mut letters = value.char_indices();
        for wanted in text.chars() {
            if letters.next().map(|(_, letter)| fold(letter)) != Some(wanted) {
                return None;
            }
        }
        Some(letters.next().map_or(value.len(), |(at, _)| at))
    }
}

/// The letter without its case: its lower case where that is one letter, else itself.
pub fn fold(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

/// The text without case. Borrowed where nothing changes.
pub fn folded(text: &str) -> Cow<'_, str> {
    let same = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if same { Cow::Borrowed(text) } else { Cow::Owned(text.chars().map(fold).collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_as_the_specification_says() {
        use Piece::{One, Run};
        let text = |text: &str| Piece::Text(text.to_owned());
        for (written, pieces) in [
            (r"a*b?c", vec![text("a"), Run, text("b"), One, text("c")]),
            (r"\*", vec![text("*")]),
            (r"\\*", vec![text(r"\"), Run]),
            (r"\\\*", vec![text(r"\*")]),
            (r"\", vec![text(r"\")]),
            (r"\\", vec![text(r"\")]),
            (r"\\\", vec![text(r"\\")]),
            (r"\\\\", vec![text(r"\\")]),
            (r"C:\Windows", vec![text(r"C:\Windows")]),
            (r"**", vec![Run]),
            ("", vec![]),
        ] {
            assert_eq!(Glob::parse(written).0, pieces, "{written}");
        }
    }

    #[test]
    fn patterns_match_whole_values_without_regard_to_case() {
        for (written, value, expected) in [
            ("create", "CREATE", true),
            ("create", "creates", false),
            ("system:*", "System:node:a", true),
            ("*:a", "system:node:A", true),
            ("*node*", "system:NODE:a", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("?", "ä", true),
            ("?", "", false),
            ("??", "ä", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("*aab", "aaaab", true),
            ("straße", "STRAßE", true),
            ("ÄRGER", "ärger", true),
            // The Kelvin sign folds to an ordinary k.
            ("*kube*", "\u{212a}ube", true),
            ("*ä*", "xÄx", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("*a?c*", "xxabcxx", true),
            ("*\n*", "a\nb", true),
        ] {
            let pattern = Pattern::new(Glob::parse(written), false);
            assert_eq!(pattern.matches(value), expected, "{written} on {value}");
            assert_eq!(pattern.run(value), expected, "{written} on {value}, the long way");
        }
        assert!(!Pattern::new(Glob::parse("Create"), true).matches("create"));
        assert!(Pattern::new(Glob::parse("*Cr*"), true).matches("xCreate"));
    }

    #[test]
    fn many_runs_on_a_long_value_end_soon() {
        let pattern = Pattern::new(Glob::parse("*a*a*a*a*a*a*a*a*b"), false);
        assert!(!pattern.matches(&"a".repeat(100_000)));
    }
}
