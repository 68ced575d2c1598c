//! One alert as a message of RFC 5424.

use super::{Config, Format};
use crate::alert::{Alert, Severity};
use crate::sink::text::cut;
use crate::sink::{json_line, without_event};

/// What a header's field has in the place of nothing.
const NIL: &str = "-";
/// Most characters of a message id.
const MESSAGE_ID_MAX: usize = 32;

/// How alerts are written.
#[derive(Debug)]
pub(super) struct Form {
    facility: u8,
    format: Format,
    max_bytes: usize,
    host: String,
}

impl Form {
    pub(super) fn new(config: &Config) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let Config { facility, format, max_bytes, .. } = *config;
        Self { facility, format, max_bytes, host: field(&host, 255) }
    }

    /// The message, never longer than it may be. There is no structured data: its names belong to those who have a
    /// number for themselves, and JSON says all of it.
    pub(super) fn message(&self, alert: &Alert) -> Vec<u8> {
        let priority = u32::from(self.facility) * 8 + severity(alert.severity);
        let (host, process) = (&self.host, std::process::id());
        let (time, rule) = (alert.last_seen, field(&alert.rule.id, MESSAGE_ID_MAX));
        let header = format!("<{priority}>1 {time} {host} gatecrier {process} {rule} {NIL} ");
        let room = self.max_bytes.saturating_sub(header.len());
        (header + &self.text(alert, room)).into_bytes()
    }

    fn text(&self, alert: &Alert, room: usize) -> String {
        if self.format == Format::Json {
            let whole = json_line(alert).ok().filter(|json| json.len() <= room);
            let bare = || json_line(&without_event(alert)).ok().filter(|json| json.len() <= room);
            if let Some(json) = whole.or_else(bare) {
                return json;
            }
        }
        let mut text = cut(&alert.summary, room);
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }
}

/// Visible ASCII only, as a header's field must be.
fn field(text: &str, most: usize) -> String {
    let field: String =
        text.trim().chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '_' }).take(most).collect();
    if field.is_empty() { NIL.to_owned() } else { field }
}

fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info => 6,
    }
}
