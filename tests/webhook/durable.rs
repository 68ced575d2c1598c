//! What was answered is kept, whatever happens then.

use std::io::Write;
use std::time::Duration;

use crate::lab::poster::{open, post};
use crate::lab::{Attack, Clock, Dice, wait_for};
use crate::{Bench, PLAIN, list};

#[test]
fn killed_before_the_answer_it_keeps_what_is_on_the_disk_and_knows_it_again() {
    let bench = Bench::new(PLAIN);
    let mut clock = Clock::now();
    let body = list(&[Attack::by("eve", clock.next()), Attack::by("mallory", clock.next())]);
    let (process, address) = bench.start();
    let mut stream = open(address, "/audit/prod", "", body.len());
    stream.write_all(body.as_bytes()).unwrap();
    let spooled = || {
        let kept = bench.folder.kept();
        let segment = kept.iter().find(|path| path.to_str().unwrap().contains("/spool/") && path.is_file());
        segment.is_some_and(|path| std::fs::metadata(path).unwrap().len() > body.len() as u64)
    };
    wait_for("the body to be on the disk", spooled);
    process.kill();
    let (process, address) = bench.start();
    bench.receiver.wait_for("mallory");
    // The sender had no answer: it sends all of it again, and something new.
    assert_eq!(post(address, "/audit/prod", &body).status, 200);
    assert_eq!(post(address, "/audit/prod", list(&[Attack::by("trudy", clock.next())])).status, 200);
    bench.receiver.wait_for("trudy");
    assert_eq!(process.total("gatecrier_duplicate_records_total"), 2.0);
    let newest = bench.receiver.newest();
    assert_eq!(newest.len(), 3, "{:?}", bench.receiver.subjects());
    assert!(newest.values().all(|alert| alert["count"] == 1), "{newest:?}");
}

#[test]
fn killed_again_and_again_it_loses_nothing_that_it_answered() {
    let bench = Bench::new(PLAIN);
    let mut dice = Dice::from_env("GATECRIER_SEED");
    let mut clock = Clock::now();
    let mut answered = Vec::new();
    for round in 0..6 {
        let (process, address) = bench.start();
        let mut posting = Vec::new();
        for n in 0..20 {
            let user = format!("eve-{round}-{n}.");
            let body = list(&[Attack::by(&user, clock.next()), Attack::harmless(clock.next())]);
            posting.push(std::thread::spawn(move || {
                let mut stream = open(address, "/audit/prod", "", body.len());
                let _ = stream.write_all(body.as_bytes());
                let taken = crate::lab::poster::answer(stream).is_some_and(|answer| answer.status == 200);
                taken.then_some(user)
            }));
        }
        std::thread::sleep(dice.millis(1, 60));
        process.kill();
        answered.extend(posting.into_iter().filter_map(|thread| thread.join().ok().flatten()));
    }
    let (_process, address) = bench.start();
    assert_eq!(post(address, "/audit/prod", list(&[Attack::by("last", clock.next())])).status, 200);
    bench.receiver.wait_for("last");
    let missing: Vec<_> = answered.iter().filter(|user| !bench.receiver.has(user)).collect();
    println!("{} were answered", answered.len());
    assert!(missing.is_empty(), "answered and lost: {missing:?}");
}

#[test]
fn asked_to_stop_it_answers_what_is_on_its_way() {
    let bench = Bench::new(PLAIN);
    let mut clock = Clock::now();
    let (process, address) = bench.start();
    let body = list(&[Attack::by("eve", clock.next())]);
    let mut stream = open(address, "/audit/prod", "", body.len());
    stream.write_all(&body.as_bytes()[..50]).unwrap();
    let finish = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(&body.as_bytes()[50..]).unwrap();
        crate::lab::poster::answer(stream)
    });
    let (status, took) = process.terminate();
    assert!(status.success() && took < Duration::from_secs(6), "{status} after {took:?}");
    let answer = finish.join().unwrap();
    let (_process, address) = bench.start();
    if answer.is_some_and(|answer| answer.status == 200) {
        bench.receiver.wait_for("eve");
    } else {
        panic!("a request that had begun was not answered");
    }
    assert_eq!(post(address, "/audit/prod", "{}").status, 200);
}
