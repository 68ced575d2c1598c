//! A disk that is really full: a tmpfs of 4 MiB, mounted for the test. Needs root, and fails without it.

#![allow(clippy::unwrap_used, clippy::panic)] // A test through and through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatecrier::alert::{Alert, AlertRule, Severity, Status};
use gatecrier::batch::ClusterId;
use gatecrier::event::Timestamp;
use gatecrier::metrics::Metrics;
use gatecrier::outbox::{AppendError, Config, Outbox};
use gatecrier::snapshot::{SaveError, SnapshotStore};
use gatecrier::state::StateDir;

/// A small file system of its own, unmounted when dropped.
struct Volume(tempfile::TempDir);

impl Volume {
    fn mount() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(temp.path()).status();
        assert!(mounted.unwrap().success(), "cannot mount a tmpfs: run this test as root");
        Self(temp)
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    /// Fills what is left, and returns the file to remove for it to be empty again.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("somebody-elses-file");
        let error = fs::write(&path, vec![1; 8 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn alert(id: usize) -> Alert {
    Alert {
        id: format!("id-{id}"),
        revision: 1,
        status: Status::Open,
        severity: Severity::High,
        rule: AlertRule::new("rule", "A rule", &[]),
        subject: "eve".to_owned(),
        summary: "x".repeat(20_000),
        reasons: vec![],
        cluster: "prod".to_owned(),
        first_seen: Timestamp::from_micros(0),
        last_seen: Timestamp::from_micros(0),
        count: 1,
        client: None,
        actor: None,
        request: None,
        events: vec![],
        evidence: None,
        suppressions: Vec::new(),
    }
}

fn open(path: &Path, ballast_bytes: u64) -> (StateDir, Outbox) {
    let state = StateDir::open_with_ballast(path, ballast_bytes).unwrap();
    let config = Config { max_bytes: 8 << 20, ..Config::default() };
    let (outbox, recovered) = Outbox::open(&state, config, &["loki".to_owned()], Metrics::new()).unwrap();
    assert_eq!(recovered.complaints, [] as [&str; 0]);
    outbox.retain(u64::MAX).unwrap();
    (state, outbox)
}

/// Appends until the disk is full, and returns the first id that was refused.
fn append_until_full(outbox: &Outbox, from: usize) -> usize {
    for id in from.. {
        match outbox.append(&mut [alert(id)]) {
            Ok(_) => assert!(id < 1000, "4 MiB take no more than 200 of these"),
            Err(AppendError::Full) => return id,
            Err(fatal) => panic!("a full disk is no reason to stop: {fatal:?}"),
        }
    }
    unreachable!("the disk has an end")
}

fn take_all(outbox: &Outbox) -> Vec<String> {
    let mut reader = outbox.cursor("loki").unwrap();
    let mut ids = Vec::new();
    while let Some(delivery) = reader.next(10, usize::MAX).unwrap() {
        ids.extend(delivery.alerts.into_iter().map(|alert| alert.id));
        reader.done(delivery.upto).unwrap();
    }
    ids
}

fn expected(ids: std::ops::Range<usize>) -> Vec<String> {
    ids.map(|id| format!("id-{id}")).collect()
}

#[test]
fn a_full_disk_is_waited_out_and_drained_by_the_sinks() {
    let volume = Volume::mount();
    let (state, outbox) = open(&volume.state(), 512 << 10);
    let refused = append_until_full(&outbox, 0);
    assert!(refused > 100 && !state.has_ballast(), "{refused} alerts, with the ballast's room used");
    assert!(outbox.fullness() >= 1.0);
    assert!(matches!(outbox.append(&mut [alert(refused)]), Err(AppendError::Full)), "still full");
    // The sink can save its cursor on the full disk, and so makes room.
    assert_eq!(take_all(&outbox), expected(0..refused));
    outbox.wait_for_room(Duration::from_secs(10));
    let again = append_until_full(&outbox, refused);
    assert!(again > refused + 100, "{again} after {refused}: the room was freed");
    drop((state, outbox));
    let (_state, outbox) = open(&volume.state(), 512 << 10);
    assert_eq!(take_all(&outbox), expected(refused..again), "none lost, none torn, after a restart");
}

#[test]
fn a_disk_that_others_filled_costs_nothing_once_there_is_room() {
    let volume = Volume::mount();
    let (state, outbox) = open(&volume.state(), 256 << 10);
    let snapshots = SnapshotStore::open(&state, &ClusterId::new("prod")).unwrap();
    snapshots.begin_life().unwrap();
    snapshots.save(&[b"before"]).unwrap();
    outbox.append(&mut [alert(0)]).unwrap();
    let filler = volume.fill();
    assert!(matches!(snapshots.save(&[&[7; 100_000]]), Err(SaveError::Full)));
    assert_eq!(snapshots.load().unwrap().payload.as_deref(), Some(&b"before"[..]));
    let refused = append_until_full(&outbox, 1);
    assert!(refused > 5, "the ballast took {refused}");
    fs::remove_file(filler).unwrap();
    outbox.append(&mut [alert(refused)]).unwrap();
    assert!(state.has_ballast(), "kept back again");
    snapshots.save(&[&[7; 100_000]]).unwrap();
    assert_eq!(take_all(&outbox), expected(0..refused + 1));
}

#[test]
fn starting_on_a_full_disk_loses_nothing() {
    let volume = Volume::mount();
    let (state, outbox) = open(&volume.state(), 0);
    outbox.append(&mut [alert(0)]).unwrap();
    drop((state, outbox));
    let filler = volume.fill();
    let (state, outbox) = open(&volume.state(), 256 << 10);
    assert!(!state.has_ballast());
    let refused = append_until_full(&outbox, 1);
    fs::remove_file(filler).unwrap();
    outbox.append(&mut [alert(refused)]).unwrap();
    assert_eq!(take_all(&outbox), expected(0..refused + 1));
}
