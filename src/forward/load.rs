//! From batches to requests: events into lists, as an API server would post them; what is no event, alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::batch::{Batch, Framing, Input, OVERSIZED_PREFIX_BYTES};
use crate::decode::{self, Partial, Record, Unreadable, record_length};
use crate::event::Timestamp;
use crate::hex::hex;
use crate::source::spool::{Told, ToldKind};

/// Most events of one list: the API server's own batch.
const EVENTS_MAX: usize = 400;

/// Most bytes of one list. A longer event makes a list of its own.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

const LIST_START: &[u8] = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#;
const LIST_END: &[u8] = b"]}\n";

/// What one request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// A list of events; of none, to say that there are none.
    Events(Vec<Bytes>),
    /// Bytes that are no event, or not one alone. In a list they would cost their neighbours.
    Raw(Bytes),
    /// Something that a source has to say besides.
    Told(Told),
}

/// What was put behind the loads.
#[derive(Debug, Default)]
pub struct Packed {
    /// Time of its newest event.
    pub newest: Option<Timestamp>,
    /// Records in an envelope that are not the API server's, by why they were passed.
    pub passed: BTreeMap<&'static str, u64>,
}

/// Puts an input behind the loads. What stands around its records is left out; those that are not whole yet are held
/// in `partial`.
pub fn pack(input: &Input, partial: &mut Partial, loads: &mut Vec<Load>) -> Packed {
    match input {
        Input::Notice(notice) => {
            if notice.kind.breaks_off() && !partial.is_empty() {
                loads.push(Load::Raw(Bytes::copy_from_slice(std::mem::take(partial).bytes())));
            }
            loads.extend(Told::of(&notice.at, &notice.kind).map(Load::Told));
            Packed::default()
        }
        Input::Batch(batch) if batch.envelope.is_plain() => {
            let newest = records(batch).filter_map(|record| pack_record(record, loads)).max();
            Packed { newest, ..Packed::default() }
        }
        Input::Batch(batch) => unwrap(batch, partial, loads),
    }
}

fn unwrap(batch: &Batch, partial: &mut Partial, loads: &mut Vec<Load>) -> Packed {
    let mut packed = Packed::default();
    decode::open(&batch.bytes, batch.framing, &batch.envelope, partial, &mut |record| match record {
        Record::Event(event) => {
            let time = pack_record(Bytes::copy_from_slice(event.bytes()), loads);
            packed.newest = packed.newest.max(time);
        }
        Record::Unreadable(unreadable) if unreadable.wrapping => loads.push(stand_in(&unreadable)),
        Record::Unreadable(unreadable) => loads.push(Load::Raw(Bytes::copy_from_slice(unreadable.bytes))),
        Record::Passed(reason) => *packed.passed.entry(reason).or_default() += 1,
    });
    packed
}

/// What is sent for a wrapping that cannot be read, which may hold secrets where nobody looks for them. It is no event
/// either, and so will be quarantined and raised.
fn stand_in(unreadable: &Unreadable<'_>) -> Load {
    let (length, sha256) = (unreadable.bytes.len(), hex(&Sha256::digest(unreadable.bytes)));
    let text = format!(r#"{{"unreadable":"{}","length":{length},"sha256":"{sha256}"}}"#, unreadable.reason);
    Load::Raw(text.into())
}

/// The records of a batch, without what separates them.
fn records(batch: &Batch) -> impl Iterator<Item = Bytes> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &batch.bytes[start..];
        let length = record_length(rest, batch.framing);
        let trimmed = rest[..length].trim_ascii();
        let record = batch.bytes.slice_ref(trimmed);
        start += length;
        (length > 0).then_some(record)
    })
    .filter(|record| !record.is_empty())
}

fn pack_record(record: Bytes, loads: &mut Vec<Load>) -> Option<Timestamp> {
    let Some(time) = time_of_event(&record) else {
        loads.push(Load::Raw(record));
        return None;
    };
    match loads.last_mut() {
        Some(Load::Events(events)) if has_room(events, record.len()) => events.push(record),
        _ => loads.push(Load::Events(vec![record])),
    }
    time
}

fn has_room(events: &[Bytes], more: usize) -> bool {
    events.len() < EVENTS_MAX && events.iter().map(Bytes::len).sum::<usize>() + more <= LIST_BYTES_MAX
}

/// Whether the bytes are one whole event and nothing else; if so, its time, as far as it is known.
fn time_of_event(record: &[u8]) -> Option<Option<Timestamp>> {
    let (mut time, mut whole) = (None, true);
    decode::decode(record, Framing::Documents, &mut |found| match found {
        Record::Event(event) if event.bytes().len() == record.len() && !event.is_truncated() => {
            time = Some(event.time());
        }
        _ => whole = false,
    });
    time.filter(|_| whole)
}

impl Load {
    /// The request's body.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Events(events) => {
                let mut body = LIST_START.to_vec();
                for (at, event) in events.iter().enumerate() {
                    if at > 0 {
                        body.push(b',');
                    }
                    body.extend_from_slice(event);
                }
                body.extend_from_slice(LIST_END);
                body
            }
            Self::Raw(bytes) => bytes.to_vec(),
            // Text and numbers only: JSON holds them all.
            Self::Told(told) => serde_json::to_vec(told).unwrap_or_default(),
        }
    }

    /// Events in it.
    pub fn events(&self) -> u64 {
        if let Self::Events(events) = self { events.len() as u64 } else { 0 }
    }

    /// What to send in its place when it is too long for the receiver, first things last. A single event that is too
    /// long becomes the news that there was one.
    ///
    /// # Errors
    /// Itself, when nothing smaller would say anything.
    pub fn smaller(self, at: &str) -> Result<Vec<Self>, Self> {
        match self {
            Self::Events(mut events) if events.len() > 1 => {
                let later = events.split_off(events.len() / 2);
                Ok(vec![Self::Events(later), Self::Events(events)])
            }
            Self::Events(events) => Ok(events.into_iter().map(|event| oversized(&event, at)).collect()),
            Self::Raw(bytes) | Self::Told(Told { kind: ToldKind::Torn { bytes }, .. }) => {
                Ok(vec![oversized(&bytes, at)])
            }
            Self::Told(Told { kind: ToldKind::Oversized { length, prefix, sha256 }, at }) if !prefix.is_empty() => {
                Ok(vec![Self::Told(Told { at, kind: ToldKind::Oversized { length, prefix: Bytes::new(), sha256 } })])
            }
            told @ Self::Told(_) => Err(told),
        }
    }
}

fn oversized(bytes: &Bytes, at: &str) -> Load {
    let at = crate::batch::Place { name: at.into(), offset: 0 };
    let prefix = bytes.slice(..bytes.len().min(OVERSIZED_PREFIX_BYTES));
    let kind = ToldKind::Oversized { length: bytes.len() as u64, prefix, sha256: hex(&Sha256::digest(bytes)) };
    Load::Told(Told { at, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{ClusterId, Notice, NoticeKind, Place, Position, SourceId};

    fn event(n: usize) -> String {
        format!(
            "{{\"auditID\":\"{n}\",\"stage\":\"Panic\",\"verb\":\"get\",\"stageTimestamp\":\"2026-01-01T00:00:00.{n:06}Z\"}}"
        )
    }

    fn batch(text: &str) -> Input {
        let source = SourceId::new("file:a");
        Input::Batch(Batch {
            envelope: crate::batch::Envelope::default(),
            start: Place { name: source.shared(), offset: 0 },
            source,
            cluster: ClusterId::new("c"),
            bytes: text.to_owned().into(),
            framing: Framing::Lines,
            upto: Position::new(""),
            at_end: true,
        })
    }

    /// Events of each load; the text of what is none.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut loads = Vec::new();
        pack(&batch(text), &mut Partial::default(), &mut loads);
        let shown = |load: &Load| match load {
            Load::Events(events) => events.len().to_string(),
            other => String::from_utf8(other.body()).unwrap(),
        };
        assert_eq!(loads.iter().map(shown).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn events_become_lists_and_all_else_goes_alone() {
        let (one, two, three) = (event(1), event(2), event(3));
        check(&format!("{one}\n{two}\n\n {three} \n"), &["3"]);
        check(&format!("{one}\n{{\"torn\":\n{two}{three}\n{one}"), &["1", "{\"torn\":", &format!("{two}{three}"), "1"]);
        let list = format!("{{\"items\":[{one},{two}]}}");
        check(&format!("{list}\n{one}\n"), &[&list, "1"]);
        check(&format!("{one},\n"), &[&format!("{one},")]);
        check("", &[]);
        let many = (0..1000).map(|n| event(n) + "\n").collect::<String>();
        check(&many, &["400", "400", "200"]);
    }

    #[test]
    fn a_list_is_what_an_api_server_would_post_and_says_how_new_it_is() {
        let mut loads = Vec::new();
        let two = batch(&format!("{}\n{}\n", event(7), event(5)));
        let newest = pack(&two, &mut Partial::default(), &mut loads).newest;
        assert_eq!(newest.unwrap().to_string(), "2026-01-01T00:00:00.000007Z");
        let list: serde_json::Value = serde_json::from_slice(&loads[0].body()).unwrap();
        assert_eq!((&list["kind"], &list["items"][1]["auditID"]), (&"EventList".into(), &"5".into()));
    }

    #[test]
    fn what_is_too_long_is_halved_and_at_last_told_of() {
        let events: Vec<Bytes> = (0..5).map(|n| event(n).into()).collect();
        let mut stack = vec![Load::Events(events)];
        let mut told = 0;
        while let Some(load) = stack.pop() {
            match load {
                Load::Told(Told { kind: ToldKind::Oversized { length, .. }, .. }) => {
                    told += 1;
                    assert_eq!(length, event(0).len() as u64);
                }
                load => stack.extend(load.smaller("cp-1").unwrap()),
            }
        }
        assert_eq!(told, 5);
    }

    #[test]
    fn a_notice_goes_behind_what_came_before_it() {
        let mut loads = Vec::new();
        pack(&batch(&event(1)), &mut Partial::default(), &mut loads);
        let at = Place { name: "a".into(), offset: 0 };
        let (source, cluster) = (SourceId::new("file:a"), ClusterId::new("c"));
        for kind in [NoticeKind::Vanished, NoticeKind::AtEnd] {
            let notice = Notice { source: source.clone(), cluster: cluster.clone(), at: at.clone(), upto: None, kind };
            pack(&Input::Notice(notice), &mut Partial::default(), &mut loads);
        }
        pack(&batch(&event(2)), &mut Partial::default(), &mut loads);
        assert_eq!(loads.len(), 3);
        assert_eq!(loads[1], Load::Told(Told { at, kind: ToldKind::Vanished }));
    }
}
