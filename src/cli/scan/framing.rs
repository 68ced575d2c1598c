//! Lines or documents: how the records in a file follow each other, and where a document ends.

use crate::batch::Framing;

/// Tells how records follow each other from the first bytes of a file.
///
/// A log has a record a line. What begins with `[`, or with an object that goes on over lines, is documents. A
/// log whose first line is torn has a whole record on its second, and stays a log.
pub fn detect(head: &[u8]) -> Framing {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if head.first() == Some(&b'[') {
        return Framing::Documents;
    }
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut next = lines.map(<[u8]>::trim_ascii_start).filter(|line| !line.is_empty());
    let goes_on = match next.next() {
        None => false,
        Some(next) => !next.starts_with(b"{\""),
    };
    let mut depth = Depth::default();
    let open = first.first() == Some(&b'{') && depth.ends_in(first).is_empty();
    if open && goes_on { Framing::Documents } else { Framing::Lines }
}

/// Follows JSON's brackets and strings from one piece of text to the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Depth {
    open: usize,
    in_string: bool,
    escaped: bool,
}

impl Depth {
    /// Offsets in `text` just after each document that ends there.
    pub fn ends_in(&mut self, text: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            if self.closes(*byte) {
                ends.push(at + 1);
            }
        }
        ends
    }

    /// Takes one byte and says whether it ends a document.
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.open += 1,
            b'}' | b']' if self.open > 0 => {
                self.open -= 1;
                return self.open == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, framing: Framing) {
        assert_eq!(detect(head.as_bytes()), framing, "{head}");
    }

    #[test]
    fn logs_and_documents_are_told_apart() {
        check("", Framing::Lines);
        check("{\"a\":1}\n{\"a\":2}\n", Framing::Lines);
        check("{\"a\":1}", Framing::Lines);
        check("\n\n{\"a\":\"}\\\"{\"}\n", Framing::Lines);
        check("not json\n{\"a\":1}\n", Framing::Lines);
        check("{\"torn\":\n{\"a\":1}\n", Framing::Lines);
        check("{\"one long line that is not done", Framing::Lines);
        check("{\"kind\":\"EventList\",\"items\":[{}]}", Framing::Lines);
        check("{\n  \"a\": 1\n}\n", Framing::Documents);
        check("\u{feff}{\r\n  \"a\": 1\r\n}", Framing::Documents);
        check("[\n{\"a\":1}\n]", Framing::Documents);
        check("{ \"kind\": \"EventList\",\n \"items\": [\n", Framing::Documents);
    }

    #[test]
    fn a_document_ends_where_its_last_bracket_closes() {
        let mut depth = Depth::default();
        assert_eq!(depth.ends_in(b"{\"a\": [1, \"]}\"]} [{}] }"), [16, 21]);
        let mut depth = Depth::default();
        assert!(depth.ends_in(b"{\"a\\").is_empty());
        assert_eq!(depth.ends_in(b"\"}\"}"), [4]);
    }
}
