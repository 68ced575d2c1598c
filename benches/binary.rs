//! The whole program: its memory when idle and after many events, and the time from a line to the webhook's receipt.
//!
//! `GATECRIER_EVENTS` says how many events; ten million take some minutes, and about 300 MB of disk at a time.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

// Each bench uses its part of it.
#[allow(dead_code)]
mod program;
mod quiet;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use program::{Program, Receiver};
use quiet::{Log, postpone};

const IDLE_MB_MAX: f64 = 25.0;
const BUSY_MB_MAX: f64 = 80.0;
const LATENCY_P99_MAX: Duration = Duration::from_millis(20);

/// The log is rotated when it has so many bytes.
const FILE_BYTES_MAX: u64 = 100_000_000;

/// Background events a second while latency is measured, in steps.
const BACKGROUND: usize = 2_000;
const STEP: Duration = Duration::from_millis(5);

/// Steps from one attack to the next, and how many attacks.
const STEPS_AN_ATTACK: usize = 10;
const ATTACKS: usize = 600;

fn open(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).unwrap()
}

/// Writes the quiet log day after day, as fast as it is read, with rotation.
fn write_days(log: &Log, program: &Program, events: u64) {
    let mut bytes = log.chunks().collect::<Vec<_>>().concat();
    let (mut file, mut written, mut read, mut rotated) = (open(&program.log), 0, 0, 0u64);
    while read < events {
        file.write_all(&bytes).unwrap();
        postpone(&mut bytes, 1);
        written += bytes.len() as u64;
        read += log.events;
        if written < FILE_BYTES_MAX {
            continue;
        }
        program.wait_until_read(read);
        let backup = |number: u64| program.log.with_file_name(format!("audit-2026-11-22T00-00-00.{number:03}.log"));
        std::fs::rename(&program.log, backup(rotated)).unwrap();
        if let Some(older) = rotated.checked_sub(1) {
            std::fs::remove_file(backup(older)).unwrap();
        }
        (file, written, rotated) = (open(&program.log), 0, rotated + 1);
    }
    program.wait_until_read(read);
}

/// The line with the present time, and as another request than any before.
fn now(line: &[u8], number: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let now = format!("{:.6}", jiff::Timestamp::now());
    let mut event: serde_json::Value = serde_json::from_str(&text).unwrap();
    event["auditID"] = format!("{number:08x}-0000-4000-8000-000000000000").into();
    event["requestReceivedTimestamp"] = now.clone().into();
    event["stageTimestamp"] = now.into();
    format!("{event}\n").into_bytes()
}

/// A secret is read from outside, each time by somebody else.
fn attack(number: usize) -> Vec<u8> {
    let line = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"","stage":"ResponseComplete",
        "requestURI":"/api/v1/namespaces/shop/secrets/db","verb":"get","user":{{"username":"stranger-{number}-","groups":[
        "system:authenticated"]}},"sourceIPs":["192.0.2.{}"],"userAgent":"curl/8","objectRef":{{"resource":"secrets",
        "namespace":"shop","name":"db","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":200}}}}"#,
        number % 250
    );
    now(line.as_bytes(), number)
}

/// Writes background and attacks; how long each attack took to the receiver, shortest first.
fn latencies(log: &Log, program: &Program, receiver: &Receiver) -> Vec<Duration> {
    let lines: Vec<_> = log.lines().collect();
    let mut background = lines.iter().cycle().enumerate();
    let mut file = open(&program.log);
    let mut written = Vec::new();
    let begun = Instant::now();
    for step in 1..=ATTACKS * STEPS_AN_ATTACK {
        let per_step = BACKGROUND * STEP.as_millis() as usize / 1000;
        let lines: Vec<_> = background.by_ref().take(per_step).map(|(at, line)| now(line, 1_000_000 + at)).collect();
        file.write_all(&lines.concat()).unwrap();
        if step % STEPS_AN_ATTACK == 0 {
            let attack = attack(written.len());
            written.push(Instant::now());
            file.write_all(&attack).unwrap();
        }
        std::thread::sleep((begun + STEP * step as u32).saturating_duration_since(Instant::now()));
    }
    let received = (0..ATTACKS).map(|number| receiver.wait_for(&format!("stranger-{number}-")));
    let mut took: Vec<_> = received.zip(&written).map(|(received, written)| received - *written).collect();
    took.sort();
    took
}

fn main() {
    let events = std::env::var("GATECRIER_EVENTS").map_or(2_000_000, |events| events.parse().unwrap());
    let [_, log] = Log::both();
    let receiver = Receiver::listen();
    let program = Program::start(&receiver);
    let idle = program.memory();
    println!("{:44}{:>10}{:>10}", "", "measured", "at most");
    println!("{:44}{:>7.1} MB{:>7.0} MB", "memory, idle", idle.now, IDLE_MB_MAX);
    let begun = Instant::now();
    write_days(&log, &program, events);
    let speed = events as f64 / begun.elapsed().as_secs_f64();
    let busy = program.memory();
    println!("{:44}{:>7.1} MB{:>7.0} MB", format!("memory, after {events} events"), busy.now, BUSY_MB_MAX);
    println!("{:44}{:>7.1} MB", "memory, most", busy.most);
    println!("{:44}{:>10.0}", "events a second, written, rotated and read", speed);
    drop(program);
    let program = Program::start(&receiver);
    let took = latencies(&log, &program, &receiver);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!("{:44}{:>7.1} ms", "from a line to the webhook, median", at(0.5).as_secs_f64() * 1e3);
    let most = LATENCY_P99_MAX.as_millis();
    println!("{:44}{:>7.1} ms{most:>7} ms", "from a line to the webhook, p99", at(0.99).as_secs_f64() * 1e3);
    println!("{:44}{:>7.1} ms", "from a line to the webhook, longest", at(1.0).as_secs_f64() * 1e3);
    assert!(idle.now <= IDLE_MB_MAX && busy.now <= BUSY_MB_MAX, "too much memory");
    assert!(at(0.99) <= LATENCY_P99_MAX, "too slow");
}
