//! Allocations of the whole analysis: none for an event that nothing is found in and whose body nobody looks into.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod quiet;

use allocation_counter::measure;
use gatecrier::batch::Framing;
use gatecrier::decode::{Record, decode};
use gatecrier::detect::{self, Findings};
use gatecrier::enrich::field::Field;
use gatecrier::judge::anomaly;
use gatecrier::pipeline;
use quiet::{Log, analyze, analyzer, config};

/// Most allocations an event; a batch may have a few.
const MOST: f64 = 0.01;

/// The lines in which nothing is found or observed, and that write no workload. What a workload may do is worked out
/// from its body, which takes room; the rest of the lines must take none.
fn without_findings(log: &Log) -> Log {
    let mut enricher = pipeline::enricher(&config()).unwrap();
    let mut detectors = detect::built_in(&config().detection);
    detectors.push(anomaly::detector(&anomaly::built_in().unwrap()));
    let workload = Field::named("workload.kind").unwrap();
    let mut findings = Findings::outlines();
    let mut is_quiet = |line: &&[u8]| {
        let mut looked_into = false;
        decode(line, Framing::Lines, &mut |record| {
            if let Record::Event(event) = record {
                let facts = enricher.facts(&event);
                detectors.iter().for_each(|detector| detector.inspect(&facts, &mut findings));
                looked_into = workload.exists(&facts);
            }
        });
        let quiet = findings.is_empty() && !looked_into;
        drop((findings.take(), findings.take_observed()));
        quiet
    };
    let lines: Vec<_> = log.lines().filter(|line| is_quiet(line)).collect();
    Log::of(log.name, &lines.concat())
}

/// Allocations an event on the second day, when who and where are known.
fn on_the_second_day(log: &Log) -> f64 {
    let mut analyzer = analyzer();
    log.batches.iter().for_each(|batch| drop(analyze(&mut analyzer, batch)));
    let second = log.after_days(1);
    let counted = measure(|| second.batches.iter().for_each(|batch| drop(analyze(&mut analyzer, batch))));
    counted.count_total as f64 / log.events as f64
}

fn main() {
    println!("allocations an event, and events");
    for log in Log::both() {
        let quiet = without_findings(&log);
        let (all, none) = (on_the_second_day(&log), on_the_second_day(&quiet));
        println!(
            "  {:10} all {all:>8.4} {:>7}   without findings {none:>8.4} {:>7}",
            log.name, log.events, quiet.events
        );
        assert!(none < MOST, "an event that nothing is found in allocates");
    }
}
