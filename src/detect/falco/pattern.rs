//! Matching of texts: shell patterns and paths.

/// Whether a text matches a shell pattern as `fnmatch` does without flags: `*` and `?` also match `/` and a leading
/// dot, `[…]` is one byte of a set, `\` takes the next byte as it is. Works on bytes, in time of their product.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, from));
            at += 1;
            continue;
        }
        match one(&pattern[at.min(pattern.len())..], text[from]) {
            Some(length) => {
                at += length;
                from += 1;
            }
            // The last star takes one byte more.
            None => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    (at, from) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The length of the first part of a pattern, when the byte matches it.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte) {
            Some((length, inside)) => inside.then_some(length),
            // A bracket that is not closed is a bracket.
            None => (byte == b'[').then_some(1),
        },
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        other => (*other == byte).then_some(1),
    }
}

/// The length of a set at the start of a pattern, and whether it holds the byte.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let mut at = start;
    let mut inside = false;
    loop {
        let low = match pattern.get(at)? {
            b']' if at > start => return Some((at + 1, inside != negated)),
            b'[' if pattern.get(at + 1) == Some(&b':') => {
                let (length, holds) = class(&pattern[at..], byte)?;
                inside |= holds;
                at += length;
                continue;
            }
            b'\\' => {
                at += 1;
                *pattern.get(at)?
            }
            other => *other,
        };
        at += 1;
        let high = match (pattern.get(at), pattern.get(at + 1)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                at += 2;
                *high
            }
            _ => low,
        };
        inside |= (low..=high).contains(&byte);
    }
}

/// The length of a class such as `[:digit:]`, and whether it holds the byte.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let end = pattern.windows(2).position(|pair| pair == b":]")?;
    let holds = match pattern.get(2..end)? {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase(),
        b"lower" => byte.is_ascii_lowercase(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"blank" => byte == b' ' || byte == b'\t',
        b"punct" => byte.is_ascii_punctuation(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        b"cntrl" => byte.is_ascii_control(),
        b"graph" => byte.is_ascii_graphic(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        _ => return None,
    };
    Some((end + 2, holds))
}

/// A path in parts; each may be a shell pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPrefix(Vec<String>);

impl PathPrefix {
    pub(super) fn new(path: &str) -> Self {
        Self(parts(path).map(str::to_owned).collect())
    }

    /// Whether a path is this one or lies below it.
    pub(super) fn holds(&self, path: &str) -> bool {
        let mut parts = parts(path);
        self.0.iter().all(|wanted| parts.next().is_some_and(|part| glob(wanted.as_bytes(), part.as_bytes())))
    }
}

/// The parts of a path; of an absolute one the first is `/`.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let root = path.starts_with('/').then_some("/");
    root.into_iter().chain(path.split('/').filter(|part| !part.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*b", "xaxbab", true),
            ("/api/*", "/api/v1/pods", true),
            ("*.example", ".example", true),
            ("a?c", "a/c", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[[:digit:]]*", "7up", true),
            ("[[:nothing:]]", "x", false),
            ("[abc", "[abc", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a\\", "a\\", true),
            ("[a", "a", false),
            ("a*", "b", false),
            ("ab", "a", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        let many = "a".repeat(3000);
        assert!(!glob("*a*a*a*a*a*a*a*a*b".as_bytes(), many.as_bytes()));
    }

    #[test]
    fn paths_match_by_their_parts() {
        for (prefix, path, expected) in [
            ("/var/log", "/var/log", true),
            ("/var/log", "/var/log/x", true),
            ("/var/log", "/var/logx", false),
            ("/var/*/x", "/var/log/x/y", true),
            ("/", "/etc", true),
            ("/", "etc", false),
            ("var", "/var", false),
        ] {
            assert_eq!(PathPrefix::new(prefix).holds(path), expected, "{prefix} {path}");
        }
    }
}
