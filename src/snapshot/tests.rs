use std::fs;

use proptest::prelude::*;

use super::*;
use crate::state::disk::fault::{self, Op};

struct Lab {
    state: StateDir,
    temp: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        Self { state: StateDir::open_with_ballast(temp.path(), 0).unwrap(), temp }
    }

    fn try_open(&self) -> anyhow::Result<SnapshotStore> {
        SnapshotStore::open(&self.state, &ClusterId::new("prod"))
    }

    fn open(&self) -> SnapshotStore {
        self.try_open().unwrap()
    }

    fn file(&self, slot: &str) -> PathBuf {
        self.temp.path().join(format!("snapshot-prod.{slot}"))
    }
}

#[track_caller]
fn check(loaded: &Loaded, payload: Option<&[u8]>, generation: u64, complains: bool) {
    assert_eq!((loaded.payload.as_deref(), loaded.generation), (payload, generation));
    assert_eq!(loaded.complaint.is_some(), complains, "{:?}", loaded.complaint);
}

#[test]
fn the_newest_snapshot_is_loaded() {
    let lab = Lab::new();
    check(&lab.open().load().unwrap(), None, 0, false);
    for (generation, payload) in (1..).zip([&b"one"[..], b"two", b"", b"four"]) {
        assert_eq!(lab.open().save(&[payload]).unwrap(), generation);
        check(&lab.open().load().unwrap(), Some(payload), generation, false);
    }
    check(&SnapshotStore::open(&lab.state, &ClusterId::new("other")).unwrap().load().unwrap(), None, 0, false);
}

#[test]
fn a_damaged_snapshot_gives_way_to_the_one_before_it() {
    for harm in [|_: &mut Vec<u8>| {}, |bytes: &mut Vec<u8>| bytes.clear()] {
        let lab = Lab::new();
        let store = lab.open();
        [b"one", b"two"].iter().for_each(|payload| assert!(store.save(&[*payload]).is_ok()));
        let mut bytes = fs::read(lab.file("b")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        harm(&mut bytes);
        fs::write(lab.file("b"), bytes).unwrap();
        check(&lab.open().load().unwrap(), Some(b"one"), 1, true);
        // The damaged one is replaced, not the good one.
        lab.open().save(&[b"three"]).unwrap();
        check(&lab.open().load().unwrap(), Some(b"three"), 2, false);
        fs::remove_file(lab.file("b")).unwrap();
        check(&lab.open().load().unwrap(), Some(b"one"), 1, false);
    }
}

#[test]
fn with_both_damaged_everything_begins_anew_with_a_complaint() {
    let lab = Lab::new();
    let store = lab.open();
    [b"one", b"two"].iter().for_each(|payload| assert!(store.save(&[*payload]).is_ok()));
    for slot in ["a", "b"] {
        fs::write(lab.file(slot), b"nonsense").unwrap();
    }
    check(&lab.open().load().unwrap(), None, 0, true);
    lab.open().save(&[b"new"]).unwrap();
    check(&lab.open().load().unwrap(), Some(b"new"), 1, true);
}

#[test]
fn a_failed_save_leaves_the_old_ones() {
    let lab = Lab::new();
    let store = lab.open();
    [b"one", b"two"].iter().for_each(|payload| assert!(store.save(&[*payload]).is_ok()));
    for op in [Op::Create, Op::Write, Op::Sync, Op::Rename] {
        fault::fail_next(op, io::ErrorKind::StorageFull);
        assert!(matches!(store.save(&[b"three"]), Err(SaveError::Full)), "{op:?}");
        check(&lab.open().load().unwrap(), Some(b"two"), 2, false);
    }
    assert!(fs::read(lab.file("a")).unwrap().ends_with(b"one"));
    fault::fail_next(Op::Sync, io::ErrorKind::Other);
    assert!(matches!(store.save(&[b"three"]), Err(SaveError::Fatal { .. })));
    check(&lab.open().load().unwrap(), Some(b"two"), 2, false);
    assert_eq!(store.save(&[b"three"]).unwrap(), 3);
}

#[test]
fn a_snapshot_of_a_newer_version_is_refused_with_the_way_out() {
    let lab = Lab::new();
    lab.open().save(&[b"one"]).unwrap();
    fs::write(lab.file("b"), header(VERSION + 1, 2, &[])).unwrap();
    let error = lab.try_open().unwrap_err().to_string();
    assert!(error.contains("newer gatecrier (format 2)") && error.contains("remove both"), "{error}");
}

#[test]
fn deaths_on_one_snapshot_are_counted() {
    let lab = Lab::new();
    for starts in 1..=3 {
        assert_eq!(lab.open().begin_life().unwrap(), starts);
    }
    let store = lab.open();
    assert_eq!(store.begin_life().unwrap(), 4);
    store.save(&[b"one"]).unwrap();
    assert_eq!(lab.open().begin_life().unwrap(), 1);
    fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
    assert_eq!(lab.open().begin_life().unwrap(), 2, "a full disk keeps nobody from starting");
}

#[test]
fn the_record_in_hand_is_known_to_the_next_life() {
    let lab = Lab::new();
    let in_hand = lab.open().in_hand().unwrap();
    assert_eq!(in_hand.last(), None);
    in_hand.note(&[7; 32]).unwrap();
    in_hand.note(&[8; 32]).unwrap();
    assert_eq!(lab.open().in_hand().unwrap().last(), Some([8; 32]));
    assert!(in_hand.is_noted().unwrap());
    in_hand.clear().unwrap();
    assert!(!in_hand.is_noted().unwrap());
    assert_eq!(lab.open().in_hand().unwrap().last(), None);
    in_hand.note(&[9; 32]).unwrap();
    lab.open().in_hand().unwrap().suspect_last().unwrap();
    let next = lab.open().in_hand().unwrap();
    assert_eq!((next.last(), next.suspect()), (None, Some([9; 32])));
    fault::fail_next(Op::Write, io::ErrorKind::StorageFull);
    next.note(&[9; 32]).expect("a full disk keeps nobody from working");
}

#[test]
fn records_to_pass_are_remembered_and_bounded() {
    let lab = Lab::new();
    let mut skips = lab.open().skips().unwrap();
    assert!(skips.is_empty());
    skips.add(&[7; 32], 3).unwrap();
    skips.add(&[7; 32], 4).unwrap();
    let mut again = lab.open().skips().unwrap();
    assert_eq!(again.list(), [Skip { sha256: "07".repeat(32), generation: 3 }]);
    assert!(again.contains(&[7; 32]) && !again.contains(&[8; 32]));
    let many = vec![Skip { sha256: "09".repeat(32), generation: 1 }; SKIPS_MAX];
    fs::write(lab.temp.path().join("skips-prod.json"), serde_json::to_vec(&many).unwrap()).unwrap();
    again = lab.open().skips().unwrap();
    again.add(&[8; 32], 9).unwrap();
    let again = lab.open().skips().unwrap();
    assert!(again.list().len() == SKIPS_MAX && again.contains(&[8; 32]));
    fs::write(lab.temp.path().join("skips-prod.json"), b"[{").unwrap();
    let damaged = lab.open().skips().unwrap();
    assert!(damaged.is_empty() && damaged.complaint().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_harm_to_one_file_costs_both(cut in any::<bool>(), at: prop::sample::Index, by in 1u8..) {
        let lab = Lab::new();
        let store = lab.open();
        store.save(&[b"first"]).unwrap();
        store.save(&[b"second"]).unwrap();
        let mut bytes = fs::read(lab.file("b")).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if cut {
            bytes.truncate(at);
        }
        fs::write(lab.file("b"), bytes).unwrap();
        check(&lab.open().load().unwrap(), Some(b"first"), 1, true);
    }
}
