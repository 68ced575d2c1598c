//! The binary as `deploy/` runs it: as that user, on a read-only root, without a capability. Needs root.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../lab/mod.rs"]
mod lab;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use lab::{Attack, Clock, Folder, Process, Receiver};

/// Runs what follows on a root that is read-only but for one folder, as this user and without any capability.
fn hardened(folder: &Path, user: u32) -> Command {
    let script = format!(
        "set -e; mount --bind '{dir}' '{dir}'; mount -o remount,bind,ro /; \
         if touch /gatecrier-test 2>/dev/null; then echo 'the root is writable' >&2; exit 1; fi; \
         exec setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
         --ambient-caps=-all -- \"$0\" \"$@\"",
        dir = folder.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-c", &script, env!("CARGO_BIN_EXE_gatecrier")]);
    command
}

fn give(path: &Path, user: u32, mode: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn watches(user: u32) {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    folder.write(&Attack::by("eve", Clock::now().next()));
    std::fs::create_dir(&folder.state).unwrap();
    give(folder.path(), user, 0o700);
    // As the API server makes them: for its own user alone.
    give(folder.log().parent().unwrap(), user, 0o700);
    give(&folder.log(), user, 0o600);
    give(&folder.config(), 0, 0o644);
    give(&folder.state, user, 0o700);
    let process = Process::start_by(hardened(folder.path(), user), &folder);
    receiver.wait_for("eve");
    let pid = process.id();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "CapInh:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert!(field("Uid:").split_whitespace().all(|id| id == user.to_string()));
    assert!(process.terminate().0.success());
}

#[test]
fn as_root_without_a_capability_it_reads_roots_log() {
    watches(0);
}

#[test]
fn as_a_user_of_its_own_it_reads_that_users_log() {
    watches(65534);
}
