//! The spool between a sender and the analyzer's end of the way.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::batch::{Input, NoticeKind, Place, Position};
use crate::source::{Intake, Parcel, Saved, Source, channel};

struct Bench {
    spool: Spool,
    parcels: UnboundedReceiver<Parcel>,
    saved: watch::Sender<Saved>,
    stop: CancellationToken,
    /// A test that fails must not wait for a writer that nobody stops.
    _stops_when_dropped: DropGuard,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

const LIMIT: u64 = 4 * SPOOL_BYTES_LEAST;

impl Bench {
    /// A spool with its writer and its source, which goes on from `position`.
    async fn start(state: &StateDir, position: Option<&str>) -> Self {
        let (source, cluster) = (SourceId::new("webhook:api/prod"), ClusterId::new("prod"));
        let (spool, writer) = Spool::open(state, "spool/api/prod", source, cluster, LIMIT, Metrics::new()).unwrap();
        assert_eq!(spool.keep(body("early")).await, Err(Refused::Starting));
        let (stop, runtime) = (CancellationToken::new(), Handle::current());
        let stop_writing = stop.clone();
        let writing = tokio::task::spawn_blocking(move || writer.run(&runtime, &stop_writing));
        let (outlet, Intake { parcels, saved }) = channel();
        let reading = tokio::spawn(SpoolSource::new(spool.clone()).run(outlet, stop.clone()));
        let _stops_when_dropped = stop.clone().drop_guard();
        let mut bench = Self { spool, parcels, saved, stop, _stops_when_dropped, tasks: vec![writing, reading] };
        let Parcel::Begin { answer, .. } = bench.parcel().await else { panic!("it does not begin") };
        answer.send(position.map(Position::new)).unwrap();
        while bench.spool.refuses().is_some() {
            tokio::task::yield_now().await;
        }
        bench
    }

    async fn parcel(&mut self) -> Parcel {
        timeout(Duration::from_secs(20), self.parcels.recv()).await.unwrap().unwrap()
    }

    async fn input(&mut self) -> (u64, Input) {
        loop {
            if let Parcel::Input { number, input, .. } = self.parcel().await {
                return (number, input);
            }
        }
    }

    /// The lines of the batches up to the one that is at the end, and the position they reach.
    async fn read(&mut self) -> (Vec<String>, Position) {
        let mut lines = Vec::new();
        loop {
            if let (_, Input::Batch(batch)) = self.input().await {
                let text = String::from_utf8(batch.bytes.to_vec()).unwrap();
                lines.extend(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
                if batch.at_end {
                    return (lines, batch.upto);
                }
            }
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap().unwrap();
        }
    }
}

fn body(text: &str) -> Entry {
    entry(text, Standing::AtEnd)
}

fn entry(text: &str, standing: Standing) -> Entry {
    let mut record = Entry::body_start(standing);
    record.extend_from_slice(text.as_bytes());
    Entry::body(record, None)
}

fn state() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open_with_ballast(&temp.path().join("state"), 0).unwrap();
    (temp, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_read_again_from_every_position() {
    let (_temp, state) = state();
    let mut bench = Bench::start(&state, None).await;
    for text in [r#"{"items":[{"n":1},{"n":2}]}"#, r#"{"n":3}"#, "torn {"] {
        bench.spool.keep(body(text)).await.unwrap();
    }
    let mut lines = Vec::new();
    while lines.len() < 4 {
        lines.extend(bench.read().await.0);
    }
    assert_eq!(lines, [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, "torn {"]);
    bench.stop().await;
    for (position, left) in [("1", 4), ("2", 2), ("3", 1)] {
        let mut bench = Bench::start(&state, Some(position)).await;
        let (lines, upto) = bench.read().await;
        assert_eq!((lines.len(), upto.as_str()), (left, "4"), "from {position}");
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_was_removed_gives_no_number_twice() {
    let (_temp, state) = state();
    let mut bench = Bench::start(&state, Some("700")).await;
    bench.spool.keep(body("{}")).await.unwrap();
    let (lines, upto) = bench.read().await;
    assert_eq!((lines.len(), upto.as_str()), (1, "701"), "what came after the loss is read");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_with_more_to_come_is_not_at_its_end() {
    let (_temp, state) = state();
    let mut bench = Bench::start(&state, None).await;
    assert!(matches!(bench.input().await.1, Input::Notice(notice) if matches!(notice.kind, NoticeKind::AtEnd)));
    bench.spool.keep(entry("{}", Standing::Behind)).await.unwrap();
    assert!(matches!(bench.input().await.1, Input::Batch(batch) if !batch.at_end));
    bench.spool.keep(entry("{}", Standing::AtEnd)).await.unwrap();
    assert!(matches!(bench.input().await.1, Input::Batch(batch) if batch.at_end));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_stands_where_it_was_told() {
    let (_temp, state) = state();
    let mut bench = Bench::start(&state, None).await;
    let at = Place { name: "/var/log/audit.log".into(), offset: 7 };
    let told = Told { at, kind: ToldKind::Gap { detail: "x".repeat(10_000) } };
    bench.spool.keep(Entry::notice(&told, Standing::AtEnd)).await.unwrap();
    loop {
        let (_, Input::Notice(notice)) = bench.input().await else { panic!("no notice") };
        if let NoticeKind::Gap { detail } = notice.kind {
            assert_eq!(notice.upto.unwrap().as_str(), "2");
            assert!(detail.len() < 1000, "a sender's words are bounded");
            break;
        }
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_until_both_snapshots_are_past_it() {
    let (_temp, state) = state();
    let mut bench = Bench::start(&state, None).await;
    let big = "x".repeat(300_000);
    let mut kept = 0;
    while bench.spool.keep(body(&big)).await.is_ok() {
        kept += 1;
        assert!(kept < 100, "4 MiB hold no more than 14");
    }
    assert_eq!(bench.spool.refuses(), Some(Refused::Full));
    assert!(bench.spool.held() <= LIMIT, "{} bytes", bench.spool.held());
    let (mut last, mut read) = (0, 0);
    // However many come in one batch.
    while read < kept * big.len() {
        if let (number, Input::Batch(batch)) = bench.input().await {
            last = number;
            read += batch.bytes.iter().filter(|byte| **byte == b'x').count();
        }
    }
    bench.saved.send_replace(Saved { latest: last, both: 0 });
    bench.saved.send_replace(Saved { latest: last, both: last });
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while bench.spool.refuses().is_some() {
        assert!(std::time::Instant::now() < deadline, "no room comes back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bench.spool.keep(body(&big)).await.unwrap();
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_together_are_written_together() {
    let (_temp, state) = state();
    let bench = Bench::start(&state, None).await;
    let mut posting = tokio::task::JoinSet::new();
    for n in 0..200 {
        let spool = bench.spool.clone();
        posting.spawn(async move { spool.keep(body(&format!("{{\"n\":{n}}}"))).await });
    }
    while let Some(kept) = posting.join_next().await {
        kept.unwrap().unwrap();
    }
    assert_eq!(bench.spool.0.view.end(), 201);
    bench.stop().await;
}
