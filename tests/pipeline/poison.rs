//! Records that stop the analysis: one that panics, and one that kills the process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use gatecrier::analyze::Analyzer;
use gatecrier::batch::ClusterId;
use gatecrier::config::Config;
use gatecrier::detect::{self, Detector, Findings, Rule};
use gatecrier::enrich::Facts;
use gatecrier::metrics::Metrics;
use gatecrier::pipeline;
use gatecrier::server::Readiness;
use tokio_util::sync::CancellationToken;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};

/// Names the folder for a copy of this test that is to die.
const CHILD: &str = "GATECRIER_TEST_POISONED";

/// Panics at one record and aborts at another.
struct Fragile;

impl Detector for Fragile {
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    fn inspect(&self, facts: &Facts<'_, '_>, _: &mut Findings) {
        let uri = facts.event.request_uri().decode().into_owned();
        assert!(!uri.contains("poison=panic"), "as the test wants it");
        if uri.contains("poison=abort") {
            std::process::abort();
        }
    }
}

fn fragile(config: &Config, cluster: &ClusterId) -> anyhow::Result<Analyzer> {
    let mut detectors = detect::built_in(&config.detection);
    detectors.push(Box::new(Fragile));
    Ok(Analyzer::new(cluster.clone(), pipeline::enricher(config)?, detectors))
}

/// Watches until `stop`.
fn watch(config: &Path, stop: CancellationToken) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(pipeline::run(config, fragile, Metrics::new(), Readiness::new(), stop))
}

/// Attacks with one poisoned record, or several, among them.
fn log(poison: &str, clock: &mut Clock) -> String {
    let uri = format!("/api/v1/namespaces/prod/secrets/db?{poison}");
    let poisoned = |clock: &mut Clock| Attack { uri: &uri, user: "poisoner", ..Attack::default() }.line(clock.next());
    let before = Attack::by("before", clock.next());
    let (first, between) = (poisoned(clock), Attack::by("between", clock.next()));
    [before, first, between, poisoned(clock), Attack::by("after", clock.next())].concat()
}

/// Every innocent neighbour is told of, the poisoned records are raised once and kept, and nobody else is.
fn check(receiver: &Receiver, folder: &Folder) {
    receiver.wait_for("after from");
    wait_for("the poison to be raised", || {
        receiver.alerts().iter().any(|alert| alert["rule"]["id"] == "poison-record")
    });
    let mut subjects = receiver.subjects();
    subjects.sort();
    let source = format!("file:{}", folder.log().display());
    let outside = |user| format!("{user} from 10.99.0.5");
    assert_eq!(subjects, [outside("after"), outside("before"), outside("between"), source]);
    assert_eq!(receiver.newest().len(), 4, "one id for each");
    let kept = fs::read_to_string(folder.state.join("quarantine.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert!(kept.lines().all(|line| line.contains(r#""reason":"poison""#) && line.contains("poisoner")), "{kept}");
}

#[test]
fn a_record_that_panics_is_passed_and_raised_and_the_process_lives() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&log("poison=panic", &mut clock));
    let (stop, config) = (CancellationToken::new(), folder.config());
    let watching = std::thread::spawn({
        let stop = stop.clone();
        move || watch(&config, stop)
    });
    check(&receiver, &folder);
    folder.write(&Attack::by("later", clock.next()));
    receiver.wait_for("later");
    stop.cancel();
    watching.join().unwrap().unwrap();
}

/// This test again, as a process of its own that watches until it dies or is killed.
fn poisoned_child(folder: &Folder) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "poison::a_record_that_kills_the_process_is_passed_after_a_few_starts"]);
    command.env(CHILD, folder.config()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn a_record_that_kills_the_process_is_passed_after_a_few_starts() {
    if let Some(config) = std::env::var_os(CHILD) {
        return watch(Path::new(&config), CancellationToken::new()).unwrap();
    }
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let mut clock = Clock::now();
    folder.write(&log("poison=abort", &mut clock));
    let mut starts = 1;
    let mut child = poisoned_child(&folder);
    wait_for("the poison to be passed", || {
        if child.try_wait().unwrap().is_some() {
            starts += 1;
            child = poisoned_child(&folder);
        }
        receiver.has("after from")
    });
    assert!((4..=10).contains(&starts), "{starts} starts for two records");
    check(&receiver, &folder);
    folder.write(&Attack::by("later", clock.next()));
    receiver.wait_for("later");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn whoever_is_killed_again_and_again_passes_nothing() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let (mut clock, mut users) = (Clock::now(), 0);
    // Far more starts than it takes to become careful, each of them killed at work.
    for _ in 0..8 {
        let process = Process::start(&folder);
        let first = format!("eve-{users} ");
        wait_for("an alert of this life", || {
            let lines = Attack::by(&format!("eve-{users}"), clock.next()) + &Attack::harmless(clock.next()).repeat(10);
            folder.write(&lines);
            users += 1;
            receiver.has(&first)
        });
        process.kill();
    }
    folder.write(&Attack::by("last", clock.next()));
    let _process = Process::start(&folder);
    receiver.wait_for("last");
    let subjects = receiver.subjects();
    assert_eq!(subjects.len(), users + 1, "everybody is told of, and no record is called poison");
}
