//! No room: whoever comes then is asked to come back, and nothing is lost.

use std::io::Write;

use crate::lab::poster::{Answer, open, post};
use crate::lab::{Attack, Clock, Mood, wait_for};
use crate::{Bench, list};

#[test]
fn without_memory_for_bodies_a_sender_is_asked_to_come_back() {
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", body_bytes_max: 200000, memory_bytes_max: 400000 } } }",
    );
    let (process, address) = bench.start();
    let mut clock = Clock::now();
    let big =
        list(
            &[Attack { more: &format!(",\"x\":\"{}\"", "y".repeat(150_000)), ..Attack::default() }.line(clock.next())],
        );
    let mut slow: Vec<_> = (0..2).map(|_| open(address, "/audit/prod", "", big.len())).collect();
    for stream in &mut slow {
        stream.write_all(&big.as_bytes()[..140_000]).unwrap();
    }
    wait_for("the memory to be in use", || {
        process.total("gatecrier_webhook_bodies_bytes") > 0.0 || {
            let answer = post(address, "/audit/prod", &big);
            answer.status == 429
        }
    });
    let mut answer = post(address, "/audit/prod", &big);
    wait_for("a refusal", || {
        answer = post(address, "/audit/prod", &big);
        answer.status == 429
    });
    assert!(answer.head.contains("retry-after: 1"), "{answer:?}");
    drop(slow);
    wait_for("the memory to be free", || post(address, "/audit/prod", &big).status == 200);
    bench.receiver.wait_for("eve");
}

/// The receiver of the alerts takes none and may lose none: analysis stops, and so the spool fills.
#[test]
fn a_full_spool_asks_to_wait_and_takes_again_once_there_is_room() {
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", body_bytes_max: 100000, memory_bytes_max: 200000, \
         spool_bytes_max: 1048576 } } }",
    );
    let config = std::fs::read_to_string(bench.folder.config()).unwrap();
    let config = config.replace("/hook\" }", "/hook\", required: true }") + "outbox: { max_bytes: 65536 }\n";
    std::fs::write(bench.folder.config(), config).unwrap();
    bench.receiver.set(Mood::Status(503));
    let (process, address) = bench.start();
    let mut clock = Clock::now();
    let mut refused: Option<(String, Answer)> = None;
    let mut users = Vec::new();
    let filler = format!(",\"annotations.filler\":\"{}\"", "x".repeat(8000));
    while refused.is_none() {
        assert!(users.len() < 400, "the spool does not fill");
        let user = format!("eve-{}.", users.len());
        let body = list(&[Attack { user: &user, more: &filler, ..Attack::default() }.line(clock.next())]);
        users.push(user);
        let answer = post(address, "/audit/prod", &body);
        if answer.status != 200 {
            refused = Some((body, answer));
        }
    }
    let (body, answer) = refused.unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 5"), "{answer:?}");
    wait_for("it to be not ready", || process.get("/readyz").starts_with("HTTP/1.1 503"));
    bench.receiver.set(Mood::Well);
    wait_for("room", || post(address, "/audit/prod", &body).status == 200);
    for user in &users {
        bench.receiver.wait_for(user);
    }
    wait_for("it to be ready", || process.get("/readyz").starts_with("HTTP/1.1 200"));
}
