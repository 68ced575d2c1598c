//! A text, or the beginning of one.

/// What a criterion is compared with. Case matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This text.
    Exactly(String),
    /// Every text that begins so.
    Beginning(String),
}

impl Pattern {
    /// Reads a text in which a `*` at the end stands for any rest, `\*` and `\\` for the characters, and `\u{2028}` for
    /// one by its number.
    ///
    /// # Errors
    /// A `*` or a `\` elsewhere: what was meant is not what would be done.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            match letter {
                '\\' => {
                    let (escaped, after) = escaped(rest.as_str())
                        .ok_or_else(|| format!("a `\\` in `{text}` stands alone: write `\\\\` for the character"))?;
                    plain.push(escaped);
                    rest = after.chars();
                }
                '*' if rest.as_str().is_empty() => return Ok(Self::Beginning(plain)),
                '*' => {
                    let message = format!("a `*` stands within `{text}`");
                    return Err(format!("{message}: it may only end it; write `\\*` for the character"));
                }
                letter => plain.push(letter),
            }
        }
        Ok(Self::Exactly(plain))
    }

    /// Whether a text fits.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(whole) => text == whole,
            Self::Beginning(beginning) => text.starts_with(beginning.as_str()),
        }
    }

    /// Whether every text fits.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Beginning(beginning) if beginning.is_empty())
    }
}

/// The character that stands behind a `\`, and what follows it.
fn escaped(rest: &str) -> Option<(char, &str)> {
    if let Some(number) = rest.strip_prefix("u{") {
        let (number, after) = number.split_once('}')?;
        return Some((char::from_u32(u32::from_str_radix(number, 16).ok()?)?, after));
    }
    let letter = rest.chars().next().filter(|letter| matches!(letter, '\\' | '*'))?;
    Some((letter, &rest[letter.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::suppression::escape;

    #[track_caller]
    fn check(pattern: &str, fitting: &[&str], others: &[&str]) {
        let read = Pattern::read(pattern).unwrap();
        fitting.iter().for_each(|text| assert!(read.fits(text), "{pattern} and {text}"));
        others.iter().for_each(|text| assert!(!read.fits(text), "{pattern} and {text}"));
    }

    #[test]
    fn only_a_star_at_the_end_stands_for_more() {
        check("kube-*", &["kube-", "kube-system"], &["kube", "Kube-system", "x-kube-system"]);
        check("alice", &["alice"], &["Alice", "alice ", "alic", ""]);
        check(r"p\*", &["p*"], &["prod", r"p\*"]);
        check(r"CORP\\*", &[r"CORP\alice"], &["CORPalice", r"CORP\\*2".strip_prefix("CORP").unwrap()]);
        check("*", &["", "anything"], &[]);
        check("", &[""], &["x"]);
        check(r"a\u{202e}b\u{2a}", &["a\u{202e}b*"], &["a\u{202e}bc"]);
        for wrong in ["a*b", "**", r"CORP\alice", "\\", r"\u{", r"\u{d800}", r"\u{}"] {
            assert!(Pattern::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_escaped_fits_itself_alone() {
        for text in ["", "*", r"\", r"\*", r"a\\*", "system:serviceaccount:x:*", "\u{202e}evil*", "a\nb"] {
            let read = Pattern::read(&escape(text)).unwrap();
            assert_eq!(read, Pattern::Exactly(text.to_owned()), "{text}");
        }
    }
}
