//! Killed, stopped, started twice.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};

/// An id's subject and the count that was told last.
type Told = BTreeMap<String, (String, u64)>;

fn told(receiver: &Receiver) -> Told {
    let newest = receiver.newest().into_iter();
    newest
        .map(|(id, alert)| (id, (alert["subject"].as_str().unwrap().to_owned(), alert["count"].as_u64().unwrap())))
        .collect()
}

/// Many requests by a few, then one of much later, with which all before it are closed and their counts told.
fn log() -> Vec<String> {
    let mut clock = Clock::now();
    let mut lines: Vec<_> = (0..600).map(|n| Attack::by(&format!("eve-{}", n * n % 37), clock.next())).collect();
    clock.skip_seconds(7200);
    lines.push(Attack::by("last", clock.next()));
    lines
}

fn undisturbed(log: &[String]) -> Told {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    folder.write(&log.concat());
    let _process = Process::start(&folder);
    receiver.wait_for("last");
    told(&receiver)
}

#[test]
fn killed_again_and_again_it_says_what_it_would_have_said() {
    let log = log();
    let expected = undisturbed(&log);
    assert!(expected.len() > 10 && expected.values().any(|(_, count)| *count > 10), "{expected:?}");
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    for (n, lines) in log.chunks(log.len() / 12).enumerate() {
        let process = Process::start(&folder);
        folder.write(&lines.concat());
        if n % 3 != 0 {
            let mut user = lines[0].split(r#""username":""#).nth(1).unwrap().split('"');
            receiver.wait_for(user.next().unwrap());
        } else {
            // Anywhere in its start, at which it has said nothing yet.
            std::thread::sleep(Duration::from_millis(20 * n as u64));
        }
        process.kill();
    }
    let _process = Process::start(&folder);
    receiver.wait_for("last");
    let told = told(&receiver);
    let differ = |one: &Told, other: &Told| -> Vec<_> {
        one.iter()
            .filter(|(id, entry)| other.get(*id) != Some(entry))
            .map(|(id, entry)| (id.clone(), entry.clone()))
            .collect()
    };
    assert_eq!(differ(&told, &expected), differ(&expected, &told), "told and expected, where they differ");
}

#[test]
fn asked_to_stop_it_saves_and_reads_nothing_twice() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&(0..50).map(|n| Attack::by(&format!("eve-{n}."), clock.next())).collect::<String>());
    let process = Process::start(&folder);
    receiver.wait_for("eve-49.");
    let (status, took) = process.terminate();
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
    assert!(folder.has_snapshot());
    let before = receiver.alerts().len();
    folder.write(&Attack::by("mallory", clock.next()));
    let process = Process::start(&folder);
    receiver.wait_for("mallory");
    let name = format!("gatecrier_events_total{{source=\"file:{}\"}}", folder.log().display());
    assert_eq!(process.metric(&name), Some(1.0), "only what was not read before");
    assert_eq!(receiver.alerts().len(), before + 1, "nothing is said twice");
}

#[test]
fn killed_in_its_first_file_it_goes_on_there_after_a_rotation() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&Attack::by("first", clock.next()));
    let process = Process::start(&folder);
    receiver.wait_for("first");
    wait_for("the position to be saved", || folder.state.join("snapshot-prod.b").exists());
    process.kill();
    folder.write(&Attack::by("meanwhile", clock.next()));
    std::fs::rename(folder.log(), folder.log().with_file_name("audit-2025-11-25T05-00-00.000.log")).unwrap();
    folder.write(&Attack::by("after", clock.next()));
    let _process = Process::start(&folder);
    receiver.wait_for("after");
    assert!(receiver.has("meanwhile"), "{:?}", receiver.subjects());
}

#[test]
fn what_a_kill_tore_off_is_no_news() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&Attack::by("eve", clock.next()));
    let process = Process::start(&folder);
    receiver.wait_for("eve");
    process.kill();
    let segment = folder.kept().into_iter().find(|path| path.extension().is_some_and(|ext| ext == "seg")).unwrap();
    let mut segment = std::fs::OpenOptions::new().append(true).open(segment).unwrap();
    segment.write_all(&[7; 100]).unwrap();
    folder.write(&Attack::by("mallory", clock.next()));
    let process = Process::start(&folder);
    receiver.wait_for("mallory");
    assert!(process.said().contains("unfinished at the end of the file"), "{}", process.said());
    assert_eq!(receiver.subjects().len(), 2, "{:?}", receiver.subjects());
}

#[test]
fn stopped_while_idle_three_times_it_is_not_taken_for_dead() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    for n in 0..4 {
        let process = Process::start(&folder);
        folder.write(&Attack::by(&format!("eve-{n}"), clock.next()));
        receiver.wait_for(&format!("eve-{n}"));
        assert!(process.terminate().0.success());
    }
    assert_eq!(receiver.alerts().len(), 4, "{:?}", receiver.subjects());
}

#[test]
fn a_second_process_on_the_same_state_is_turned_away() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&Attack::by("eve", clock.next()));
    let _first = Process::start(&folder);
    receiver.wait_for("eve");
    let mut second = Process::start(&folder);
    assert_eq!(second.end().code(), Some(2));
    assert!(second.said().contains("in use by another gatecrier: stop that one first"), "{}", second.said());
    folder.write(&Attack::by("mallory", clock.next()));
    receiver.wait_for("mallory");
}
