//! From the YAML crate's error to a sentence and a way out.

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use super::nearest::nearest;
use super::outline::Outline;
use super::problem::Problem;

/// What the YAML crate found wrong, in our words.
pub fn problem(error: &Error, outline: &Outline<'_>) -> Problem {
    let error = error.without_snippet();
    let (message, advice) = sentence(error);
    outline.problem_at(error.location(), message).advise(advice)
}

fn sentence(error: &Error) -> (String, String) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown key `{field}`"), did_you_mean(field, expected, "keys known here"))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown word `{variant}`"), did_you_mean(variant, expected, "words known here"))
        }
        Error::SerdeMissingField { field, .. } => (format!("`{field}` is missing"), format!("add `{field}: …` here")),
        Error::DuplicateMappingKey { key, .. } => (
            key.as_ref().map_or("the same key stands twice".to_owned(), |key| format!("the key `{key}` stands twice")),
            "keep one of them; put what is in both under one key".to_owned(),
        ),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            (format!("found {unexpected}"), format!("write {expected}"))
        }
        Error::InvalidScalar { ty, .. } => ("this is of the wrong type".to_owned(), format!("write {}", in_words(ty))),
        Error::Unexpected { expected, .. } => {
            ("this is of the wrong type".to_owned(), format!("write {}", in_words(expected)))
        }
        Error::Message { msg, .. } => (msg.clone(), String::new()),
        Error::AliasError { error, .. } => sentence(error),
        Error::MultipleDocuments { .. } => {
            ("a second document begins here".to_owned(), "only one document is read: take out the `---`".to_owned())
        }
        other => (
            format!("this is not YAML as we read it: {}", UserMessageFormatter.format_message(other)),
            "check indentation (spaces, no tabs), brackets and quotes here and on the lines before".to_owned(),
        ),
    }
}

fn did_you_mean(typed: &str, known: &[&str], title: &str) -> String {
    let mut all = known.to_vec();
    all.sort_unstable();
    let all = all.join(", ");
    match nearest(typed, known) {
        Some(word) => format!("did you mean `{word}`? {title}: {all}"),
        None if all.is_empty() => "take it out: nothing can be set here".to_owned(),
        None => format!("{title}: {all}"),
    }
}

/// The YAML crate names Rust's types and YAML's tokens.
fn in_words(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys with values, such as `name: value` on lines of their own or `{ name: value }`",
        "sequence start" => "a list, such as `[one, two]`",
        "string scalar" => "a single text",
        "bool" | "boolean" => "`true` or `false`",
        "u8" | "u16" | "u32" | "u64" | "usize" | "u128" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    }
}
