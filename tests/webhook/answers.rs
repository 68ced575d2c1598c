//! What is answered to whom, and bodies that nobody wants.

use std::io::Write;

use crate::lab::poster::{answer, open, post, post_with};
use crate::lab::{Attack, Clock, Process, wait_for};
use crate::{Bench, PLAIN, list};

#[test]
fn every_answer_says_what_to_do() {
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", body_bytes_max: 100000, clusters: { prod: {}, eu: { senders: [cp-1] }, \
         locked: { token_file: token } } } } }",
    );
    std::fs::write(bench.folder.path().join("token"), "open sesame\n").unwrap();
    let (process, address) = bench.start();
    let check = |path: &str, more: &str, body: &[u8], status: u16, said: &str| {
        let answer = post_with(address, path, more, body);
        assert_eq!(answer.status, status, "{path} {more}: {answer:?}");
        assert!(answer.body.contains(said), "{path} {more}: {answer:?}");
        assert!(answer.head.contains("www-authenticate: bearer") == (status == 401), "{answer:?}");
    };
    check("/audit/prod", "", b"{}", 200, "");
    check("/audit/prod?timeout=30s", "", b"", 200, "");
    check("/audit/eu/cp-1", "", b"{}", 200, "");
    check("/audit/eu", "", b"{}", 404, "`eu`");
    check("/audit/eu/cp-2", "", b"{}", 404, "`eu/cp-2`");
    check("/audit/prod/cp-1", "", b"{}", 404, "webhook.clusters");
    check("/audit/dev", "", b"{}", 404, "`dev`");
    check("/audit/%2e%2e", "", b"{}", 404, "");
    check("/", "", b"{}", 404, "");
    check("/audit", "", b"{}", 401, "certificate");
    check("/audit/locked", "", b"{}", 401, "bear a token");
    check("/audit/locked", "authorization: Bearer open\r\n", b"{}", 401, "not that of this cluster");
    check("/audit/locked", "authorization: Basic open sesame\r\n", b"{}", 401, "not that of this cluster");
    check("/audit/locked", "authorization: bearer open sesame\r\n", b"{}", 200, "");
    check("/audit/prod", "content-encoding: br\r\n", b"{}", 415, "gzip");
    check("/audit/prod", "content-encoding: gzip\r\n", b"{}", 400, "not gzip");
    check("/audit/prod", "", &[b'x'; 3_000_000], 413, "body_bytes_max");
    // A token that is replaced counts from then on.
    std::fs::write(bench.folder.path().join("token"), "open poppy").unwrap();
    check("/audit/locked", "authorization: Bearer open sesame\r\n", b"{}", 401, "");
    check("/audit/locked", "authorization: Bearer open poppy\r\n", b"{}", 200, "");
    wait_for("what is refused for its length to be raised", || {
        bench.receiver.alerts().iter().any(|alert| alert["rule"]["id"] == "oversized-record")
    });
    assert!(process.said().contains("was refused"), "{}", process.said());
}

#[test]
fn only_posts_are_taken() {
    let bench = Bench::new(PLAIN);
    let (_process, address) = bench.start();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /audit/prod HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let answer = answer(stream).unwrap();
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: post") && answer.body.contains("EventList"), "{answer:?}");
}

/// The events before and after are told of, the process lives, and nothing was refused.
fn survives(bench: &Bench, process: &Process, address: std::net::SocketAddr, bodies: &[Vec<u8>]) {
    let mut clock = Clock::now();
    for (n, body) in bodies.iter().enumerate() {
        let answer = post(address, "/audit/prod", body);
        assert_eq!(answer.status, 200, "a bad event is never the sender's to mend: body {n}: {answer:?}");
        let user = format!("after-{n}.");
        assert_eq!(post(address, "/audit/prod", list(&[Attack::by(&user, clock.next())])).status, 200);
    }
    for n in 0..bodies.len() {
        bench.receiver.wait_for(&format!("after-{n}."));
    }
    assert!(!process.said().contains("panicked"), "{}", process.said());
}

#[test]
fn hostile_bodies_are_kept_raised_and_cost_nobody_else() {
    let bench = Bench::new(PLAIN);
    let (process, address) = bench.start();
    let mut clock = Clock::now();
    let mut neighbour = |name: &str| Attack::by(name, clock.next()).trim().to_owned();
    let between = |left: String, bad: &str, right: String| {
        format!("{{\"kind\":\"EventList\",\"items\":[{left},{bad},{right}]}}").into_bytes()
    };
    let deep = format!("{{\"auditID\":\"x\",\"requestObject\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = vec![
        between(neighbour("one."), "{\"auditID\" 7}", neighbour("two.")),
        between(neighbour("three."), &deep, neighbour("four.")),
        between(neighbour("five."), "{\"auditID\":\"\u{0}\",\"verb\":\"\x1b[31m\"}", neighbour("six.")),
        format!("{{\"kind\":\"EventList\",\"items\":[{},{{\"auditID\":\"torn", neighbour("seven.")).into_bytes(),
        b"\xff\xfe\x00garbage".to_vec(),
        b"[[[[[[[[".repeat(10_000),
        b"{\"kind\":\"EventList\",\"items\":[]}".to_vec(),
        b"null".to_vec(),
        format!("{}\n{}\n", neighbour("eight."), neighbour("nine.")).into_bytes(),
    ];
    survives(&bench, &process, address, &bodies);
    for name in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] {
        bench.receiver.wait_for(&format!("{name}. from"));
    }
    wait_for("the unreadable to be raised", || {
        bench.receiver.alerts().iter().any(|alert| alert["rule"]["id"] == "unreadable-record")
    });
    assert!(bench.folder.kept().iter().any(|path| path.ends_with("quarantine.jsonl")));
}

#[test]
fn a_slow_sender_holds_up_nobody_and_half_a_body_is_none() {
    let bench = Bench::new(PLAIN);
    let (_process, address) = bench.start();
    let mut clock = Clock::now();
    let body = list(&[Attack::by("half", clock.next())]);
    let mut slow: Vec<_> = (0..50).map(|_| open(address, "/audit/prod", "", body.len())).collect();
    for stream in &mut slow {
        stream.write_all(&body.as_bytes()[..body.len() - 5]).unwrap();
    }
    assert_eq!(post(address, "/audit/prod", list(&[Attack::by("eve", clock.next())])).status, 200);
    bench.receiver.wait_for("eve");
    drop(slow);
    assert_eq!(post(address, "/audit/prod", list(&[Attack::by("mallory", clock.next())])).status, 200);
    bench.receiver.wait_for("mallory");
    assert!(!bench.receiver.has("half"));
}
