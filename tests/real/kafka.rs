//! The Kafka source against a real broker, with a stand-in for the analyzer. Run by `tests/real/run kafka`.
// Clippy's leave to panic in tests reaches functions marked as tests only.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "kafka/broker.rs"]
mod broker;
#[path = "kafka/reader.rs"]
mod reader;
mod samples;
#[path = "kafka/sink.rs"]
mod sink;

use std::time::Duration;

use broker::{DEADLINE, PARTITIONS, Topic, control};
use gatecrier::metrics::{BySource, BySourceReason};
use reader::{Reader, Saving, Seen, start};
use tokio::sync::RwLock;
use tokio::time::{sleep, timeout};

/// Held for reading by tests that need the broker, for writing by the one that takes it away.
static BROKER: RwLock<()> = RwLock::const_new(());

fn events(count: usize) -> Vec<String> {
    samples::lines("quiet-cp-1.log.gz", count)
}

/// Lines as they arrive.
fn records(lines: &[String]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| format!("{line}\n").into_bytes()).collect()
}

/// Every record of every partition, in order.
#[track_caller]
fn check(seen: &Seen, dealt: &[Vec<String>]) {
    for (number, lines) in dealt.iter().enumerate() {
        let arrived = seen.records.get(&(number as i32)).map_or(&[][..], Vec::as_slice);
        assert!(arrived == records(lines), "partition {number}: {} of {} records", arrived.len(), lines.len());
    }
}

fn all_at_end(seen: &Seen) -> bool {
    (0..PARTITIONS).all(|number| seen.at_end.get(&number) == Some(&true))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_and_in_order() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let dealt = topic.deal(&events(6000)).await;
    let reader = start(&topic, &[], Saving::Always);
    let seen = reader.until("all records", |seen| seen.count() == 6000 && all_at_end(seen)).await;
    check(&seen, &dealt);
    assert!(seen.notices.is_empty(), "{:?}", seen.notices);
    topic.until_committed(&[Some(2000); 3]).await;
    for (number, lines) in dealt.iter().enumerate() {
        let by = BySource { source: format!("kafka:{}/{number}", topic.name) };
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        assert_eq!(reader.metrics.read_bytes.get_or_create(&by).get(), bytes as u64);
        assert_eq!(reader.metrics.attached.get_or_create(&by).get(), 1);
    }
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_follow_the_snapshot_and_never_lead_it() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.append(1, &[Some(b"{}"), Some(b"{}")]).await;
    let reader = start(&topic, &[], Saving::Never);
    let first = reader.until("two records", |seen| seen.count() == 2 && all_at_end(seen)).await;
    topic.append(1, &[Some(b"{}")]).await;
    let second = reader.until("a third", |seen| seen.count() == 3 && all_at_end(seen)).await;
    assert_eq!(topic.committed().await, [None, None, None]);
    reader.save(first.number);
    // Partitions 0 and 2 are empty: they said that they are at their end, and that has no offset.
    topic.until_committed(&[None, Some(2), None]).await;
    reader.save(second.number);
    topic.until_committed(&[None, Some(3), None]).await;
    topic.append(1, &[Some(b"{}")]).await;
    reader.until("a fourth", |seen| seen.count() == 4).await;
    // Nobody saves any more: leaving may not commit the fourth.
    reader.stop().await;
    assert_eq!(topic.committed().await, [None, Some(3), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_asks_for_a_snapshot_and_commits_it() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.deal(&events(30)).await;
    let reader = start(&topic, &[], Saving::WhenAsked);
    reader.until("all records", |seen| seen.count() == 30).await;
    assert_eq!(topic.committed().await, [None; 3]);
    reader.stop().await;
    assert_eq!(topic.committed().await, [Some(10); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_snapshot_not_from_the_groups_offset() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let lines = events(30);
    topic.deal(&lines).await;
    let reader = start(&topic, &[], Saving::Always);
    reader.until("all records", |seen| seen.count() == 30).await;
    reader.stop().await;
    topic.until_committed(&[Some(10); 3]).await;
    // The snapshot is behind the group in 0, level with it in 1, and knows nothing of 2.
    let reader = start(&topic, &[(0, "4"), (1, "10")], Saving::Always);
    let seen = reader.until("the rest of 0", |seen| seen.count() == 6 && all_at_end(seen)).await;
    assert_eq!((seen.starts[&0][0], seen.records.len()), (4, 1));
    // A snapshot ahead of the group: its commit was lost.
    let appended = topic.deal(&lines[..3]).await;
    let seen = reader.until("three more", |seen| seen.count() == 9).await;
    assert_eq!(seen.records[&2], records(&appended[2]));
    reader.stop().await;
    let reader = start(&topic, &[(0, "11"), (1, "11"), (2, "11")], Saving::Always);
    let seen = reader.until("the ends", all_at_end).await;
    assert_eq!(seen.count(), 0);
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_members_without_loss_or_repeat() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let lines = events(1200);
    topic.deal(&lines[..300]).await;
    // Nothing is saved but when partitions move: what moves is committed just then.
    let first = start(&topic, &[], Saving::WhenAsked);
    first.until("all records", |seen| seen.count() == 300).await;
    let second = start(&topic, &[], Saving::WhenAsked);
    second.until("a share", |seen| !seen.begun.is_empty()).await;
    topic.deal(&lines[300..600]).await;
    until_together(&first, &second, 600).await;
    let left = second.stop().await;
    assert!(left.count() >= 100, "the second had only {}", left.count());
    // What the second had comes back to the first, whose own position in it is long past.
    topic.deal(&lines[600..900]).await;
    first.until("the second's share", |seen| seen.count() + left.count() >= 900 && all_at_end(seen)).await;
    let first = first.stop().await;
    topic.deal(&lines[900..]).await;
    let third = start(&topic, &[], Saving::WhenAsked);
    third.until("the rest", |seen| seen.count() >= 300 && all_at_end(seen)).await;
    let all = [first, left, third.stop().await].map(|seen| seen.records.into_values().flatten());
    let mut arrived: Vec<_> = all.into_iter().flatten().collect();
    let mut expected = records(&lines);
    arrived.sort();
    expected.sort();
    assert!(arrived == expected, "{} arrived", arrived.len());
}

/// Waits until two readers have so many records between them.
async fn until_together(one: &Reader, other: &Reader, count: usize) {
    let (mut one, mut other) = (one.seen.clone(), other.seen.clone());
    let all = async {
        while one.borrow_and_update().count() + other.borrow_and_update().count() < count {
            tokio::select! { changed = one.changed() => changed, changed = other.changed() => changed }.unwrap();
        }
    };
    timeout(DEADLINE, all).await.expect("records are missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_is_waited_for() {
    let _broker = BROKER.write().await;
    let topic = Topic::make().await;
    let lines = events(60);
    let mut dealt = topic.deal(&lines[..30]).await;
    let reader = start(&topic, &[], Saving::Always);
    reader.until("all records", |seen| seen.count() == 30).await;
    topic.until_committed(&[Some(10); 3]).await;
    control("stop").await;
    let attached = BySource { source: format!("kafka:{}/0", topic.name) };
    let unreachable = BySourceReason { source: format!("kafka:{}", topic.name), reason: "unreachable" };
    let attached = || reader.metrics.attached.get_or_create(&attached).get();
    let errors = || reader.metrics.source_errors.get_or_create(&unreachable).get();
    until("the loss of the broker shows nowhere", || attached() == 0 && errors() > 0).await;
    control("start").await;
    for (all, more) in dealt.iter_mut().zip(topic.deal(&lines[30..]).await) {
        all.extend(more);
    }
    let seen = reader.until("the rest", |seen| seen.count() >= 60 && all_at_end(seen)).await;
    check(&seen, &dealt);
    topic.until_committed(&[Some(20); 3]).await;
    until("its return shows nowhere", || attached() == 1).await;
    reader.stop().await;
}

/// Waits for what nobody tells us of.
async fn until(otherwise: &str, wished: impl Fn() -> bool) {
    let polled = async {
        while !wished() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, polled).await.expect(otherwise);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_bytes_are_they_pass_as_they_are() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let long = vec![b'x'; 20_000_000];
    let payloads: [Option<&[u8]>; 8] = [
        None,
        Some(b""),
        Some(b"{\"a\":1}\n{\"a\":2}\n"),
        Some(b"\x00\xff\xfe{\"torn"),
        Some(b"{\n  \"pretty\": true\n}"),
        Some(&long),
        None,
        Some(b"{\"last\":1}"),
    ];
    topic.append(0, &payloads).await;
    let reader = start(&topic, &[], Saving::Always);
    let seen = reader.until("the end", |seen| all_at_end(seen) && seen.count() > 0).await;
    let expected: [&[u8]; 6] = [
        b"{\"a\":1}\n",
        b"{\"a\":2}\n",
        b"\x00\xff\xfe{\"torn\n",
        b"{\n  \"pretty\": true\n}",
        &[&long[..], b"\n"].concat(),
        b"{\"last\":1}\n",
    ];
    assert!(seen.records[&0] == expected, "{} records", seen.records[&0].len());
    assert_eq!(seen.positions[&0].as_str(), "8");
    topic.until_committed(&[Some(8), None, None]).await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_removed_unread_are_a_gap_and_a_position_past_the_end_is_said() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.deal(&events(60)).await;
    topic.remove_before(0, 12).await;
    topic.remove_before(2, 20).await;
    let reader = start(&topic, &[(0, "5"), (1, "21"), (2, "20")], Saving::Always);
    let seen = reader.until("the rest", |seen| seen.count() == 28 && all_at_end(seen)).await;
    let mut notices = seen.notices;
    notices.sort();
    assert_eq!(notices, [(0, "gap", 5), (1, "truncated", 21)]);
    assert_eq!((seen.starts[&0][0], seen.starts[&1][0]), (12, 0));
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_removed_before_anybody_of_the_group_read_them_are_a_gap() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.append(0, &[Some(b"{}")]).await;
    let reader = start(&topic, &[], Saving::WhenAsked);
    reader.until("a record", |seen| seen.count() == 1).await;
    reader.stop().await;
    topic.append(0, &[Some(&b"{}"[..]); 4]).await;
    topic.remove_before(0, 4).await;
    // The group stands at 1; no snapshot knows the partition.
    let reader = start(&topic, &[], Saving::Always);
    let seen = reader.until("the last record", |seen| seen.count() == 1).await;
    assert_eq!(seen.notices, [(0, "gap", 1)]);
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_removed_under_a_slow_reader_are_a_gap() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let reader = start(&topic, &[], Saving::Always);
    topic.append(0, &[Some(b"{}")]).await;
    reader.until("a record", |seen| seen.count() == 1).await;
    let held = reader.taking.lock().await;
    // More than the way and librdkafka's own queue hold.
    let long = vec![b'x'; 1_000_000];
    topic.append(0, &[Some(&long[..]); 80]).await;
    topic.remove_before(0, 80).await;
    drop(held);
    let seen =
        reader.until("the last record", |seen| seen.positions.get(&0).is_some_and(|at| at.as_str() == "81")).await;
    // 8 MB on their way, 16 MB in librdkafka's queue, and a few in hand: memory does not grow with what is there to read.
    assert!((2..40).contains(&seen.count()), "{} records", seen.count());
    // The gap begins behind the last record that came before it, and the one after it is the last of all.
    assert_eq!(seen.notices, [(0, "gap", seen.count() as u64 - 1)]);
    reader.stop().await;
}
