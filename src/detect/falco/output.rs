//! What a rule says when it matches: its `output`, with fields put in.

use super::fault::Fault;
use super::field;
use super::get::{Subject, Value};
use super::parse;
use super::reader::Reader;
use super::traced::Traced;
use super::tree::{Operand, OperandKind};

/// Longest text of one field, characters; the rest is cut, and the text says so.
const FIELD_CHARS_MAX: usize = 1024;

/// Longest text in all, characters; the rest is cut, and the text says so.
const TEXT_CHARS_MAX: usize = 4096;

/// What stands for a missing value.
const MISSING: &str = "<NA>";

/// An output, in parts.
#[derive(Debug, Default)]
pub(super) struct Output {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field {
        reader: Reader,
        /// Padded or cut to so many characters.
        width: Option<usize>,
    },
}

impl Output {
    /// Parses an output.
    pub(super) fn parse(text: &Traced) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let whole = text.as_str();
        let mut at = 0;
        while let Some(found) = whole[at..].find('%') {
            let percent = at + found;
            if found > 0 {
                parts.push(Part::Text(whole[at..percent].to_owned()));
            }
            let after = &whole[percent + 1..];
            let digits = after.len() - after.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let width = match &after[..digits] {
                "" => None,
                digits => Some(digits.parse().ok().filter(|width| *width <= FIELD_CHARS_MAX).ok_or_else(|| {
                    Fault::new(text.spot(percent), format!("a width of {digits} is more than {FIELD_CHARS_MAX}"))
                })?),
            };
            let (reader, length) = operand(text, percent, percent + 1 + digits)?;
            parts.push(Part::Field { reader, width });
            at = percent + 1 + digits + length;
        }
        parts.push(Part::Text(whole[at..].to_owned()));
        Ok(Self { parts })
    }

    /// The sentence for an event, bounded.
    pub(super) fn text(&self, subject: Subject<'_, '_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Field { reader, width } => {
                    let shown = shown(reader.read(subject));
                    match width {
                        None => text.push_str(&cut(&shown, FIELD_CHARS_MAX)),
                        Some(width) => {
                            let exact: String = shown.chars().chain(std::iter::repeat(' ')).take(*width).collect();
                            text.push_str(&exact);
                        }
                    }
                }
            }
        }
        cut(&text, TEXT_CHARS_MAX)
    }

    /// Every field it shows.
    pub(super) fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Field { reader, .. } => Some(reader),
        })
    }
}

/// The field or function that begins at `at`, and the bytes it takes.
fn operand(text: &Traced, percent: usize, at: usize) -> Result<(Reader, usize), Fault> {
    let spot = text.spot(percent);
    let rest = &text.as_str()[at..];
    if let Some((operand, length)) = parse::transformer(text, at)? {
        return Ok((Reader::new(&operand)?, length));
    }
    let Some(name) = field::longest_prefix(rest) else {
        let word: String = rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.').collect();
        return Err(Fault::new(spot, format!("there is no field `{word}` after `%`"))
            .advise("docs/falco.md lists the fields; a percent sign itself cannot be written"));
    };
    let (argument, length) = parse::argument(text, at + name.len())?;
    let kind = OperandKind::Field { name: name.to_owned(), argument };
    Ok((Reader::new(&Operand { spot, kind })?, name.len() + length))
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Missing => MISSING.to_owned(),
        Value::Text(text) => text.into_owned(),
        Value::Number(number) => number.to_string(),
        Value::List(values) => format!("({})", values.join(",")),
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
    }
}
