//! Several clusters and several sources in one process.

use crate::lab::poster::post;
use crate::lab::{Attack, Clock, wait_for};
use crate::{Bench, list};

/// Each alert's subject, cluster and count.
fn told(bench: &Bench) -> Vec<String> {
    let line = |alert: serde_json::Value| {
        format!("{} {} {}", alert["cluster"].as_str().unwrap(), alert["subject"].as_str().unwrap(), alert["count"])
    };
    let mut told: Vec<_> = bench.receiver.newest().into_values().map(line).collect();
    told.sort();
    told
}

#[test]
fn each_cluster_is_judged_by_itself_and_named_by_the_configuration() {
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", clusters: { eu: {}, us: {} } } }, \
         old: { cluster: attic, file: { path: log/audit.log, poll_ms: 20 } } }",
    );
    let mut clock = Clock::now();
    let attack = Attack { more: ",\"cluster\":\"eu\",\"annotations\":{\"cluster\":\"eu\"}", ..Attack::default() };
    let event = attack.line(clock.next());
    bench.folder.write(&event);
    let (process, address) = bench.start();
    for cluster in ["eu", "us"] {
        assert_eq!(post(address, &format!("/audit/{cluster}"), list(std::slice::from_ref(&event))).status, 200);
    }
    let expected = ["attic eve from 10.99.0.5 1", "eu eve from 10.99.0.5 1", "us eve from 10.99.0.5 1"];
    wait_for("the same event of three clusters", || told(&bench) == expected);
    wait_for("all to be ready", || process.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(process.terminate().0.success());
    for cluster in ["eu", "us", "attic"] {
        assert!(bench.folder.state.join(format!("snapshot-{cluster}.a")).exists(), "{cluster} has no memory");
    }
    let (_process, address) = bench.start();
    let again = Attack::by("eve", clock.next());
    assert_eq!(post(address, "/audit/us", list(&[event, again])).status, 200);
    let expected = ["attic eve from 10.99.0.5 1", "eu eve from 10.99.0.5 1"];
    bench.folder.write(&Attack::by("mallory", clock.next()));
    bench.receiver.wait_for("mallory");
    assert_eq!(told(&bench)[1..3], ["attic mallory from 10.99.0.5 1", expected[1]]);
    assert_eq!(bench.receiver.newest().len(), 4, "the repeat in us counts, and founds nothing");
}
