//! What a source has to say, and records that are no events: raised, because each may hide an attack.

use std::sync::Arc;

use super::{Analyzer, Output, Quarantined, SourceMemory};
use crate::alert::Severity;
use crate::batch::{Notice, NoticeKind, Place, SourceId};
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;
use crate::hit::Hit;
use crate::mask::{self, Remains};
use crate::request::Key;

/// The rules that sources, not events, are judged by.
pub(super) struct SourceRules {
    gap: Arc<Rule>,
    vanished: Arc<Rule>,
    truncated: Arc<Rule>,
    oversized: Arc<Rule>,
    unreadable: Arc<Rule>,
    cut: Arc<Rule>,
    poison: Arc<Rule>,
}

impl Default for SourceRules {
    fn default() -> Self {
        let rule = |id, title| Rule::new(id, title, &["T1070"]);
        Self {
            gap: rule("log-gap", "Audit records were lost before they were read"),
            vanished: rule("log-vanished", "The live audit log was removed"),
            truncated: rule("log-truncated", "The audit log was cut short in place"),
            oversized: rule("oversized-record", "An audit record is longer than the limit"),
            unreadable: rule("unreadable-record", "A record of the audit log cannot be read"),
            cut: rule("truncated-record", "An audit record ends before its end"),
            poison: rule("poison-record", "A record that stops the analysis was passed over"),
        }
    }
}

impl SourceRules {
    /// Their ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        let Self { gap, vanished, truncated, oversized, unreadable, cut, poison } = self;
        [gap, vanished, truncated, oversized, unreadable, cut, poison].into_iter().map(|rule| rule.id.clone())
    }

    /// An event that could be read only as far as it goes.
    pub(super) fn cut(&self, source: &SourceId, place: &Place, findings: &mut Findings) {
        let text = format!("an audit record at {place} ends before its end; what stands of it was judged");
        findings.tell(&self.cut, source.to_string(), Severity::Low, text);
    }
}

impl Analyzer {
    pub(super) fn notice(&mut self, notice: &Notice, out: &mut Output) {
        let mut memory = self.sources.remove(&notice.source).unwrap_or_default();
        if notice.kind.breaks_off() && !memory.partial.is_empty() {
            // The end of what has begun is lost, or stands behind what is told of.
            let partial = std::mem::take(&mut memory.partial);
            let remains = mask::unreadable(partial.bytes());
            self.unreadable(&notice.source, notice.at.clone(), "cut", remains, &mut memory, out);
        }
        self.take_notice(notice, &mut memory, out);
        if let Some(upto) = &notice.upto {
            memory.position = Some(upto.clone());
        }
        self.sources.insert(notice.source.clone(), memory);
    }

    fn take_notice(&mut self, notice: &Notice, memory: &mut SourceMemory, out: &mut Output) {
        let (source, at) = (&notice.source, &notice.at);
        let key = notice_key(notice, memory.newest);
        let rules = &self.source_rules;
        let (rule, severity, text) = match &notice.kind {
            NoticeKind::Begun | NoticeKind::AtEnd => return,
            NoticeKind::Gap { detail } => {
                // The far side of the gap is not known before the next event: it waits for that one.
                let from = memory.newest.map_or("the beginning".to_owned(), |newest| newest.to_string());
                let text = format!("audit records of {source} are missing between {from} and {GAP_END}: {detail}");
                let mut hit = self.source_hit(&self.source_rules.gap, source, Severity::High, text, key);
                for finding in &mut hit.findings {
                    // Each gap is told with its own range, however soon it follows another one.
                    finding.subject = format!("{source} since {from}");
                }
                memory.waiting.push(hit);
                return;
            }
            NoticeKind::Vanished => {
                let text =
                    format!("the live audit log of {source} was removed while the API server still writes into it");
                (&rules.vanished, Severity::High, text)
            }
            NoticeKind::Truncated { detail } => (
                &rules.truncated,
                Severity::Medium,
                format!("the audit log of {source} was cut short in place: {detail}"),
            ),
            NoticeKind::Oversized { length, prefix, sha256 } => {
                let text = mask::readable_prefix(prefix);
                let remains = Remains { text, length: *length, sha256: sha256.clone() };
                self.quarantine(source, at.clone(), "oversized", remains, memory, out);
                let text = format!(
                    "an audit record at {at} is {length} bytes long, more than the limit, and was not analyzed"
                );
                (&self.source_rules.oversized, Severity::High, text)
            }
            NoticeKind::Poison { bytes } => {
                self.quarantine(source, at.clone(), "poison", mask::unreadable(bytes), memory, out);
                let text =
                    format!("the audit record at {at} stops the analysis and was passed over; it is in the quarantine");
                (&self.source_rules.poison, Severity::High, text)
            }
            NoticeKind::Torn { bytes } => {
                return self.unreadable(source, at.clone(), "torn", mask::unreadable(bytes), memory, out);
            }
        };
        let hit = self.source_hit(rule, source, severity, text, key);
        self.hold(hit, memory);
    }

    /// Keeps and raises bytes that are no event.
    pub(super) fn unreadable(
        &mut self,
        source: &SourceId,
        place: Place,
        reason: &'static str,
        remains: Remains,
        memory: &mut SourceMemory,
        out: &mut Output,
    ) {
        let key = Key::of(&[source.as_str().as_bytes(), reason.as_bytes(), remains.sha256.as_bytes()]);
        let severity = if matches!(reason, "torn" | "cut") { Severity::Medium } else { Severity::Low };
        let text = format!("a record at {place} cannot be read ({reason}, {} bytes)", remains.length);
        self.quarantine(source, place, reason, remains, memory, out);
        let mut hit = self.source_hit(&self.source_rules.unreadable, source, severity, text, key);
        for finding in &mut hit.findings {
            finding.subject = format!("{source} ({reason})");
        }
        self.hold(hit, memory);
    }

    fn quarantine(
        &self,
        source: &SourceId,
        place: Place,
        reason: &'static str,
        remains: Remains,
        memory: &SourceMemory,
        out: &mut Output,
    ) {
        let time = memory.newest.unwrap_or_default();
        out.quarantined.push(Quarantined { time, source: source.clone(), place, reason, remains });
    }

    /// Holds a hit at the time its source has reached, or until it has reached any.
    fn hold(&mut self, mut hit: Hit, memory: &mut SourceMemory) {
        match memory.newest {
            Some(newest) => {
                hit.time = newest;
                self.hold_shown(hit);
            }
            None => memory.waiting.push(hit),
        }
    }

    fn source_hit(&self, rule: &Arc<Rule>, source: &SourceId, severity: Severity, text: String, key: Key) -> Hit {
        let finding = Finding::new(rule, source.to_string(), severity, text);
        Hit::without_event(Timestamp::default(), key, finding, self.cluster.shared())
    }
}

/// Stands for the far side of a gap until it is known.
pub(super) const GAP_END: &str = "the next record";

/// Source, kind and the place where it begins. Files of one name may be equally long, so the time that was reached is
/// part of the place.
fn notice_key(notice: &Notice, reached: Option<Timestamp>) -> Key {
    let (word, at) = (notice.kind.word(), &notice.at);
    let (offset, reached) = (at.offset.to_le_bytes(), reached.unwrap_or(Timestamp::MIN).micros().to_le_bytes());
    Key::of(&[notice.source.as_str().as_bytes(), word.as_bytes(), at.name.as_bytes(), &offset, &reached])
}
