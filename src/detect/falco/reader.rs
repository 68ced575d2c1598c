//! Operands as they are worked out of an event: fields, and functions over them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::fault::Fault;
use super::field::{self, Field};
use super::get::{Get, Subject, Value};
use super::tree::{Operand, OperandKind};

/// What an operand gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    Number,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::List => "a list",
            Self::Number => "a number",
        }
    }
}

/// An operand, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reader {
    Field(Field),
    Literal(String),
    /// A function of one text, or of each text of a list.
    Each(Each, Box<Reader>),
    Length(Box<Reader>),
    /// The texts of all others with the first between them.
    Join(Box<Reader>, Vec<Reader>),
    Concat(Vec<Reader>),
}

/// Functions of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    Lower,
    Upper,
    FromBase64,
    BaseName,
}

impl Reader {
    /// From a parsed operand.
    pub(super) fn new(operand: &Operand) -> Result<Self, Fault> {
        match &operand.kind {
            OperandKind::Literal(text) => Ok(Self::Literal(text.clone())),
            OperandKind::Field { name, argument } => field::find(name, argument.as_deref())
                .map(Self::Field)
                .map_err(|(message, advice)| Fault::new(operand.spot, message).advise(advice)),
            OperandKind::Transformed { transformer, arguments } => transformed(operand, transformer, arguments),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Field(field) if field.is_list => Kind::List,
            Self::Each(_, inner) => inner.kind(),
            Self::Length(_) => Kind::Number,
            Self::Field(_) | Self::Literal(_) | Self::Join(..) | Self::Concat(_) => Kind::Text,
        }
    }

    /// Every field asked.
    pub(super) fn fields(&self, each: &mut impl FnMut(&Field)) {
        match self {
            Self::Field(field) => each(field),
            Self::Literal(_) => {}
            Self::Each(_, inner) | Self::Length(inner) => inner.fields(each),
            Self::Join(first, rest) => {
                first.fields(each);
                rest.iter().for_each(|reader| reader.fields(each));
            }
            Self::Concat(all) => all.iter().for_each(|reader| reader.fields(each)),
        }
    }

    /// Asks an event. What a function gives of a missing value is missing.
    pub(super) fn read<'a>(&self, subject: Subject<'_, 'a>) -> Value<'a> {
        match self {
            Self::Field(field) => field.get.read(subject),
            Self::Literal(text) => Value::Text(Cow::Owned(text.clone())),
            Self::Each(each, inner) => each.over(inner.read(subject)),
            Self::Length(inner) => match inner.read(subject) {
                Value::Text(text) => Value::Number(text.len() as u64),
                Value::List(values) => Value::Number(values.len() as u64),
                other => other,
            },
            Self::Join(separator, parts) => match separator.read(subject) {
                Value::Text(separator) => joined(parts, &separator, subject),
                _ => Value::Missing,
            },
            Self::Concat(parts) => joined(parts, "", subject),
        }
    }

    /// Whether it is this field and nothing else.
    pub(super) fn is(&self, get: &Get) -> bool {
        matches!(self, Self::Field(field) if field.get == *get)
    }
}

fn transformed(operand: &Operand, transformer: &str, arguments: &[Operand]) -> Result<Reader, Fault> {
    let mut readers: Vec<Reader> = arguments.iter().map(Reader::new).collect::<Result<_, _>>()?;
    let fault = |message: String| Fault::new(operand.spot, message);
    let each = match transformer {
        "tolower" => Some(Each::Lower),
        "toupper" => Some(Each::Upper),
        "b64" => Some(Each::FromBase64),
        "basename" => Some(Each::BaseName),
        _ => None,
    };
    let one = |readers: &mut Vec<Reader>| match (readers.pop(), readers.is_empty()) {
        (Some(reader), true) => Ok(Box::new(reader)),
        _ => Err(fault(format!("`{transformer}()` takes one field"))),
    };
    match (each, transformer) {
        (Some(each), _) => {
            let inner = one(&mut readers)?;
            match inner.kind() {
                Kind::Number => Err(fault(format!("`{transformer}()` takes a text, not a number"))),
                _ => Ok(Reader::Each(each, inner)),
            }
        }
        (None, "len") => {
            let inner = one(&mut readers)?;
            match inner.kind() {
                Kind::Number => Err(fault("`len()` takes a text or a list, not a number".to_owned())),
                _ => Ok(Reader::Length(inner)),
            }
        }
        (None, "join") if readers.len() >= 2 && readers[0].kind() == Kind::Text => {
            let separator = readers.remove(0);
            Ok(Reader::Join(Box::new(separator), readers))
        }
        (None, "join") => Err(fault("`join()` takes a separator and what it joins".to_owned())),
        (None, "concat") if readers.len() >= 2 => Ok(Reader::Concat(readers)),
        _ => Err(fault(format!("`{transformer}()` takes two or more values"))),
    }
}

impl Each {
    fn over(self, value: Value<'_>) -> Value<'_> {
        match value {
            Value::Text(text) => self.of(text).map_or(Value::Missing, Value::Text),
            Value::List(values) => {
                let values: Vec<_> = values.into_iter().filter_map(|text| self.of(text)).collect();
                if values.is_empty() { Value::Missing } else { Value::List(values) }
            }
            other => other,
        }
    }

    fn of(self, text: Cow<'_, str>) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Lower => Cow::Owned(text.to_ascii_lowercase()),
            Self::Upper => Cow::Owned(text.to_ascii_uppercase()),
            Self::FromBase64 => {
                let bytes = BASE64_STANDARD.decode(text.as_bytes()).ok()?;
                Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
            }
            Self::BaseName => Cow::Owned(text.rsplit('/').next().unwrap_or_default().to_owned()),
        })
    }
}

/// All texts, with a separator between them; missing when one of them is.
fn joined<'a>(parts: &[Reader], separator: &str, subject: Subject<'_, 'a>) -> Value<'a> {
    let mut texts = Vec::new();
    for part in parts {
        match part.read(subject) {
            Value::Missing => return Value::Missing,
            Value::Text(text) => texts.push(text),
            Value::List(values) => texts.extend(values),
            Value::Number(number) => texts.push(Cow::Owned(number.to_string())),
        }
    }
    Value::Text(Cow::Owned(texts.join(separator)))
}
