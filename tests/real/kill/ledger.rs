//! What was written against what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Bytes that must have been written after an event for its file to be pruned: three backups, less a little, because
/// files end before a line that would not fit.
const PRUNED_BYTES: u64 = 2_950_000;

/// How long a start may take until the log's files are held open.
const ATTACH: Duration = Duration::from_millis(1500);

/// One event.
pub struct Written {
    pub time: String,
    /// The user, if it is an attack.
    pub attacker: Option<String>,
    /// Bytes written up to its end.
    pub bytes: u64,
    pub at: Instant,
}

/// When the process was up.
pub struct Life {
    pub began: Instant,
    pub ended: Instant,
}

/// A gap as it was told: no record between these times was read.
#[derive(Debug)]
struct Gap {
    from: String,
    to: String,
    /// What was said of it.
    detail: String,
}

impl Gap {
    fn of(alert: &Value) -> Self {
        let text = alert["summary"].as_str().unwrap();
        let (_, range) = text.split_once(" are missing between ").unwrap();
        let (from, rest) = range.split_once(" and ").unwrap();
        // Where nothing was read before, all times are later.
        let from = if from == "the beginning" { "" } else { from };
        let (to, detail) = rest.split_once(": ").unwrap();
        Self { from: from.to_owned(), to: to.to_owned(), detail: detail.to_owned() }
    }

    /// Timestamps of the same length sort like the times they stand for.
    fn covers(&self, event: &Written) -> bool {
        self.from < event.time && event.time < self.to
    }
}

/// Fails unless everything is accounted for.
pub fn check(written: &[Written], lives: &[Life], alerts: &[Value]) {
    let attacks: BTreeMap<&str, &Written> =
        written.iter().filter_map(|event| Some((event.attacker.as_deref()?, event))).collect();
    let (told, gaps) = sort(alerts, &attacks);
    let missing: Vec<&Written> =
        attacks.iter().filter(|(user, _)| !told.contains(*user)).map(|(_, event)| *event).collect();
    println!(
        "{} events, {} attacks, {} told of, {} pruned unread, {} gaps, {} alerts with repeats",
        written.len(),
        attacks.len(),
        told.len(),
        missing.len(),
        gaps.len(),
        alerts.len()
    );
    for event in &missing {
        assert!(
            is_excused(event, written, lives),
            "{:?} at {} was lost, and was not pruned",
            event.attacker,
            event.time
        );
        assert!(
            gaps.iter().any(|gap| gap.covers(event)),
            "no gap covers {:?} at {}: {gaps:?}",
            event.attacker,
            event.time
        );
    }
    let mut replayed = 0;
    for gap in &gaps {
        println!("a gap between {} and {}: {}", gap.from, gap.to, gap.detail);
        let inside: Vec<_> = written.iter().filter(|event| gap.covers(event)).collect();
        assert!(!inside.is_empty(), "{gap:?} was invented: nothing was written then");
        assert!(
            inside.iter().any(|event| is_excused(event, written, lives)),
            "{gap:?} was invented: nothing was pruned"
        );
        let known = inside.iter().filter_map(|event| event.attacker.as_deref());
        replayed += usize::from(known.clone().count() > 0 && known.clone().all(|user| told.contains(user)));
    }
    println!("{replayed} of the gaps were read in a life that ended before it could save");
}

/// The attackers told of and the gaps. Each subject has one id, and there is nothing else.
fn sort<'a>(alerts: &'a [Value], attacks: &BTreeMap<&str, &Written>) -> (BTreeSet<&'a str>, Vec<Gap>) {
    let (mut ids, mut told, mut gaps) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    for alert in alerts {
        let (rule, subject) = (alert["rule"]["id"].as_str().unwrap(), alert["subject"].as_str().unwrap());
        let id = ids.entry((rule, subject)).or_insert(&alert["id"]);
        assert_eq!(*id, &alert["id"], "two ids for {rule} about {subject}");
        match rule {
            "outside-trusted-networks" => {
                let user = subject.split(' ').next().unwrap();
                assert!(attacks.contains_key(user), "{subject} was never written");
                assert_eq!(alert["count"], 1, "{subject} came once");
                told.insert(user);
            }
            "log-gap" => _ = gaps.insert(subject, Gap::of(alert)),
            other => panic!("nothing of the kind happened: {other}: {alert}"),
        }
    }
    (told, gaps.into_values().collect())
}

/// Whether so much was written before somebody could take hold of it that its file was pruned.
fn is_excused(event: &Written, written: &[Written], lives: &[Life]) -> bool {
    let held = lives.iter().find(|life| life.ended > event.at + ATTACH && life.ended - life.began > ATTACH);
    let held = held.map_or(Instant::now(), |life| life.began.max(event.at) + ATTACH);
    let last = written.iter().rev().find(|later| later.at <= held);
    last.is_some_and(|last| last.bytes - event.bytes >= PRUNED_BYTES)
}
