//! One partition in our hands: the records gathered for the next batch, and which offsets are safe to commit.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, ClusterId, Envelope, Framing, Input, Notice, NoticeKind, Place, SourceId};

use super::resume::{Missed, Wanted};

/// A batch is closed when the next record would take it beyond this, bytes. A longer record makes a batch of its own.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;

/// What a partition has to hand over, in this order.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Goes to the analyzer. The offset is the next record's once it has been analyzed, if it is known.
    Input(Input, Option<i64>),
    /// Offsets were missing between two records. Retention may have run past us, or they were never records (a
    /// transaction's mark takes one, compaction leaves holes); the broker knows.
    Jump {
        /// The first one missing.
        from: i64,
        /// The record that came instead.
        to: i64,
    },
}

/// Records that will make a batch.
#[derive(Debug)]
struct Gathered {
    bytes: Vec<u8>,
    /// The first record's offset.
    start: i64,
    /// The offset after the last one's.
    upto: i64,
}

/// One partition.
#[derive(Debug)]
pub(super) struct Partition {
    source: SourceId,
    cluster: ClusterId,
    name: Arc<str>,
    /// Offset of the record that comes next; nothing until the first one came, if we were not told where it begins.
    next: Option<i64>,
    /// The batch being gathered.
    open: Option<Gathered>,
    outgoing: VecDeque<Outgoing>,
    /// Bytes of the records that stand in `outgoing`.
    closed: usize,
    at_end: bool,
    /// Inputs that no snapshot covers yet: their numbers, and the offsets they reach.
    unsaved: VecDeque<(u64, i64)>,
    /// Covered by a snapshot: may be committed.
    safe: Option<i64>,
    /// Sent to be committed. Falls back to what was confirmed when that fails.
    asked: Option<i64>,
    confirmed: Option<i64>,
}

impl Partition {
    /// A partition to be read from this offset on, if we know it.
    pub(super) fn new(topic: &str, number: i32, cluster: &ClusterId, next: Option<i64>) -> Self {
        Self {
            source: source(topic, number),
            cluster: cluster.clone(),
            name: format!("{topic}/{number}").into(),
            next,
            open: None,
            outgoing: VecDeque::new(),
            closed: 0,
            at_end: false,
            unsaved: VecDeque::new(),
            safe: None,
            asked: None,
            confirmed: None,
        }
    }

    /// Takes a record. One without bytes, a tombstone, moves the position and no more.
    pub(super) fn push(&mut self, offset: i64, payload: &[u8]) {
        if let Some(next) = self.next.filter(|&next| offset > next + 1) {
            self.close();
            self.outgoing.push_back(Outgoing::Jump { from: next, to: offset });
        }
        self.next = Some(offset + 1);
        self.at_end = false;
        match framing(payload) {
            Framing::Lines => self.append(offset, payload),
            Framing::Documents => {
                self.close();
                self.hand(Bytes::copy_from_slice(payload), Framing::Documents, offset, offset + 1);
            }
        }
    }

    fn append(&mut self, offset: i64, payload: &[u8]) {
        if self.open.as_ref().is_some_and(|open| open.bytes.len() + payload.len() >= BATCH_BYTES) {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| Gathered { bytes: Vec::new(), start: offset, upto: offset });
        open.upto = offset + 1;
        open.bytes.extend_from_slice(payload);
        if !payload.is_empty() && !payload.ends_with(b"\n") {
            open.bytes.push(b'\n');
        }
    }

    /// Bytes of all records that were not handed over yet, in batches that are closed as well.
    pub(super) fn gathered(&self) -> usize {
        self.closed + self.open.as_ref().map_or(0, |open| open.bytes.len())
    }

    /// There is no further record now.
    pub(super) fn end(&mut self) {
        if !self.at_end && self.open.is_none() {
            let notice = self.notice(self.next.unwrap_or(0), None, NoticeKind::AtEnd);
            self.outgoing.push_back(Outgoing::Input(notice, self.next));
        }
        self.at_end = true;
    }

    /// Takes what is ready, the batch being gathered included.
    pub(super) fn drain(&mut self) -> VecDeque<Outgoing> {
        self.close();
        self.closed = 0;
        std::mem::take(&mut self.outgoing)
    }

    fn close(&mut self) {
        if let Some(Gathered { bytes, start, upto }) = self.open.take() {
            self.hand(bytes.into(), Framing::Lines, start, upto);
        }
    }

    fn hand(&mut self, bytes: Bytes, framing: Framing, start: i64, upto: i64) {
        self.closed += bytes.len();
        let batch = Batch {
            source: self.source.clone(),
            cluster: self.cluster.clone(),
            bytes,
            framing,
            envelope: Envelope::default(),
            start: self.place(start),
            upto: Wanted::Offset(upto).position(),
            at_end: self.at_end,
        };
        self.outgoing.push_back(Outgoing::Input(Input::Batch(batch), Some(upto)));
    }

    fn place(&self, offset: i64) -> Place {
        Place { name: Arc::clone(&self.name), offset: offset.try_into().unwrap_or(0) }
    }

    fn notice(&self, offset: i64, upto: Option<Wanted>, kind: NoticeKind) -> Input {
        Input::Notice(Notice {
            source: self.source.clone(),
            cluster: self.cluster.clone(),
            at: self.place(offset),
            upto: upto.map(Wanted::position),
            kind,
        })
    }

    /// Says that the offset we came for was not there and where we went on.
    pub(super) fn missed(&self, missed: &Missed, on: i64) -> Input {
        self.notice(missed.offset, Some(Wanted::Offset(on)), missed.kind())
    }

    /// Says that others read on from here: it is not waited for, and the next time the group's offset counts.
    pub(super) fn farewell(&self) -> Input {
        self.notice(self.next.unwrap_or(0), Some(Wanted::Group), NoticeKind::AtEnd)
    }

    /// The input with this number is on its way; it reaches this offset, if any is known.
    pub(super) fn sent(&mut self, number: u64, offset: Option<i64>) {
        self.unsaved.extend(offset.map(|offset| (number, offset)));
    }

    /// Everything up to this number is in a saved snapshot.
    pub(super) fn saved(&mut self, number: u64) {
        while let Some(&(_, offset)) = self.unsaved.front().filter(|(sent, _)| *sent <= number) {
            self.safe = Some(offset);
            self.unsaved.pop_front();
        }
    }

    /// Number of the first input that no snapshot covers.
    pub(super) fn oldest_unsaved(&self) -> Option<u64> {
        self.unsaved.front().map(|(number, _)| *number)
    }

    /// Number of the last one.
    pub(super) fn newest_unsaved(&self) -> Option<u64> {
        self.unsaved.back().map(|(number, _)| *number)
    }

    /// The offset to commit, if there is one that was not sent yet.
    pub(super) fn ask(&mut self) -> Option<i64> {
        let safe = self.safe.filter(|_| self.safe > self.asked)?;
        self.asked = Some(safe);
        Some(safe)
    }

    /// The offset to commit, if it was not confirmed yet.
    pub(super) fn unconfirmed(&self) -> Option<i64> {
        self.safe.filter(|_| self.safe > self.confirmed)
    }

    /// The broker has this offset.
    pub(super) fn committed(&mut self, offset: i64) {
        self.confirmed = self.confirmed.max(Some(offset));
    }

    /// Some commit failed: what was not confirmed is sent again.
    pub(super) fn ask_again(&mut self) {
        self.asked = self.confirmed;
    }

    /// Records between us and the end of the partition.
    pub(super) fn lag(&self, end: i64) -> Option<i64> {
        self.next.map(|next| (end - next).max(0))
    }
}

/// A partition's name as a source.
pub(super) fn source(topic: &str, number: i32) -> SourceId {
    SourceId::new(format!("kafka:{topic}/{number}"))
}

/// A record is lines unless it is one document over several: such a one breaks its first line inside it.
fn framing(payload: &[u8]) -> Framing {
    if payload.starts_with(b"\x1f\x8b") {
        // Compressed bytes have no lines.
        return Framing::Documents;
    }
    let text = payload.trim_ascii();
    let Some(first) = memchr::memchr(b'\n', text).map(|end| text[..end].trim_ascii_end()) else {
        return Framing::Lines;
    };
    match (first.first(), first.last()) {
        (Some(b'{' | b'['), Some(b'{' | b'[' | b',')) => Framing::Documents,
        _ => Framing::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Partition {
        Partition::new("audit", 3, &ClusterId::new("c"), Some(10))
    }

    /// What is handed over, a line each.
    fn shown(partition: &mut Partition) -> Vec<String> {
        let show = |outgoing| match outgoing {
            Outgoing::Input(Input::Batch(batch), Some(next)) => {
                assert_eq!(batch.upto.as_str(), next.to_string());
                let framing = if batch.framing == Framing::Lines { "lines" } else { "documents" };
                let end = if batch.at_end { " end" } else { "" };
                let text = String::from_utf8_lossy(&batch.bytes).replace('\n', "|");
                format!("{}..{next} {framing} {}{end}", batch.start, text)
            }
            Outgoing::Input(Input::Notice(notice), next) => format!("{} at {next:?}", notice.kind.word()),
            Outgoing::Jump { from, to } => format!("jump {from} {to}"),
            Outgoing::Input(Input::Batch(_), None) => panic!("a batch reaches an offset"),
        };
        partition.drain().into_iter().map(show).collect()
    }

    #[test]
    fn records_that_wait_together_travel_together() {
        let mut partition = partition();
        partition.push(10, b"{\"a\":1}");
        partition.push(11, b"{\"a\":2}\n{\"a\":3}\n");
        partition.end();
        assert_eq!(shown(&mut partition), ["audit/3:10..12 lines {\"a\":1}|{\"a\":2}|{\"a\":3}| end"]);
        partition.push(12, b"{}");
        assert_eq!(shown(&mut partition), ["audit/3:12..13 lines {}|"]);
        partition.end();
        partition.end();
        assert_eq!(shown(&mut partition), ["at-end at Some(13)"]);
    }

    #[test]
    fn a_document_over_several_lines_travels_alone() {
        let mut partition = partition();
        partition.push(10, b"{}");
        partition.push(11, b"{\n  \"a\": 1\n}\n");
        partition.push(12, b"{}");
        assert_eq!(
            shown(&mut partition),
            ["audit/3:10..11 lines {}|", "audit/3:11..12 documents {|  \"a\": 1|}|", "audit/3:12..13 lines {}|"]
        );
    }

    #[test]
    fn framing_is_told_from_the_first_line() {
        for (payload, expected) in [
            ("", Framing::Lines),
            ("\n\n", Framing::Lines),
            ("{\"a\":1}", Framing::Lines),
            ("{\"a\":1}\n{\"a\":2}", Framing::Lines),
            ("{\"torn\":\n{\"a\":2}", Framing::Lines),
            ("garbage\n{\"a\":2}", Framing::Lines),
            ("{\r\n  \"a\": 1\r\n}", Framing::Documents),
            ("\n{ \"a\": 1,\n  \"b\": 2 }", Framing::Documents),
            ("[\n{}]", Framing::Documents),
        ] {
            assert_eq!(framing(payload.as_bytes()), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_compressed_record_travels_alone() {
        assert_eq!(framing(b"\x1f\x8b\x08\n{"), Framing::Documents);
    }

    #[test]
    fn a_record_without_bytes_moves_the_position() {
        let mut partition = partition();
        partition.push(10, b"");
        assert_eq!(shown(&mut partition), ["audit/3:10..11 lines "]);
    }

    #[test]
    fn missing_offsets_are_asked_about_unless_a_transaction_explains_them() {
        let mut partition = partition();
        partition.push(11, b"{}");
        partition.push(20, b"{}");
        assert_eq!(shown(&mut partition), ["audit/3:11..12 lines {}|", "jump 12 20", "audit/3:20..21 lines {}|"]);
    }

    #[test]
    fn batches_stay_small_and_none_is_torn() {
        let mut partition = partition();
        let record = vec![b'x'; BATCH_BYTES / 3];
        for offset in 10..16 {
            partition.push(offset, &record);
        }
        partition.push(16, &vec![b'y'; 3 * BATCH_BYTES]);
        let reach = |outgoing| match outgoing {
            Outgoing::Input(Input::Batch(batch), Some(next)) => {
                (batch.start.offset, next, batch.bytes.len() > BATCH_BYTES)
            }
            other => panic!("{other:?}"),
        };
        let reached: Vec<_> = partition.drain().into_iter().map(reach).collect();
        assert_eq!(reached, [(10, 12, false), (12, 14, false), (14, 16, false), (16, 17, true)]);
    }

    #[test]
    fn closed_batches_count_until_they_are_handed_over() {
        let mut partition = partition();
        // Each makes a batch of its own, and none of these is full.
        let record = vec![b'x'; BATCH_BYTES - 2];
        for offset in 10..13 {
            partition.push(offset, &record);
        }
        partition.push(13, b"{\n  \"a\": 1\n}\n");
        assert!(partition.gathered() > 3 * record.len(), "{}", partition.gathered());
        assert_eq!(partition.drain().len(), 4);
        assert_eq!(partition.gathered(), 0);
    }

    #[test]
    fn only_what_a_snapshot_covers_is_committed_and_a_failed_commit_is_repeated() {
        let mut partition = partition();
        assert_eq!(partition.ask(), None);
        for (number, offset) in [(1, 11), (4, 12), (9, 13)] {
            partition.sent(number, Some(offset));
        }
        partition.saved(8);
        assert_eq!((partition.oldest_unsaved(), partition.newest_unsaved()), (Some(9), Some(9)));
        assert_eq!((partition.ask(), partition.ask()), (Some(12), None));
        partition.ask_again();
        assert_eq!(partition.ask(), Some(12));
        partition.committed(12);
        partition.ask_again();
        assert_eq!(partition.ask(), None);
        partition.saved(9);
        assert_eq!((partition.ask(), partition.oldest_unsaved()), (Some(13), None));
    }
}
