//! A state directory without any room left, and an alert in hand. Needs root, and fails without it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};

/// How long the alert is held in hand; several snapshots are asked for meanwhile.
const IN_HAND: Duration = Duration::from_secs(5);

/// A small file system at a folder's state directory, unmounted when dropped.
struct Volume(PathBuf);

impl Volume {
    fn mount(at: &Path) -> Self {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(at).status();
        assert!(mounted.unwrap().success(), "cannot mount a tmpfs: run this test as root");
        Self(at.to_owned())
    }

    fn foreign(&self) -> PathBuf {
        self.0.join("somebody-elses-file")
    }

    /// Somebody else takes what is left.
    fn fill(&self) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.foreign()).unwrap();
        let error = std::iter::repeat_with(|| file.write_all(&[1; 4096])).find_map(Result::err).unwrap();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn snapshots(folder: &Folder) -> Vec<Vec<u8>> {
    ["a", "b"].map(|slot| fs::read(folder.state.join(format!("snapshot-prod.{slot}"))).unwrap_or_default()).to_vec()
}

/// As the API server rotates: what is asked of us then is a snapshot.
fn rotate(folder: &Folder, second: usize) {
    let backup = folder.log().with_file_name(format!("audit-2025-11-25T05-00-{second:02}.000.log"));
    fs::rename(folder.log(), backup).unwrap();
}

#[test]
fn an_alert_in_hand_on_a_full_disk_survives_a_kill() {
    let address = Receiver::nobody();
    let folder = Folder::telling(address);
    let volume = Volume::mount(&folder.state);
    let mut clock = Clock::now();
    folder.write(&Attack::by("first", clock.next()));
    let process = Process::start(&folder);
    let value = |name: &str| process.metric(name).unwrap_or_default();
    wait_for("the first alert to be kept", || value("gatecrier_alert_revisions_total") > 0.0);
    // The room that is kept back takes some alerts; then there is none for more.
    let (mut users, filler) = (0, format!(r#","annotations.filler":"{}""#, "x".repeat(8000)));
    while value("gatecrier_outbox_waits_total") == 0.0 {
        volume.fill();
        users += 1;
        let user = format!("eve-{users}");
        folder.write(&Attack { user: &user, more: &filler, ..Attack::default() }.line(clock.next()));
        wait_for("it to be kept or waited for", || {
            value("gatecrier_outbox_waits_total") > 0.0 || value("gatecrier_alert_revisions_total") > users as f64
        });
    }
    let before = snapshots(&folder);
    for second in 0..IN_HAND.as_secs() {
        rotate(&folder, second as usize);
        folder.write(&Attack::by(&format!("later-{second}"), clock.next()));
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(snapshots(&folder), before, "a snapshot went ahead of an alert");
    process.kill();
    fs::remove_file(volume.foreign()).unwrap();
    let receiver = Receiver::at(address);
    let _process = Process::start(&folder);
    receiver.wait_for(&format!("later-{}", IN_HAND.as_secs() - 1));
    for user in (1..=users).map(|n| format!("eve-{n} ")).chain(["first".to_owned()]) {
        assert!(receiver.has(&user), "{user} is missing of {:?}", receiver.subjects());
    }
    println!("{users} alerts until the disk was full");
}
