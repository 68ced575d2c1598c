use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Instant;

use super::*;
use crate::alert::{AlertRule, Reason, Severity, Status};
use crate::event::Timestamp;
use crate::metrics::{ByReason, BySinkResult};
use crate::state::disk::fault::{self, Op};

fn alert(id: &str, count: u64, severity: Severity) -> Alert {
    Alert {
        id: id.to_owned(),
        revision: 1,
        status: Status::Open,
        severity,
        rule: AlertRule::new("rule", "A rule", &[]),
        subject: "eve".to_owned(),
        summary: "x".repeat(300),
        reasons: vec![Reason {
            rule: "rule".to_owned(),
            subject: "eve".to_owned(),
            severity,
            text: String::new(),
            matched: vec![],
            unusual: None,
        }],
        cluster: "prod".to_owned(),
        first_seen: Timestamp::from_micros(0),
        last_seen: Timestamp::from_micros(0),
        count,
        client: None,
        actor: None,
        request: None,
        events: vec![],
        evidence: None,
        suppressions: Vec::new(),
    }
}

fn low(id: &str) -> Alert {
    alert(id, 1, Severity::Low)
}

/// A state directory with a small outbox that survives being closed.
struct Lab {
    temp: tempfile::TempDir,
    config: Config,
    sinks: Vec<String>,
    metrics: Metrics,
}

impl Lab {
    fn new(sinks: &[&str]) -> Self {
        let config = Config { max_bytes: MAX_BYTES_LEAST, ..Config::default() };
        let sinks = sinks.iter().map(|&sink| sink.to_owned()).collect();
        Self { temp: tempfile::tempdir().unwrap(), config, sinks, metrics: Metrics::new() }
    }

    fn try_open(&self) -> anyhow::Result<(Outbox, Recovered)> {
        let state = StateDir::open_with_ballast(self.temp.path(), 0)?;
        Outbox::open(&state, self.config.clone(), &self.sinks, self.metrics.clone())
    }

    fn open(&self) -> Outbox {
        let outbox = self.try_open().unwrap().0;
        outbox.retain(u64::MAX).unwrap();
        outbox
    }

    fn directory(&self) -> std::path::PathBuf {
        self.temp.path().join("outbox")
    }

    fn dropped(&self) -> u64 {
        self.metrics.dropped.get_or_create(&ByReason { reason: "outbox_full" }).get()
    }

    fn superseded(&self, sink: &str) -> u64 {
        let label = BySinkResult { sink: sink.to_owned(), result: "superseded" };
        self.metrics.deliveries.get_or_create(&label).get()
    }
}

fn keys(alerts: &[Alert]) -> Vec<String> {
    alerts.iter().map(Alert::key).collect()
}

/// Everything a sink has not taken, without taking it.
fn backlog(outbox: &Outbox, sink: &str) -> Vec<String> {
    let mut reader = outbox.cursor(sink).unwrap();
    std::iter::from_fn(|| reader.next(3, usize::MAX).unwrap()).flat_map(|delivery| keys(&delivery.alerts)).collect()
}

/// Takes everything.
fn take_all(outbox: &Outbox, sink: &str) -> Vec<String> {
    let mut reader = outbox.cursor(sink).unwrap();
    let mut taken = Vec::new();
    while let Some(delivery) = reader.next(100, usize::MAX).unwrap() {
        taken.extend(keys(&delivery.alerts));
        reader.done(delivery.upto).unwrap();
    }
    taken
}

fn segments(directory: &Path) -> usize {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().ends_with(".seg")).count()
}

fn fill(outbox: &Outbox, ids: std::ops::Range<usize>, severity: Severity) -> Result<Vec<LetGo>, AppendError> {
    let mut lost = Vec::new();
    for id in ids {
        lost.extend(outbox.append(&mut [alert(&format!("{severity}-{id}"), 1, severity)])?.let_go);
    }
    Ok(lost)
}

#[test]
fn what_is_written_reaches_every_sink_also_after_a_restart() {
    let lab = Lab::new(&["loki", "pager"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a"), low("b")]).unwrap();
    outbox.append(&mut [low("c")]).unwrap();
    assert_eq!(take_all(&outbox, "loki"), ["a.1", "b.1", "c.1"]);
    drop(outbox);
    let outbox = lab.open();
    assert_eq!(backlog(&outbox, "loki"), [] as [&str; 0]);
    assert_eq!(take_all(&outbox, "pager"), ["a.1", "b.1", "c.1"]);
    assert!(outbox.cursor("mail").is_err());
}

#[test]
fn revisions_are_given_at_append_and_what_adds_nothing_is_dropped() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    let mut group = [low("a"), low("a"), alert("a", 10, Severity::Low), alert("b", 1, Severity::High)];
    let written = outbox.append(&mut group).unwrap();
    assert_eq!((keys(&group), written.written), (["a.1", "a.1", "a.2", "b.1"].map(str::to_owned).to_vec(), 3));
    drop(outbox);
    let outbox = lab.open();
    let mut replayed = [low("a"), alert("a", 9, Severity::Low), alert("a", 10, Severity::High), low("b")];
    assert_eq!(outbox.append(&mut replayed).unwrap().written, 1);
    assert_eq!(keys(&replayed), ["a.2", "a.2", "a.3", "b.1"]);
    let mut proposed = [Alert { revision: 7, ..low("c") }];
    outbox.append(&mut proposed).unwrap();
    assert_eq!(keys(&proposed), ["c.7"]);
    assert_eq!(lab.metrics.revisions.get(), 5);
}

#[test]
fn a_failed_append_consumes_nothing() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a")]).unwrap();
    let mut group = [alert("a", 10, Severity::Low), low("b")];
    for op in [Op::Write, Op::Sync] {
        fault::fail_next(op, io::ErrorKind::StorageFull);
        assert!(matches!(outbox.append(&mut group), Err(AppendError::Full)), "{op:?}");
        assert_eq!(keys(&group), ["a.1", "b.1"]);
    }
    assert_eq!(lab.metrics.outbox_waits.get(), 1, "one wait, however often it is tried");
    outbox.append(&mut group).unwrap();
    assert_eq!(keys(&group), ["a.2", "b.1"]);
    assert_eq!(backlog(&outbox, "loki"), ["a.2", "b.1"]);
    fault::fail_next(Op::Sync, io::ErrorKind::Other);
    assert!(matches!(outbox.append(&mut [low("c")]), Err(AppendError::Fatal { .. })));
    assert!(matches!(outbox.append(&mut [low("c")]), Err(AppendError::Fatal { .. })));
}

#[test]
fn a_full_disk_takes_the_ballast_and_says_that_it_is_full() {
    let lab = Lab::new(&["loki"]);
    let state = StateDir::open_with_ballast(lab.temp.path(), 4096).unwrap();
    let (outbox, _) = Outbox::open(&state, lab.config.clone(), &lab.sinks, lab.metrics.clone()).unwrap();
    fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
    fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
    assert!(matches!(outbox.append(&mut [low("a")]), Err(AppendError::Full)));
    assert!(!state.has_ballast());
    assert!((outbox.fullness() - 1.0).abs() < f32::EPSILON);
    outbox.append(&mut [low("a")]).unwrap();
    assert!(state.has_ballast() && outbox.fullness() < 0.5, "there was room again");
}

#[test]
fn the_throttle_learns_what_was_said_after_the_snapshot() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a")]).unwrap();
    let end = outbox.end();
    outbox.retain(end).unwrap();
    outbox.append(&mut [low("b"), low("c")]).unwrap();
    take_all(&outbox, "loki");
    drop(outbox);
    let (outbox, recovered) = lab.try_open().unwrap();
    assert_eq!((recovered.alerts, recovered.complaints), (3, vec![]));
    let said: Vec<Alert> = outbox.since(end).map(Result::unwrap).collect();
    assert_eq!(keys(&said), ["b.1", "c.1"]);
}

#[test]
fn an_outbox_that_lost_its_files_gives_no_number_again() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a"), low("b")]).unwrap();
    take_all(&outbox, "loki");
    drop(outbox);
    for entry in fs::read_dir(lab.directory()).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "seg") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let outbox = lab.open();
    outbox.append(&mut [low("c")]).unwrap();
    assert_eq!(backlog(&outbox, "loki"), ["c.1"]);
    assert_eq!(outbox.since(100).count(), 0);
    assert!(outbox.append(&mut [low("d")]).unwrap().end > 100);
    assert_eq!(backlog(&outbox, "loki"), ["c.1", "d.1"]);
}

#[test]
fn a_sink_that_is_behind_gets_the_newest_revision_in_the_place_of_the_older_ones() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    let mut reader = outbox.cursor("loki").unwrap();
    outbox.append(&mut [low("a"), low("b"), alert("a", 10, Severity::Low), low("c")]).unwrap();
    outbox.append(&mut [alert("a", 100, Severity::Low)]).unwrap();
    let first = reader.next(2, usize::MAX).unwrap().unwrap();
    assert_eq!(keys(&first.alerts), ["a.3", "b.1"]);
    let second = reader.next(9, usize::MAX).unwrap().unwrap();
    assert_eq!(keys(&second.alerts), ["c.1"]);
    assert_eq!(lab.superseded("loki"), 2);
    outbox.append(&mut [alert("a", 1000, Severity::Low)]).unwrap();
    assert_eq!(keys(&reader.next(9, usize::MAX).unwrap().unwrap().alerts), ["a.4"]);
    assert_eq!(reader.next(9, usize::MAX).unwrap(), None);
}

fn closed(id: &str, count: u64, severity: Severity) -> Alert {
    Alert { status: Status::Closed, ..alert(id, count, severity) }
}

#[test]
fn a_sink_hears_of_an_opening_before_the_closing() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    let mut reader = outbox.cursor("loki").unwrap();
    let (mild, grave) = (Severity::Low, Severity::High);
    outbox.append(&mut [low("a"), alert("a", 10, mild), alert("a", 11, grave), closed("a", 12, grave)]).unwrap();
    outbox.append(&mut [closed("own", 1, mild), low("b")]).unwrap();
    let said = reader.next(9, usize::MAX).unwrap().unwrap().alerts;
    assert_eq!(keys(&said), ["a.1", "a.4", "own.1", "b.1"]);
    // The opening says all that is known by now.
    let told = |alert: &Alert| (alert.status, alert.count, alert.severity);
    assert_eq!(told(&said[0]), (Status::Open, 12, grave));
    assert_eq!(told(&said[1]), (Status::Closed, 12, grave));
    outbox.append(&mut [closed("b", 2, mild)]).unwrap();
    assert_eq!(keys(&reader.next(9, usize::MAX).unwrap().unwrap().alerts), ["b.2"]);
    assert_eq!(reader.next(9, usize::MAX).unwrap(), None);
}

#[test]
fn a_full_outbox_keeps_the_opening_of_a_grave_alert_that_is_closed_by_now() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [alert("a", 1, Severity::High), alert("a", 2, Severity::High)]).unwrap();
    outbox.append(&mut [closed("a", 3, Severity::High)]).unwrap();
    fill(&outbox, 0..500, Severity::Low).unwrap();
    assert!(lab.dropped() > 0);
    drop(outbox);
    assert_eq!(backlog(&lab.open(), "loki")[..2], ["a.2", "a.3"]);
}

#[test]
fn what_was_passed_without_a_delivery_is_taken_with_the_last_one() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    let mut reader = outbox.cursor("loki").unwrap();
    outbox.append(&mut [low("a"), low("b"), alert("a", 10, Severity::Low)]).unwrap();
    let delivery = reader.next(2, usize::MAX).unwrap().unwrap();
    assert_eq!((keys(&delivery.alerts), delivery.upto), (["a.2", "b.1"].map(str::to_owned).to_vec(), 3));
    assert_eq!(reader.next(2, usize::MAX).unwrap(), None);
    assert_eq!(lock(&outbox.0.books).cursor("loki").unwrap().1, 1, "not before it is done");
    reader.done(delivery.upto).unwrap();
    assert_eq!(lock(&outbox.0.books).cursor("loki").unwrap().1, outbox.end());
}

#[test]
fn a_delivery_is_bounded_in_alerts_and_bytes() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a"), low("b"), low("c"), low("d"), low("e")]).unwrap();
    let one = serde_json::to_vec(&low("a")).unwrap().len();
    let mut reader = outbox.cursor("loki").unwrap();
    let mut sizes = Vec::new();
    for (max_alerts, max_bytes) in [(9, 0), (9, one), (9, 2 * one + 1), (0, usize::MAX)] {
        sizes.push(reader.next(max_alerts, max_bytes).unwrap().unwrap().alerts.len());
    }
    assert_eq!((sizes, reader.next(1, 1).unwrap()), (vec![1, 1, 2, 1], None));
}

#[test]
fn segments_go_when_every_sink_and_the_snapshots_are_past_them() {
    let lab = Lab::new(&["loki", "pager"]);
    let (outbox, _) = lab.try_open().unwrap();
    fill(&outbox, 0..60, Severity::High).unwrap();
    let before = segments(&lab.directory());
    assert!(before > 2);
    take_all(&outbox, "loki");
    outbox.retain(outbox.end()).unwrap();
    assert_eq!(segments(&lab.directory()), before, "the pager has taken nothing");
    outbox.retain(5).unwrap();
    take_all(&outbox, "pager");
    assert_eq!(segments(&lab.directory()), before, "a snapshot needs the first one");
    assert!(outbox.fullness() > 0.5);
    outbox.retain(outbox.end()).unwrap();
    assert_eq!(segments(&lab.directory()), 1);
    assert_eq!(lab.metrics.outbox_alerts.get(), 0);
    assert!(outbox.fullness() < 0.01);
    assert_eq!(outbox.append(&mut [low("x")]).unwrap().end, 62);
}

#[test]
fn a_full_outbox_lets_the_oldest_mild_alerts_go_and_tells() {
    let lab = Lab::new(&["loki", "pager"]);
    let outbox = lab.open();
    fill(&outbox, 0..5, Severity::Critical).unwrap();
    fill(&outbox, 0..40, Severity::Low).unwrap();
    take_all(&outbox, "pager");
    let lost = fill(&outbox, 40..200, Severity::Medium).unwrap();
    let by_loki: u64 = lost.iter().filter(|lost| lost.sink == "loki").map(|lost| lost.alerts).sum();
    let left = backlog(&outbox, "loki");
    assert!(by_loki > 100, "{by_loki}");
    assert_eq!(by_loki, lab.dropped());
    assert_eq!(left.len() as u64 + by_loki, 205);
    assert_eq!(left[..5], ["critical-0.1", "critical-1.1", "critical-2.1", "critical-3.1", "critical-4.1"]);
    assert_eq!(left.last().unwrap(), "medium-199.1");
    assert!(lab.metrics.outbox_bytes.get() <= i64::try_from(lab.config.max_bytes).unwrap());
    drop(outbox);
    assert_eq!(backlog(&lab.open(), "loki"), left, "also after a restart");
}

/// Appends high alerts until the outbox is that full, or refuses.
fn fill_high(outbox: &Outbox, fullness: f32) {
    for _ in 0..1000 {
        if outbox.fullness() >= fullness || outbox.append(&mut [high_of(outbox)]).is_err() {
            return;
        }
    }
    panic!("the outbox takes no end of alerts");
}

#[test]
fn high_alerts_are_never_let_go_and_have_a_reserve() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    fill_high(&outbox, 0.91);
    // Into the reserve a low one does not come; nor does it hold up reading: it goes itself.
    let written = outbox.append(&mut [low("low")]).unwrap();
    assert_eq!((written.written, written.let_go[0].alerts, lab.dropped()), (0, 1, 1));
    outbox.append(&mut [high_of(&outbox)]).expect("there is room for a high one");
    fill_high(&outbox, 2.0);
    let high = backlog(&outbox, "loki").len();
    assert!(high > 50, "{high}");
    assert!(matches!(outbox.append(&mut [high_of(&outbox), low("x")]), Err(AppendError::Full)));
    assert_eq!((backlog(&outbox, "loki").len(), lab.dropped()), (high, 1));
}

#[test]
fn a_required_sink_loses_nothing_and_reading_pauses() {
    let mut lab = Lab::new(&["loki", "pager"]);
    lab.config.required = vec!["pager".to_owned()];
    let outbox = lab.open();
    let full = fill(&outbox, 0..500, Severity::Low).unwrap_err();
    assert!(matches!(full, AppendError::Full));
    assert_eq!(lab.dropped(), 0);
    take_all(&outbox, "pager");
    fill(&outbox, 500..501, Severity::Low).unwrap();
    assert!(lab.dropped() > 0, "now the other one loses");
}

#[test]
fn superseded_revisions_go_before_anything_is_refused() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    (1..500).for_each(|count| drop(outbox.append(&mut [alert("a", count, Severity::High)]).unwrap()));
    assert_eq!((lab.dropped(), lab.superseded("loki") > 0), (0, true));
    assert_eq!(take_all(&outbox, "loki"), ["a.499"]);
}

#[test]
fn what_a_replay_needs_is_not_let_go() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.retain(3).unwrap();
    fill(&outbox, 0..500, Severity::Low).unwrap();
    let said: Vec<Alert> = outbox.since(3).map(Result::unwrap).collect();
    assert_eq!(said[0].id, "low-2", "number 3");
    // The first two went, and of those that found no room none was ever in the outbox.
    assert_eq!(said.len() as u64 + lab.dropped(), 500);
}

#[test]
fn whoever_waits_for_room_wakes_when_a_sink_makes_some() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    fill_high(&outbox, 2.0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let started = Instant::now();
            outbox.wait_for_room(Duration::from_secs(30));
            (started.elapsed(), outbox.append(&mut [high_of(&outbox)]).is_ok())
        });
        take_all(&outbox, "loki");
        let (waited, appended) = writer.join().unwrap();
        assert!(appended && waited < Duration::from_secs(20), "{waited:?}");
    });
}

fn high_of(outbox: &Outbox) -> Alert {
    alert(&format!("number-{}", outbox.end()), 1, Severity::High)
}

#[test]
fn a_new_sink_begins_with_what_comes_next_unless_nobody_was_told_anything() {
    let mut lab = Lab::new(&[]);
    let (outbox, _) = lab.try_open().unwrap();
    outbox.append(&mut [low("a")]).unwrap();
    drop(outbox);
    lab.sinks = vec!["loki".to_owned()];
    let (outbox, _) = lab.try_open().unwrap();
    assert_eq!(backlog(&outbox, "loki"), ["a.1"]);
    drop(outbox);
    lab.sinks.push("pager".to_owned());
    let (outbox, _) = lab.try_open().unwrap();
    outbox.append(&mut [low("b")]).unwrap();
    assert_eq!((backlog(&outbox, "loki").len(), backlog(&outbox, "pager")), (2, vec!["b.1".to_owned()]));
}

#[test]
fn a_sink_with_a_backlog_cannot_leave_unnoticed() {
    let mut lab = Lab::new(&["loki", "old pager"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a")]).unwrap();
    drop(outbox);
    lab.sinks.pop();
    let error = lab.try_open().unwrap_err().to_string();
    assert!(error.contains("1 alerts") && error.contains("abandon"), "{error}");
    lab.config.abandon = vec!["old pager".to_owned()];
    assert_eq!(lab.try_open().unwrap().1.abandoned.len(), 1);
    lab.config.abandon.clear();
    take_all(&lab.open(), "loki");
    lab.sinks.clear();
    lab.try_open().expect("a sink that has everything may go");
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    for (sinks, required, max_bytes, word) in [
        (&["a", "a"][..], &[][..], MAX_BYTES_LEAST, "two sinks"),
        (&["a"], &["b"], MAX_BYTES_LEAST, "`b`"),
        (&["a"], &[], 5, "max_bytes"),
    ] {
        let mut lab = Lab::new(sinks);
        lab.config.required = required.iter().map(|&name: &&str| name.to_owned()).collect();
        lab.config.max_bytes = max_bytes;
        let error = lab.try_open().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn damage_is_told_and_costs_only_what_it_hit() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a"), low("b"), low("c")]).unwrap();
    drop(outbox);
    let segment = fs::read_dir(lab.directory()).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "seg")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
    fs::write(lab.directory().join("cursor-loki"), b"nonsense").unwrap();
    let (outbox, recovered) = lab.try_open().unwrap();
    assert_eq!((recovered.alerts, recovered.damage.len(), recovered.complaints.len()), (2, 1, 2));
    assert_eq!(backlog(&outbox, "loki"), ["a.1", "c.1"]);
}

#[tokio::test]
async fn a_reader_waits_for_the_next_alert() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    let mut reader = outbox.cursor("loki").unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), reader.wait()).await.is_err());
    let writer = outbox.clone();
    let waiting = tokio::spawn(async move {
        reader.wait().await;
        reader.next(9, usize::MAX).unwrap().unwrap().alerts.len()
    });
    tokio::task::spawn_blocking(move || writer.append(&mut [low("a")]).unwrap()).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(read, 1);
}

#[test]
fn a_cursor_that_cannot_be_saved_on_a_full_disk_is_saved_later() {
    let lab = Lab::new(&["loki"]);
    let outbox = lab.open();
    outbox.append(&mut [low("a")]).unwrap();
    let mut reader = outbox.cursor("loki").unwrap();
    let delivery = reader.next(9, usize::MAX).unwrap().unwrap();
    fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
    reader.done(delivery.upto).unwrap();
    assert_eq!(lab.metrics.outbox_alerts.get(), 1);
    drop(reader);
    outbox.observe();
    assert_eq!(lab.metrics.outbox_alerts.get(), 0);
}
