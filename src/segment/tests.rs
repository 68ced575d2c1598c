use std::fs;
use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::state::disk::fault::{self, Op};

const SMALL: u64 = 200;

type Held = Vec<(u64, Vec<u8>)>;

/// Opens the log and returns what it holds.
fn open(directory: &Path, segment_bytes: u64) -> (Log, Held, Vec<Damage>) {
    let mut held = Vec::new();
    let visit = |record: &Record<'_>, _| held.push((record.seq, record.payload.to_vec()));
    let (log, damages) = Log::open(directory.to_owned(), segment_bytes, visit).unwrap();
    (log, held, damages)
}

fn drain(reader: &mut Reader) -> Held {
    std::iter::from_fn(|| reader.next().unwrap()).map(|record| (record.seq, record.payload)).collect()
}

fn append(log: &mut Log, payloads: &[&str]) -> Result<u64, AppendError> {
    let payloads: Vec<&[u8]> = payloads.iter().map(|payload| payload.as_bytes()).collect();
    log.append(&payloads).map(|spots| spots[0].seq)
}

fn segment_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn numbered(range: std::ops::Range<u64>) -> Held {
    range.map(|seq| (seq, format!("payload {seq}").into_bytes())).collect()
}

/// A log of records `1..=count`, one an append, in segments of `segment_bytes`.
fn filled(directory: &Path, segment_bytes: u64, count: u64) -> Log {
    let (mut log, ..) = open(directory, segment_bytes);
    for seq in 1..=count {
        assert_eq!(append(&mut log, &[&format!("payload {seq}")]).unwrap(), seq);
    }
    log
}

#[test]
fn what_was_appended_is_read_again_after_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let log = filled(temp.path(), SMALL, 20);
    assert!(segment_files(temp.path()).len() > 3);
    assert_eq!(drain(&mut log.view().read_from(0)), numbered(1..21));
    assert_eq!(drain(&mut log.view().read_from(13)), numbered(13..21));
    drop(log);
    let (mut log, held, damages) = open(temp.path(), SMALL);
    assert_eq!((held, damages), (numbered(1..21), vec![]));
    assert_eq!(append(&mut log, &["next"]).unwrap(), 21);
}

#[test]
fn a_reader_follows_the_appends_across_segments() {
    let temp = tempfile::tempdir().unwrap();
    let (mut log, ..) = open(temp.path(), SMALL);
    let mut reader = log.view().read_from(1);
    for seq in 1..=20 {
        assert_eq!(reader.next().unwrap(), None);
        append(&mut log, &[&format!("payload {seq}")]).unwrap();
        assert_eq!(drain(&mut reader), numbered(seq..seq + 1));
    }
}

#[test]
fn whole_segments_go_and_the_one_being_written_stays() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = filled(temp.path(), SMALL, 20);
    let firsts: Vec<u64> = log.view().segments().iter().map(|&(first, _)| first).collect();
    assert_eq!(log.unlink_before(firsts[2] - 1).unwrap(), firsts[1]);
    assert_eq!(drain(&mut log.view().read_from(0)), numbered(firsts[1]..21));
    assert_eq!(log.unlink_before(u64::MAX).unwrap(), *firsts.last().unwrap());
    assert_eq!(segment_files(temp.path()).len(), 1);
    assert_eq!(append(&mut log, &["next"]).unwrap(), 21);
}

#[test]
fn a_torn_tail_is_cut_back_and_its_numbers_are_not_used_again() {
    let temp = tempfile::tempdir().unwrap();
    drop(filled(temp.path(), u64::MAX, 3));
    let path = segment_files(temp.path()).remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let (mut log, held, damages) = open(temp.path(), u64::MAX);
    assert_eq!(held, numbered(1..3));
    assert_eq!(damages.iter().map(|damage| damage.kind).collect::<Vec<_>>(), [DamageKind::TornTail]);
    let next = append(&mut log, &["after"]).unwrap();
    assert!(next > 3, "{next}");
    drop(log);
    let (_, held, damages) = open(temp.path(), u64::MAX);
    assert_eq!(held.last().unwrap(), &(next, b"after".to_vec()));
    assert_eq!(damages, []);
}

#[test]
fn a_damaged_middle_is_passed_over_and_reported() {
    let temp = tempfile::tempdir().unwrap();
    let log = filled(temp.path(), u64::MAX, 5);
    let path = segment_files(temp.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let at = memchr::memmem::find(&bytes, b"payload 3").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let expected: Vec<_> = numbered(1..6).into_iter().filter(|&(seq, _)| seq != 3).collect();
    assert_eq!(drain(&mut log.view().read_from(0)), expected, "a reader");
    drop(log);
    let (log, held, damages) = open(temp.path(), u64::MAX);
    assert_eq!(held, expected, "at opening");
    assert_eq!((damages.len(), damages[0].kind), (1, DamageKind::Middle));
    assert_eq!(log.end(), 6);
}

#[test]
fn a_segment_without_a_readable_record_is_moved_aside() {
    let temp = tempfile::tempdir().unwrap();
    drop(filled(temp.path(), SMALL, 20));
    let path = segment_files(temp.path()).remove(1);
    fs::write(&path, vec![7; 150]).unwrap();
    let (_, held, damages) = open(temp.path(), SMALL);
    assert!(damages.iter().any(|damage| damage.kind == DamageKind::Segment && damage.file.exists()), "{damages:?}");
    assert_eq!((held[0].0, held.last().unwrap().0), (1, 20));
    let (_, _, damages) = open(temp.path(), SMALL);
    assert_eq!(damages, [], "it is reported once");
}

#[test]
fn a_segment_that_somebody_removed_does_not_hold_up_a_reader() {
    let temp = tempfile::tempdir().unwrap();
    let log = filled(temp.path(), SMALL, 20);
    let second = log.view().segments()[1];
    fs::remove_file(segment_path(temp.path(), second.0)).unwrap();
    let read = drain(&mut log.view().read_from(0));
    assert_eq!(read.len() as u64, 20 - (second.1 - second.0));
}

#[test]
fn a_full_disk_consumes_nothing() {
    for op in [Op::Create, Op::Write, Op::Sync] {
        let temp = tempfile::tempdir().unwrap();
        let mut log = filled(temp.path(), 1, 3);
        fault::fail_next(op, io::ErrorKind::StorageFull);
        assert!(matches!(append(&mut log, &["a", "b"]), Err(AppendError::Full)), "{op:?}");
        assert_eq!((log.end(), log.view().end()), (4, 4));
        assert_eq!(append(&mut log, &["payload 4"]).unwrap(), 4, "{op:?}");
        drop(log);
        let (_, held, damages) = open(temp.path(), 1);
        assert_eq!((held, damages), (numbered(1..5), vec![]), "{op:?}");
    }
}

#[test]
fn after_a_failed_sync_nothing_is_appended() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = filled(temp.path(), u64::MAX, 3);
    fault::fail_next(Op::Sync, io::ErrorKind::Other);
    for _ in 0..2 {
        assert!(matches!(append(&mut log, &["lost"]), Err(AppendError::Fatal { .. })));
    }
    assert_eq!(drain(&mut log.view().read_from(0)), numbered(1..4), "what is not safe is not read");
}

#[test]
fn a_segment_written_anew_keeps_what_is_wanted_and_readers_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let mut log = filled(temp.path(), SMALL, 20);
    let mut reader = log.view().read_from(1);
    assert_eq!(reader.next().unwrap().unwrap().seq, 1);
    let (first, end) = log.view().segments()[0];
    let before = log.view().bytes_from(0);
    assert!(end > first + 2);
    assert!(log.rewrite(first, |seq| seq == end - 1).unwrap());
    assert!(log.view().bytes_from(0) < before);
    assert_eq!(drain(&mut reader), numbered(end - 1..21));
    assert_eq!(log.view().pick(end - 1, 9999).unwrap().unwrap(), format!("payload {}", end - 1).into_bytes());
    assert_eq!(log.view().pick(end - 2, 16).unwrap(), None);
    assert!(log.rewrite(first, |_| false).unwrap());
    assert!(!segment_path(temp.path(), first).exists());
    let tail = log.view().segments().last().unwrap().0;
    assert!(!log.rewrite(tail, |_| false).unwrap(), "the tail is being written");
    drop(log);
    assert_eq!(open(temp.path(), SMALL).1, numbered(end..21));
}

#[test]
fn a_newer_format_is_refused_with_the_way_out() {
    let temp = tempfile::tempdir().unwrap();
    drop(filled(temp.path(), u64::MAX, 1));
    let path = segment_files(temp.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..12]).to_le_bytes();
    bytes[12..16].copy_from_slice(&crc);
    fs::write(&path, bytes).unwrap();
    let error = Log::open(temp.path().to_owned(), SMALL, |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("newer gatecrier (format 2)"), "{error}");
}

/// Damages one of the files of a log of five records by `harm`, which returns the offset of the first harmed byte,
/// and checks that all before it is held, that nothing is invented, and that the log goes on.
fn survives(segment_bytes: u64, pick: prop::sample::Index, harm: impl FnOnce(&mut Vec<u8>) -> usize) {
    let temp = tempfile::tempdir().unwrap();
    drop(filled(temp.path(), segment_bytes, 5));
    let files = segment_files(temp.path());
    let path = pick.get(&files);
    let mut bytes = fs::read(path).unwrap();
    let before = harm(&mut bytes);
    fs::write(path, &bytes).unwrap();
    let (mut log, held, _) = open(temp.path(), segment_bytes);
    let whole = numbered(1..6);
    assert!(held.iter().all(|record| whole.contains(record)), "{held:?}");
    for (seq, payload) in &whole {
        let elsewhere = !bytes_of(path).is_some_and(|range| range.contains(seq));
        let ends = end_of_record(segment_bytes, *seq, payload.len());
        if elsewhere && segment_bytes == 1 || segment_bytes != 1 && ends <= before {
            assert!(held.iter().any(|(kept, _)| kept == seq), "{seq} is gone, harmed at {before}");
        }
    }
    assert_eq!(drain(&mut log.view().read_from(0)), held);
    let next = append(&mut log, &["after"]).unwrap();
    drop(log);
    let (_, again, _) = open(temp.path(), segment_bytes);
    assert_eq!(again, [held, vec![(next, b"after".to_vec())]].concat());
}

/// With segments of one byte each record has a file of its own, named by its number.
fn bytes_of(path: &Path) -> Option<std::ops::RangeInclusive<u64>> {
    let name = path.file_name()?.to_str()?;
    let first = name.split('.').next()?.parse().ok()?;
    Some(first..=first)
}

fn end_of_record(segment_bytes: u64, seq: u64, len: usize) -> usize {
    let before = if segment_bytes == 1 { 0 } else { usize::try_from(seq - 1).unwrap() };
    16 + (before + 1) * (HEADER_BYTES + len)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_at_any_byte_is_survived(one in any::<bool>(), pick: prop::sample::Index, at: prop::sample::Index) {
        survives(if one { 1 } else { u64::MAX }, pick, |bytes| {
            let at = at.index(bytes.len());
            bytes.truncate(at);
            at
        });
    }

    #[test]
    fn a_flip_of_any_byte_is_survived(
        one in any::<bool>(), pick: prop::sample::Index, at: prop::sample::Index, by in 1u8..,
    ) {
        survives(if one { 1 } else { u64::MAX }, pick, |bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            at
        });
    }

    #[test]
    fn junk_anywhere_is_survived(
        pick: prop::sample::Index, at: prop::sample::Index, junk in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        survives(u64::MAX, pick, |bytes| {
            let at = at.index(bytes.len());
            bytes.splice(at..at, junk);
            at
        });
    }
}
