//! Routes: who is told what, many alerts as one, and what is held across a kill.

use std::collections::BTreeSet;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};

fn sinks(receivers: [&Receiver; 2], route: &str) -> String {
    let [all, routed] = receivers.map(|receiver| receiver.address);
    format!(
        "{{ webhook: {{ all: {{ url: \"http://{all}/\" }}, routed: {{ url: \"http://{routed}/\", route: {route} }} }} }}"
    )
}

/// Not so grave that nothing holds it.
fn mild(folder: &Folder, clock: &mut Clock, users: std::ops::Range<usize>) {
    let line = |number: usize| {
        let user = format!("eve-{number}");
        Attack { user: &user, uri: "/api/v1/namespaces/prod/pods/db", ..Attack::default() }.line(clock.next())
    };
    folder.write(&users.map(line).collect::<String>());
}

fn attack(folder: &Folder, clock: &mut Clock, users: std::ops::Range<usize>) {
    folder.write(&users.map(|number| Attack::by(&format!("eve-{number}"), clock.next())).collect::<String>());
}

#[test]
fn a_flood_is_one_message_with_counts() {
    let receivers = [Receiver::start(), Receiver::start()];
    let folder = Folder::new(&sinks([&receivers[0], &receivers[1]], "{ group: { window: 2s, most: 5 } }"));
    let mut clock = Clock::now();
    let _process = Process::start(&folder);
    attack(&folder, &mut clock, 0..60);
    wait_for("every alert where they are not counted", || receivers[0].subjects().len() >= 60);
    wait_for("the counts", || !receivers[1].alerts().is_empty());
    let told: u64 = receivers[1].alerts().iter().map(|alert| alert["count"].as_u64().unwrap()).sum();
    assert!(receivers[1].alerts().len() < 20 && told > 5, "{} alerts told {told}", receivers[1].alerts().len());
    let counts = |alert: &serde_json::Value| alert["rule"]["id"] == "flood" && alert["severity"] == "critical";
    assert!(receivers[1].alerts().iter().any(counts));
}

#[test]
fn what_waits_for_others_is_not_lost_by_a_kill() {
    let receivers = [Receiver::start(), Receiver::start()];
    let waiting = sinks([&receivers[0], &receivers[1]], "{ group: { window: 1h, most: 100 } }");
    let folder = Folder::new(&waiting);
    let mut clock = Clock::now();
    for round in 0..3 {
        let process = Process::start(&folder);
        mild(&folder, &mut clock, round * 10..(round + 1) * 10);
        receivers[0].wait_for(&format!("eve-{} ", (round + 1) * 10 - 1));
        process.kill();
    }
    assert!(receivers[1].alerts().is_empty(), "they were to wait");
    folder.configure("", &sinks([&receivers[0], &receivers[1]], "{ group: { window: 0s, most: 100 } }"));
    let _process = Process::start(&folder);
    let all = || receivers[0].subjects().into_iter().collect::<BTreeSet<_>>();
    wait_for("all that waited", || receivers[1].subjects().into_iter().collect::<BTreeSet<_>>() == all());
    assert!(all().len() >= 30);
}

#[test]
fn quiet_hours_hold_mild_alerts_and_a_kill_loses_none() {
    let receivers = [Receiver::start(), Receiver::start()];
    let always = "{ quiet: { from: \"00:00\", to: \"00:00\" } }";
    let folder = Folder::new(&sinks([&receivers[0], &receivers[1]], always));
    let mut clock = Clock::now();
    let process = Process::start(&folder);
    mild(&folder, &mut clock, 0..3);
    receivers[0].wait_for("eve-2 ");
    process.kill();
    assert!(receivers[1].alerts().is_empty());
    folder.configure("", &sinks([&receivers[0], &receivers[1]], "{ namespaces: [\"*\"] }"));
    let _process = Process::start(&folder);
    receivers[1].wait_for("eve-2 ");
    assert_eq!(receivers[1].subjects(), receivers[0].subjects());
}
