//! The Kafka source against a real broker, with a stand-in for the analyzer. Run by `tests/real/run kafka`.
// Clippy's leave to panic in tests reaches functions marked as tests only.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "kafka/broker.rs"]
mod broker;
#[path = "kafka/reader.rs"]
mod reader;
mod samples;

use broker::{DEADLINE, PARTITIONS, Topic, control};
use gatecrier::metrics::{BySource, BySourceReason};
use reader::{Seen, start};
use tokio::sync::RwLock;

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
    let reader = start(&topic, &[], true);
    let seen = reader.until("all records", |seen| seen.count() == 6000 && all_at_end(seen)).await;
    check(&seen, &dealt);
    assert!(seen.notices.is_empty(), "{:?}", seen.notices);
    topic.until_committed(&[Some(2000); 3]).await;
    for (number, lines) in dealt.iter().enumerate() {
        let by = BySource { source: format!("kafka:{}/{number}", topic.name) };
        let bytes: usize = lines.iter().map(String::len).sum();
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
    let reader = start(&topic, &[], false);
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
async fn leaving_commits_what_the_last_snapshot_saved() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.deal(&events(30)).await;
    let reader = start(&topic, &[], false);
    reader.until("all records", |seen| seen.count() == 30).await;
    reader.save_all();
    reader.stop().await;
    assert_eq!(topic.committed().await, [Some(10); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_snapshot_not_from_the_groups_offset() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let lines = events(30);
    topic.deal(&lines).await;
    let reader = start(&topic, &[], true);
    reader.until("all records", |seen| seen.count() == 30).await;
    reader.stop().await;
    topic.until_committed(&[Some(10); 3]).await;
    // The snapshot is behind the group in 0, level with it in 1, and knows nothing of 2.
    let reader = start(&topic, &[(0, "4"), (1, "10")], true);
    let seen = reader.until("the rest of 0", |seen| seen.count() == 6 && all_at_end(seen)).await;
    assert_eq!((seen.starts[&0][0], seen.records.len()), (4, 1));
    // A snapshot ahead of the group: its commit was lost.
    let appended = topic.deal(&lines[..3]).await;
    let seen = reader.until("three more", |seen| seen.count() == 9).await;
    assert_eq!(seen.records[&2], records(&appended[2]));
    reader.stop().await;
    let reader = start(&topic, &[(0, "11"), (1, "11"), (2, "11")], true);
    let seen = reader.until("the ends", all_at_end).await;
    assert_eq!(seen.count(), 0);
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_members_without_loss_or_repeat() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let lines = events(900);
    let mut expected: Vec<_> = records(&lines);
    topic.deal(&lines[..300]).await;
    let first = start(&topic, &[], true);
    first.until("all records", |seen| seen.count() == 300).await;
    let second = start(&topic, &[], true);
    second.until("a share", |seen| !seen.begun.is_empty()).await;
    first.until("the rest", |seen| seen.begun.len() > 3).await;
    topic.deal(&lines[300..600]).await;
    let both = async |first: &reader::Reader, count: usize| {
        let (mut one, mut other) = (first.seen.clone(), second.seen.clone());
        let all = async {
            while one.borrow_and_update().count() + other.borrow_and_update().count() < count {
                tokio::select! { changed = one.changed() => changed, changed = other.changed() => changed }.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("records are missing");
    };
    both(&first, 600).await;
    assert!(second.seen.borrow().count() >= 100, "the second member had its share");
    // The first leaves, the second takes over.
    let left = first.stop().await;
    topic.deal(&lines[600..]).await;
    let seen = second.until("the rest", |seen| seen.count() + left.count() >= 900 && all_at_end(seen)).await;
    let mut arrived: Vec<_> = left.records.into_values().chain(seen.records.into_values()).flatten().collect();
    arrived.sort();
    expected.sort();
    assert!(arrived == expected, "{} arrived", arrived.len());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_is_waited_for() {
    let _broker = BROKER.write().await;
    let topic = Topic::make().await;
    let lines = events(60);
    let mut dealt = topic.deal(&lines[..30]).await;
    let reader = start(&topic, &[], true);
    reader.until("all records", |seen| seen.count() == 30).await;
    topic.until_committed(&[Some(10); 3]).await;
    control("stop").await;
    let attached = BySource { source: format!("kafka:{}/0", topic.name) };
    let unreachable = BySourceReason { source: format!("kafka:{}", topic.name), reason: "unreachable" };
    let gone = async {
        while reader.metrics.attached.get_or_create(&attached).get() == 1
            || reader.metrics.source_errors.get_or_create(&unreachable).get() == 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("the loss of the broker shows nowhere");
    control("start").await;
    for (all, more) in dealt.iter_mut().zip(topic.deal(&lines[30..]).await) {
        all.extend(more);
    }
    let seen = reader.until("the rest", |seen| seen.count() >= 60 && all_at_end(seen)).await;
    check(&seen, &dealt);
    topic.until_committed(&[Some(20); 3]).await;
    assert_eq!(reader.metrics.attached.get_or_create(&attached).get(), 1);
    reader.stop().await;
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
    let reader = start(&topic, &[], true);
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
    let reader = start(&topic, &[(0, "5"), (1, "21"), (2, "20")], true);
    let seen = reader.until("the rest", |seen| seen.count() == 28 && all_at_end(seen)).await;
    let mut notices = seen.notices;
    notices.sort();
    assert_eq!(notices, [(0, "gap", 5), (1, "truncated", 21)]);
    assert_eq!((seen.starts[&0][0], seen.starts[&1][0]), (12, 0));
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_removed_under_a_slow_reader_are_a_gap() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    topic.append(0, &[Some(b"{}")]).await;
    let reader = start(&topic, &[], true);
    reader.until("a record", |seen| seen.count() == 1).await;
    reader.stop().await;
    // The group stands at 1; nobody's snapshot knows the partition.
    topic.append(0, &[Some(b"{}"), Some(b"{}"), Some(b"{}"), Some(b"{}")]).await;
    topic.remove_before(0, 4).await;
    let reader = start(&topic, &[], true);
    let seen = reader.until("the last record", |seen| seen.count() == 1).await;
    assert_eq!(seen.notices, [(0, "gap", 1)]);
    reader.stop().await;
}
