//! Killed, or refused, at the Nth system call of a kind.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for, webhook};

/// Attacks before each rotation.
const ATTACKS: usize = 3;
/// Rotations; each asks for a snapshot.
const ROUNDS: usize = 4;

/// An id's subject and count.
type Told = BTreeMap<String, (String, u64)>;

/// The exit code and what was said.
type Ended = (Option<i32>, String);

/// The log in pieces, each of which is a file in the end.
fn log() -> Vec<Vec<String>> {
    let mut clock = Clock::now();
    let mut attack = |n: usize| Attack::by(&format!("eve-{n}."), clock.next());
    (0..ROUNDS).map(|round| (0..ATTACKS).map(|n| attack(round * ATTACKS + n)).collect()).collect()
}

fn told(receiver: &Receiver) -> Told {
    let entry = |(id, alert): (String, serde_json::Value)| {
        (id, (alert["subject"].as_str().unwrap().to_owned(), alert["count"].as_u64().unwrap()))
    };
    receiver.newest().into_iter().map(entry).collect()
}

/// Writes the log while `first` watches, then watches until everything is told of. Says how `first` ended, if it did.
fn run(call: Option<(&str, &str, usize)>, log: &[Vec<String>]) -> (Told, Option<Ended>) {
    let receiver = Receiver::start();
    // It may die before it has begun: then it begins with what was rotated since.
    let folder = Folder::with(", backups_at_first_start: true", &webhook(receiver.address));
    let mut process = Some(match call {
        None => Process::start(&folder),
        Some(call) => Process::start_by(strace(call), &folder),
    });
    let mut ended = None;
    for (round, lines) in log.iter().enumerate() {
        for (n, line) in lines.iter().enumerate() {
            folder.write(line);
            let user = format!("eve-{}.", round * ATTACKS + n);
            wait_for("an alert or the end", || {
                if process.as_mut().is_some_and(Process::has_ended) {
                    let mut dead = process.take().unwrap();
                    ended = Some((dead.end().code(), dead.said()));
                }
                process.is_none() || receiver.has(&user)
            });
        }
        fs::rename(folder.log(), folder.log().with_file_name(format!("audit-2025-11-25T05-00-{round:02}.000.log")))
            .unwrap();
        fs::write(folder.log(), "").unwrap();
    }
    drop(process);
    let _process = Process::start(&folder);
    receiver.wait_for(&format!("eve-{}.", ROUNDS * ATTACKS - 1));
    (told(&receiver), ended)
}

/// The binary, with something done to it at the Nth such call of a thread.
fn strace((call, what, when): (&str, &str, usize)) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{what}:when={when}")]).arg(env!("CARGO_BIN_EXE_gatecrier"));
    command
}

#[test]
fn killed_at_any_of_its_calls_to_the_disk_it_loses_and_invents_nothing() {
    let log = log();
    let (expected, _) = run(None, &log);
    assert_eq!(expected.len(), ATTACKS * ROUNDS);
    let mut struck = BTreeMap::<&str, usize>::new();
    for (call, until) in [("fdatasync", 30), ("fsync", 10), ("rename", 10), ("unlink", 4)] {
        for when in 1..=until {
            let (told, ended) = run(Some((call, "signal=KILL", when)), &log);
            assert_eq!(told, expected, "killed at {call} {when}");
            *struck.entry(call).or_default() += usize::from(ended.is_some());
        }
    }
    println!("killed at so many calls: {struck:?}");
    assert!(struck["fdatasync"] > 8 && struck["fsync"] > 2 && struck["rename"] > 2, "{struck:?}");
}

#[test]
fn a_sync_that_fails_stops_the_process_and_costs_nothing() {
    let log = log();
    let (expected, _) = run(None, &log);
    let mut stopped = 0;
    for (call, when) in (1..=10).map(|when| ("fdatasync", when)).chain((1..=5).map(|when| ("fsync", when))) {
        let (told, ended) = run(Some((call, "error=EIO", when)), &log);
        assert_eq!(told, expected, "{call} {when} failed");
        let Some((code, said)) = ended else { continue };
        assert_eq!(code, Some(2), "{call} {when}: {said}");
        let last = said.lines().last().unwrap();
        assert!(
            last.starts_with("gatecrier: failed to ") && last.contains("Input/output error"),
            "{call} {when}: {said}"
        );
        stopped += 1;
    }
    println!("stopped by {stopped} failed calls");
    assert!(stopped > 4, "{stopped}");
}
