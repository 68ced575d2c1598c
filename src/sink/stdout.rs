//! Standard output: a sentence a line for people on a terminal, a JSON object a line for everybody else.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::settings::settings;
use super::{Route, SendError, Sink, json_line};
use crate::alert::{Alert, Severity, Status};
use crate::terminal::escape_terminal;

/// How alerts are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// A sentence a line.
    Text,
    /// A JSON object a line.
    Json,
}

/// Standard output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How alerts are written: `auto`, `text` or `json`.
    pub format: Format,
    /// Mildest severity to write; nothing writes all.
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    pub required: bool,
    /// Which alerts, when, and how many at a time.
    pub route: Route,
}

settings!(Stdout, to: |_| String::new(), files: |_config| []);

/// How one alert becomes a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Coloured,
    Json,
}

/// Writes lines, to standard output unless a test says otherwise.
#[derive(Debug)]
pub struct Stdout<W = io::Stdout> {
    style: Style,
    page: Arc<Mutex<Page<W>>>,
    writing: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
struct Page<W> {
    writer: W,
    /// The last write failed and may have left half a line.
    torn: bool,
}

impl Stdout {
    /// Prepares the sink; never fails.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let stdout = io::stdout();
        let coloured = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        let style = match config.format {
            Format::Json => Style::Json,
            Format::Auto if !stdout.is_terminal() => Style::Json,
            Format::Auto | Format::Text if coloured => Style::Coloured,
            Format::Auto | Format::Text => Style::Plain,
        };
        Ok(Self::with(stdout, style))
    }
}

impl<W: Write + Send + 'static> Stdout<W> {
    fn with(writer: W, style: Style) -> Self {
        Self { style, page: Arc::new(Mutex::new(Page { writer, torn: false })), writing: None }
    }

    /// Writes on a thread that may block: a reader that pauses must not hold up the other sinks. A write that is
    /// still blocked is waited for before the next one, so that at most one thread is ever held.
    async fn write(&mut self, text: String) -> io::Result<()> {
        if let Some(writing) = &mut self.writing {
            // What comes of it no longer matters: its alerts are about to be sent again.
            _ = writing.await;
            self.writing = None;
        }
        let page = Arc::clone(&self.page);
        let write = move || page.lock().unwrap_or_else(PoisonError::into_inner).write(&text);
        let written = self.writing.insert(tokio::task::spawn_blocking(write)).await;
        self.writing = None;
        written.map_err(io::Error::other)?
    }
}

impl<W: Write> Page<W> {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.torn {
            self.writer.write_all(b"\n")?;
        }
        self.torn = true;
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()?;
        self.torn = false;
        Ok(())
    }
}

impl<W: Write + Send + 'static> Sink for Stdout<W> {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let mut text = String::new();
        for alert in alerts {
            push_line(&mut text, alert, self.style).map_err(SendError::Reject)?;
        }
        self.write(text).await.context("write to standard output").map_err(SendError::retry)
    }

    /// Nothing to connect to.
    async fn check(&self) -> anyhow::Result<String> {
        Ok("standard output".to_owned())
    }
}

fn push_line(text: &mut String, alert: &Alert, style: Style) -> anyhow::Result<()> {
    match style {
        Style::Json => text.push_str(&json_line(alert)?),
        Style::Plain => push_sentence(text, alert, "", ""),
        Style::Coloured => push_sentence(text, alert, colour(alert.severity), "\x1b[0m"),
    }
    text.push('\n');
    Ok(())
}

/// `2026-11-22 12:21:52Z HIGH     eve read secrets … (12 times)`
fn push_sentence(text: &mut String, alert: &Alert, colour: &str, reset: &str) {
    let time = alert.last_seen.to_string();
    let (date, clock) = time.split_once('T').unwrap_or((&time, ""));
    let clock = clock.split('.').next().unwrap_or_default();
    let severity = alert.severity.word().to_uppercase();
    let summary = escape_terminal(&alert.summary);
    // Writing to a string does not fail.
    _ = write!(text, "{date} {clock}Z {colour}{severity:<8}{reset} {summary}");
    if alert.count > 1 {
        _ = write!(text, " ({} times)", alert.count);
    }
    if alert.status == Status::Closed {
        text.push_str(" (over)");
    }
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "\x1b[2m",
        Severity::Low => "\x1b[36m",
        Severity::Medium => "\x1b[33m",
        Severity::High => "\x1b[31m",
        Severity::Critical => "\x1b[1;97;41m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    #[track_caller]
    fn check(alert: &Alert, style: Style, expected: &str) {
        let mut text = String::new();
        push_line(&mut text, alert, style).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_terminal_gets_a_sentence() {
        let mut alert = sample::alert("a", 1);
        check(&alert, Style::Plain, "2026-11-22 12:21:52Z HIGH     eve read secrets from 203.0.113.7\n");
        alert.count = 12;
        alert.status = Status::Closed;
        alert.summary = "x\x1b[2J\ny\u{202e}".to_owned();
        check(
            &alert,
            Style::Coloured,
            "2026-11-22 12:21:52Z \x1b[31mHIGH    \x1b[0m x\\u{1b}[2J\\ny\\u{202e} (12 times) (over)\n",
        );
    }

    #[test]
    fn json_stays_on_one_line() {
        let mut alert = sample::alert("a", 1);
        if let Some(evidence) = &mut alert.evidence {
            evidence.event = serde_json::value::RawValue::from_string("{\n \"a\":\r\n \"b\\n\"}".to_owned()).unwrap();
        }
        let line = json_line(&alert).unwrap();
        assert!(!line.contains(['\n', '\r']));
        let back: Alert = serde_json::from_str(&line).unwrap();
        assert_eq!(back.evidence.unwrap().event.get(), "{  \"a\":   \"b\\n\"}");
    }

    /// Fails as scripted, keeps what is written.
    struct Pipe {
        failures: Vec<io::ErrorKind>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.failures.pop() {
                self.written.lock().unwrap().extend_from_slice(&bytes[..bytes.len().min(5)]);
                return Err(kind.into());
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_closed_pipe_is_tried_again_and_half_a_line_is_ended() {
        let written = Arc::default();
        let pipe = Pipe { failures: vec![io::ErrorKind::BrokenPipe], written: Arc::clone(&written) };
        let mut sink = Stdout::with(pipe, Style::Plain);
        let alerts = [sample::alert("a", 1)];
        let error = sink.send(&alerts).await.unwrap_err();
        assert!(matches!(error, SendError::Retry { after: None, .. }), "{error}");
        assert!(error.to_string().contains("standard output"), "{error}");
        sink.send(&alerts).await.unwrap();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "2026-\n2026-11-22 12:21:52Z HIGH     eve read secrets from 203.0.113.7\n");
    }
}
