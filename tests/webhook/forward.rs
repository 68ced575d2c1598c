//! Gatecriers that carry to one that thinks.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::lab::poster::post;
use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};
use crate::{Bench, list};

const SERVERS: [&str; 3] = ["cp-1", "cp-2", "cp-3"];

/// A folder with one server's log, that is carried to this address.
fn carrier(address: SocketAddr, path: &str) -> Folder {
    let folder = Folder::new("{}");
    let forward = format!("forward: {{ url: \"http://{address}/audit/{path}\" }}\n");
    let config = std::fs::read_to_string(folder.config()).unwrap();
    std::fs::write(folder.config(), config + &forward).unwrap();
    folder
}

fn thinker() -> Bench {
    Bench::new("{ api: { webhook: { listen: \"127.0.0.1:0\", clusters: { prod: { senders: [cp-1, cp-2, cp-3] } } } } }")
}

/// Subject and count by the alert's id.
fn told(receiver: &Receiver) -> BTreeMap<String, (String, u64)> {
    let entry = |(id, alert): (String, serde_json::Value)| {
        (id, (alert["subject"].as_str().unwrap().to_owned(), alert["count"].as_u64().unwrap()))
    };
    receiver.newest().into_iter().map(entry).collect()
}

/// Three hours of requests by a few, and then somebody last, with whom all before are closed and their counts told.
fn log() -> Vec<String> {
    let mut clock = Clock::now();
    clock.skip_seconds(-5 * 3600);
    let mut lines = Vec::new();
    for n in 0..900 {
        clock.skip_seconds(12);
        lines.push(Attack::by(&format!("eve-{}.", n * n % 37), clock.next()));
    }
    clock.skip_seconds(4000);
    lines.push(Attack::by("last", clock.next()));
    lines
}

#[test]
fn one_attack_over_three_servers_of_which_one_is_behind_gives_the_alerts_of_the_one_file() {
    let log = log();
    let single = Receiver::start();
    let folder = Folder::telling(single.address);
    folder.write(&log.concat());
    let _process = Process::start(&folder);
    single.wait_for("last");
    let expected = told(&single);
    assert!(expected.len() > 19 && expected.values().any(|(_, count)| *count > 10), "{expected:?}");

    let bench = thinker();
    let (_thinking, address) = bench.start();
    let carriers = SERVERS.map(|server| carrier(address, &format!("prod/{server}")));
    for (n, line) in log.iter().enumerate() {
        // The last word is for the first server, so that it is the others who are behind it.
        let to = if n + 1 == log.len() { 0 } else { n * n % 7 % 3 };
        carriers[to].write(line);
    }
    let mut carrying: Vec<_> = carriers[..2].iter().map(Process::forward).collect();
    for process in &carrying {
        wait_for("two servers' logs to be carried", || process.total("gatecrier_forwarded_events_total") > 100.0);
    }
    // The third one begins when the others have told everything: it has hours to catch up.
    carrying.push(Process::forward(&carriers[2]));
    bench.receiver.wait_for("last");
    wait_for("the same alerts as of the one file", || told(&bench.receiver) == expected);
}

#[test]
fn a_forwarder_loses_nothing_to_kills_and_outages_and_says_nothing_twice() {
    let bench = Bench::new("{ api: { webhook: { listen: \"127.0.0.1:0\" } } }");
    let (process, address) = bench.start();
    process.kill();
    let fixed = std::fs::read_to_string(bench.folder.config()).unwrap();
    std::fs::write(
        bench.folder.config(),
        fixed.replace("listen: \"127.0.0.1:0\" } }", &format!("listen: \"{address}\" }} }}")),
    )
    .unwrap();
    let folder = carrier(address, "prod");
    let mut clock = Clock::now();
    let mut users = Vec::new();
    let mut write = |folder: &Folder| {
        let user = format!("eve-{}.", users.len());
        folder.write(&Attack::by(&user, clock.next()));
        users.push(user);
    };
    write(&folder);
    // Nobody is there: it waits.
    let carrying = Process::forward(&folder);
    wait_for("an attempt", || carrying.total("gatecrier_forward_requests_total{result=\"failed\"") > 0.0);
    wait_for("it to be not ready", || carrying.get("/readyz").contains("events are not taken"));
    carrying.kill();
    for round in 0..4 {
        let (thinking, _) = bench.start();
        let carrying = Process::forward(&folder);
        (0..5).for_each(|_| write(&folder));
        if round % 2 == 0 {
            wait_for("some to be carried", || carrying.total("gatecrier_forwarded_events_total") > 2.0);
        }
        carrying.kill();
        thinking.kill();
    }
    let (thinking, _) = bench.start();
    let carrying = Process::forward(&folder);
    write(&folder);
    for user in &users {
        bench.receiver.wait_for(user);
    }
    let newest = bench.receiver.newest();
    assert_eq!(newest.len(), users.len(), "{:?}", bench.receiver.subjects());
    assert!(newest.values().all(|alert| alert["count"] == 1), "{newest:?}");
    assert!(carrying.terminate().0.success() && thinking.terminate().0.success());
    let _thinking = bench.start();
    let carrying = Process::forward(&folder);
    wait_for("it to say how it stands", || carrying.total("gatecrier_forward_requests_total{result=\"ok\"") > 0.0);
    wait_for("it to be ready", || carrying.get("/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(carrying.total("gatecrier_forwarded_events_total"), 0.0, "what was taken is not sent again");
}

#[test]
fn what_is_no_event_and_what_is_lost_is_told_of_at_the_other_end() {
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", body_bytes_max: 20000, memory_bytes_max: 60000, spool_bytes_max: 2MiB } } }",
    );
    let (_thinking, address) = bench.start();
    let folder = carrier(address, "prod");
    let mut clock = Clock::now();
    let long = Attack { user: "long", more: &format!(",\"x\":\"{}\"", "y".repeat(30_000)), ..Attack::default() };
    folder.write(&Attack::by("before", clock.next()));
    folder.write("{\"kind\":\"Event\",\"torn\n");
    folder.write(&long.line(clock.next()));
    folder.write(&(0..200).map(|n| Attack::by(&format!("eve-{n}."), clock.next())).collect::<String>());
    let _carrying = Process::forward(&folder);
    bench.receiver.wait_for("eve-199.");
    bench.receiver.wait_for("before");
    let raised = |rule: &str| bench.receiver.alerts().iter().any(|alert| alert["rule"]["id"] == rule);
    wait_for("the torn line", || raised("unreadable-record"));
    wait_for("the event that is too long for the receiver", || raised("oversized-record"));
    // As an administrator would without knowing better.
    std::fs::File::options().write(true).open(folder.log()).unwrap().set_len(0).unwrap();
    folder.write(&Attack::by("after", clock.next()));
    bench.receiver.wait_for("after");
    wait_for("the log that was cut short", || raised("log-truncated"));
}

#[test]
fn a_wrong_address_is_told_and_waits() {
    let bench = Bench::new("{ api: { webhook: { listen: \"127.0.0.1:0\" } } }");
    let (_thinking, address) = bench.start();
    let folder = carrier(address, "nobody");
    folder.write(&Attack::by("eve", Clock::now().next()));
    let carrying = Process::forward(&folder);
    wait_for("it to say so", || carrying.said().contains("answered 404"));
    assert_eq!(post(address, "/audit/prod", list(&[])).status, 200);
    assert_eq!(bench.receiver.alerts().len(), 0);
}
