//! What a scan found, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use crate::alert::{Alert, Severity};
use crate::event::Timestamp;
use crate::terminal::escape_terminal;

/// Most callers shown in the table. The others are counted; `-o json` has all.
const CALLERS_SHOWN_MAX: usize = 20;

/// Most alerts shown in the table. The others are counted; `-o json` and `-o jsonl` have all.
const ALERTS_SHOWN_MAX: usize = 100;

/// What the analysis found. The analyzer's side fills it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Events read.
    pub events: u64,
    /// Records that could not be read whole.
    pub malformed: u64,
    /// Records in an envelope that are not the API server's, by why they were passed.
    pub passed: BTreeMap<&'static str, u64>,
    /// Time of the oldest event.
    pub first: Option<Timestamp>,
    /// Time of the newest event.
    pub last: Option<Timestamp>,
    /// Who came from where, in any order.
    pub who: Vec<Caller>,
    /// A sentence about untrusted public addresses that reached the API server.
    pub exposure: Option<String>,
    /// Alerts in their last revisions, in any order.
    pub alerts: Vec<Alert>,
    /// Findings that suppressions cover.
    pub suppressed: BTreeMap<Covered, u64>,
}

/// What a suppression covered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Covered {
    /// The suppression's label.
    pub suppression: String,
    /// The rule of the findings.
    pub rule: String,
}

/// One who, from one where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The user name; empty when the API server knew none.
    pub actor: String,
    /// The kind of actor, as in an alert.
    pub kind: String,
    /// The address; nothing when the log does not show it.
    pub ip: Option<String>,
    /// The named network.
    pub zone: Option<String>,
    /// `true`, `false` or `unknown`.
    pub trusted: String,
    /// Requests or events counted.
    pub events: u64,
}

/// What the reading itself found.
#[derive(Debug, Default, Clone)]
pub struct Read {
    /// Logs that were named or found.
    pub files: usize,
    /// Decompressed bytes.
    pub bytes: u64,
    /// How long it took, seconds.
    pub seconds: f64,
    /// What could not be read to its end, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// What the reader of the report should know, a sentence each.
    pub notes: Vec<String>,
}

/// All of it.
#[derive(Debug)]
pub struct Report {
    tally: Tally,
    read: Read,
}

impl Report {
    /// Sorts alerts, gravest first, and callers, busiest first.
    pub fn new(mut tally: Tally, read: Read) -> Self {
        tally.alerts.sort_by(|one, other| {
            let order = other.severity.cmp(&one.severity);
            order.then(one.first_seen.cmp(&other.first_seen)).then_with(|| one.id.cmp(&other.id))
        });
        tally.who.sort_by(|one, other| {
            let names = |caller: &Caller| (caller.actor.clone(), caller.ip.clone());
            other.events.cmp(&one.events).then_with(|| names(one).cmp(&names(other)))
        });
        Self { tally, read }
    }

    /// The gravest alert's severity.
    pub fn gravest(&self) -> Option<Severity> {
        self.tally.alerts.first().map(|alert| alert.severity)
    }

    /// Whether everything that was named was read to its end, and was an audit log at all.
    pub fn is_complete(&self) -> bool {
        let is_other_log = self.tally.events == 0 && self.tally.malformed > 0;
        self.read.unreadable.is_empty() && !is_other_log
    }

    /// The alerts, gravest first.
    pub fn alerts(&self) -> &[Alert] {
        &self.tally.alerts
    }

    /// What suppressions covered, by label and rule.
    fn suppressed(&self) -> Vec<CoveredCount<'_>> {
        let covered = self.tally.suppressed.iter();
        covered
            .map(|(Covered { suppression, rule }, findings)| CoveredCount { suppression, rule, findings: *findings })
            .collect()
    }

    /// Findings by the label of the suppression that covers them.
    pub fn hits(&self) -> BTreeMap<&str, u64> {
        let mut hits = BTreeMap::new();
        for (covered, findings) in &self.tally.suppressed {
            *hits.entry(covered.suppression.as_str()).or_default() += findings;
        }
        hits
    }

    fn by_severity(&self) -> BTreeMap<Severity, u64> {
        count(self.tally.alerts.iter().map(|alert| alert.severity))
    }

    fn by_rule(&self) -> BTreeMap<&str, u64> {
        count(self.tally.alerts.iter().map(|alert| alert.rule.id.as_str()))
    }

    /// One object: `{"summary": …, "alerts": […]}`.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let unreadable = self.read.unreadable.iter().map(|(file, reason)| Unreadable { file, reason });
        let by_severity = self.by_severity().into_iter().map(|(severity, alerts)| (severity.word(), alerts));
        let summary = Summary {
            files: self.read.files,
            bytes: self.read.bytes,
            seconds: self.read.seconds,
            events: self.tally.events,
            malformed: self.tally.malformed,
            first: self.tally.first,
            last: self.tally.last,
            unreadable: unreadable.collect(),
            who: &self.tally.who,
            exposure: self.tally.exposure.as_deref(),
            alerts_by_severity: by_severity.collect(),
            alerts_by_rule: self.by_rule(),
            suppressed: self.suppressed(),
            notes: &self.read.notes,
        };
        serde_json::to_writer(&mut *out, &Whole { summary, alerts: &self.tally.alerts })?;
        writeln!(out)
    }

    /// One alert a line, gravest first.
    pub fn write_jsonl(&self, out: &mut impl Write) -> io::Result<()> {
        for alert in &self.tally.alerts {
            serde_json::to_writer(&mut *out, alert)?;
            writeln!(out)?;
        }
        Ok(())
    }

    /// For people: the summary, who came from where, and the alerts as sentences.
    pub fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_summary(out)?;
        self.write_callers(out)?;
        self.write_counts(out)?;
        self.write_suppressed(out)?;
        if let Some(exposure) = &self.tally.exposure {
            writeln!(out, "\n{BOLD}Exposure{BOLD:#}\n  {}", escape_terminal(exposure))?;
        }
        self.write_alerts(out)?;
        for note in &self.read.notes {
            writeln!(out, "\n{}", escape_terminal(note))?;
        }
        Ok(())
    }

    fn write_summary(&self, out: &mut impl Write) -> io::Result<()> {
        let (tally, read) = (&self.tally, &self.read);
        write!(out, "{BOLD}{}{BOLD:#}", counted(tally.events, "event"))?;
        if let (Some(first), Some(last)) = (tally.first, tally.last) {
            write!(out, " from {} to {}", to_seconds(first), to_seconds(last))?;
        }
        let unread = match read.unreadable.len() {
            0 => String::new(),
            count => format!(", {count} of them not readable to the end"),
        };
        writeln!(out, "\n  {}{unread}; {}", counted(read.files as u64, "file"), throughput(tally.events, read))?;
        match tally.malformed {
            0 => Ok(()),
            count => writeln!(out, "  {} could not be read whole", counted(count, "record")),
        }
    }

    fn write_callers(&self, out: &mut impl Write) -> io::Result<()> {
        if self.tally.who.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{BOLD}Who came from where{BOLD:#}")?;
        let mut table = crate::cli::table();
        table.set_header(["EVENTS", "WHO", "KIND", "FROM", "NETWORK", "TRUSTED"]);
        for caller in self.tally.who.iter().take(CALLERS_SHOWN_MAX) {
            table.add_row([
                grouped(caller.events),
                or_dash(Some(&caller.actor)),
                escape_terminal(&caller.kind).into_owned(),
                or_dash(caller.ip.as_deref()),
                or_dash(caller.zone.as_deref()),
                trusted_word(&caller.trusted).to_owned(),
            ]);
        }
        writeln!(out, "{}", table.trim_fmt())?;
        match self.tally.who.len().saturating_sub(CALLERS_SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, " and {} more; `-o json` has all", grouped(more as u64)),
        }
    }

    fn write_counts(&self, out: &mut impl Write) -> io::Result<()> {
        if self.tally.alerts.is_empty() {
            return writeln!(out, "\n{BOLD}No alerts{BOLD:#}");
        }
        writeln!(out, "\n{BOLD}{}{BOLD:#}", counted(self.tally.alerts.len() as u64, "alert"))?;
        let severities: Vec<String> = self
            .by_severity()
            .into_iter()
            .rev()
            .map(|(severity, count)| format!("{} {}", grouped(count), paint(severity, severity.word())))
            .collect();
        writeln!(out, "  {}", severities.join(", "))?;
        let mut rules: Vec<_> = self.by_rule().into_iter().collect();
        rules.sort_by_key(|(rule, count)| (std::cmp::Reverse(*count), *rule));
        for (rule, count) in rules {
            writeln!(out, "  {:>6}  {}", grouped(count), escape_terminal(rule))?;
        }
        Ok(())
    }

    /// What was found and not told.
    fn write_suppressed(&self, out: &mut impl Write) -> io::Result<()> {
        if self.tally.suppressed.is_empty() {
            return Ok(());
        }
        let all = counted(self.tally.suppressed.values().sum(), "finding");
        writeln!(out, "\n{BOLD}{all} suppressed{BOLD:#}")?;
        for (Covered { suppression, rule }, findings) in &self.tally.suppressed {
            let (suppression, rule) = (escape_terminal(suppression), escape_terminal(rule));
            writeln!(out, "  {:>6}  {rule} by `{suppression}`", grouped(*findings))?;
        }
        Ok(())
    }

    fn write_alerts(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.tally.alerts.is_empty() {
            writeln!(out)?;
        }
        for alert in self.tally.alerts.iter().take(ALERTS_SHOWN_MAX) {
            let severity = paint(alert.severity, &format!("{:<8}", alert.severity.word().to_uppercase()));
            writeln!(out, "{severity} {}", escape_terminal(&alert.summary))?;
            let times = match alert.count {
                0 | 1 => String::new(),
                count => format!(" to {}, {} requests", to_seconds(alert.last_seen), grouped(count)),
            };
            let rule = escape_terminal(&alert.rule.id);
            writeln!(out, "         {DIM}{}{times} · {rule}{DIM:#}", to_seconds(alert.first_seen))?;
        }
        match self.tally.alerts.len().saturating_sub(ALERTS_SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, "and {} more; `-o jsonl` has all", grouped(more as u64)),
        }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn paint(severity: Severity, text: &str) -> String {
    let style = match severity {
        Severity::Info => Style::new(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Critical => AnsiColor::Red.on_default().bold(),
    };
    format!("{style}{text}{style:#}")
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).map_or("–".to_owned(), |text| escape_terminal(text).into_owned())
}

fn trusted_word(trusted: &str) -> &str {
    match trusted {
        "true" => "yes",
        "false" => "no",
        _ => "unknown",
    }
}

fn count<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}

/// `1 file`, `2 files`.
fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment without its fraction.
fn to_seconds(moment: Timestamp) -> String {
    if moment == Timestamp::default() {
        return "at an unknown time".to_owned();
    }
    let text = moment.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

// Only for people: the digits lost are not missed.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn throughput(events: u64, read: &Read) -> String {
    let megabytes = read.bytes as f64 / 1e6;
    let seconds = read.seconds.max(1e-3);
    let each = grouped((events as f64 / seconds) as u64);
    format!("{megabytes:.1} MB in {:.1} s ({:.0} MB/s, {each} events/s)", read.seconds, megabytes / seconds)
}

#[derive(Serialize)]
struct Whole<'a> {
    summary: Summary<'a>,
    alerts: &'a [Alert],
}

#[derive(Serialize)]
struct Summary<'a> {
    files: usize,
    bytes: u64,
    seconds: f64,
    events: u64,
    malformed: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    unreadable: Vec<Unreadable<'a>>,
    who: &'a [Caller],
    exposure: Option<&'a str>,
    alerts_by_severity: BTreeMap<&'static str, u64>,
    alerts_by_rule: BTreeMap<&'a str, u64>,
    suppressed: Vec<CoveredCount<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct CoveredCount<'a> {
    suppression: &'a str,
    rule: &'a str,
    findings: u64,
}

#[derive(Serialize)]
struct Unreadable<'a> {
    file: &'a str,
    reason: &'a str,
}

#[cfg(test)]
mod tests;
