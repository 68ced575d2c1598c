//! Killed at random moments under load, with short and long times until the next start.

use std::time::{Duration, Instant};

use crate::lab::{Attack, Clock, Dice, Folder, Process, Receiver, wait_for};
use crate::ledger::{self, Life};
use crate::writer::Writer;

/// One time in so many it stays down until files are pruned.
const LONG_DOWN_EVERY: usize = 8;

/// After so many kills two hours pass in event time, and all that is open is closed.
const JUMP_EVERY: usize = 10;

#[test]
fn killed_at_random_it_loses_only_what_was_pruned_and_says_so() {
    let kills = std::env::var("GATECRIER_TEST_KILLS").map_or(25, |text| text.parse().unwrap());
    let mut dice = Dice::from_env("GATECRIER_TEST_SEED");
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    // A first start begins with the live file: it is made before anything can be rotated. It is not empty, for an
    // empty one cannot be recognised once it is compressed.
    let mut clock = Clock::now();
    folder.write(&Attack::harmless(clock.next()));
    let first = Process::start(&folder);
    wait_for("a position to be saved", || folder.state.join("snapshot-prod.b").exists());
    first.kill();
    let writer = Writer::start(&folder.log());
    let mut lives = Vec::new();
    for kill in 1..=kills {
        let (process, began) = (Process::start(&folder), Instant::now());
        // Some die while they start, some in the middle of their work.
        std::thread::sleep(if dice.below(4) == 0 { dice.millis(0, 300) } else { dice.millis(300, 2500) });
        process.kill();
        lives.push(Life { began, ended: Instant::now() });
        if kill % JUMP_EVERY == 0 {
            writer.jump(7200);
        }
        let long = kill % LONG_DOWN_EVERY == 0;
        std::thread::sleep(if long { dice.millis(4500, 6500) } else { dice.millis(0, 600) });
    }
    let (process, began) = (Process::start(&folder), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let written = writer.finish();
    clock.skip_seconds((7200 + 60) * kills as i64);
    folder.write(&Attack::by("last", clock.next()));
    receiver.wait_for("last");
    lives.push(Life { began, ended: Instant::now() });
    drop(process);
    let alerts: Vec<_> =
        receiver.alerts().into_iter().filter(|alert| alert["subject"] != "last from 10.99.0.5").collect();
    println!("{kills} kills");
    ledger::check(&written, &lives, &alerts);
    let gaps = alerts.iter().filter(|alert| alert["rule"]["id"] == "log-gap").count();
    assert!(kills < LONG_DOWN_EVERY || gaps > 0, "it was down for so long that files were pruned");
}
