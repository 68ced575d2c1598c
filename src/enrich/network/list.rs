//! Network lists: one network or address a line, `#` begins a comment.

use super::{Cidr, CidrError};

/// A line that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct ListError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub cause: CidrError,
}

/// Reads a list. Bytes that are not UTF-8 are fine in comments.
///
/// # Errors
/// The first line that is neither blank nor a comment nor a network.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<Cidr>, ListError> {
    let text = String::from_utf8_lossy(bytes);
    // Editors on Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut cidrs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if !entry.is_empty() {
            cidrs.push(entry.parse().map_err(|cause| ListError { line: index + 1, cause })?);
        }
    }
    Ok(cidrs)
}
