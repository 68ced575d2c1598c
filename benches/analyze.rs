//! The whole analysis against typed `serde_json` decoding of the same bytes, and where its time goes.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod quiet;

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use gatecrier::batch::Framing;
use gatecrier::decode::{Record, decode};
use gatecrier::detect::{self, Findings};
use gatecrier::pipeline;
use quiet::{Log, analyze, analyzer, config, cpu_time};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the analysis reads of an event, borrowed from the line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Typed<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Cow<'a, str>,
    #[serde(borrow)]
    stage: Cow<'a, str>,
    #[serde(borrow, rename = "requestURI")]
    request_uri: Cow<'a, str>,
    #[serde(borrow)]
    verb: Cow<'a, str>,
    #[serde(borrow)]
    user: &'a RawValue,
    #[serde(borrow)]
    impersonated_user: Option<&'a RawValue>,
    #[serde(borrow, rename = "sourceIPs")]
    source_ips: Option<&'a RawValue>,
    #[serde(borrow)]
    user_agent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object_ref: Option<&'a RawValue>,
    #[serde(borrow)]
    response_status: Option<&'a RawValue>,
    #[serde(borrow)]
    request_object: Option<&'a RawValue>,
    #[serde(borrow)]
    response_object: Option<&'a RawValue>,
    #[serde(borrow)]
    request_received_timestamp: Cow<'a, str>,
    #[serde(borrow)]
    stage_timestamp: Cow<'a, str>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

fn typed(log: &Log) {
    for line in log.lines() {
        black_box(serde_json::from_slice::<Typed<'_>>(line).unwrap());
    }
}

fn decoded(log: &Log) {
    for chunk in log.chunks() {
        decode(chunk, Framing::Lines, &mut |record| {
            black_box(&record);
        });
    }
}

/// A way to go through a log.
type Way = (&'static str, Box<dyn FnMut(&Log)>);

/// From nothing but decoding to everything, each way with what the one before it does.
fn ways() -> [Way; 5] {
    let mut facts = pipeline::enricher(&config()).unwrap();
    let mut enricher = pipeline::enricher(&config()).unwrap();
    let detectors = detect::built_in(&config().detection);
    let mut whole = analyzer();
    [
        ("serde_json", Box::new(typed)),
        ("decode", Box::new(decoded)),
        (
            "facts",
            Box::new(move |log| {
                for chunk in log.chunks() {
                    decode(chunk, Framing::Lines, &mut |record| {
                        if let Record::Event(event) = record {
                            black_box(facts.facts(&event));
                        }
                    });
                }
            }),
        ),
        (
            "detectors",
            Box::new(move |log| {
                let mut findings = Findings::default();
                for chunk in log.chunks() {
                    decode(chunk, Framing::Lines, &mut |record| {
                        if let Record::Event(event) = record {
                            let facts = enricher.facts(&event);
                            detectors.iter().for_each(|detector| detector.inspect(&facts, &mut findings));
                            findings.take();
                        }
                    });
                }
            }),
        ),
        ("analyze", Box::new(move |log| log.batches.iter().for_each(|batch| drop(analyze(&mut whole, batch))))),
    ]
}

/// Rounds of the table. Each goes through all ways, so that a busy machine is equally unkind to all.
const ROUNDS: usize = 15;

/// Share of typed decoding's speed that the whole analysis must reach.
const FLOOR: f64 = 0.7;

/// Prints what each way takes in one run, and whether the floor is held.
fn table(log: &Log) -> bool {
    let mut ways = ways();
    let mut times = vec![[Duration::MAX; 5]; ROUNDS];
    for (days, round) in (0..).zip(&mut times) {
        let log = log.after_days(days);
        for ((_, way), time) in ways.iter_mut().zip(round) {
            let begun = cpu_time();
            way(&log);
            *time = cpu_time() - begun;
        }
    }
    let median = |way: usize| {
        let mut times: Vec<_> = times.iter().map(|round| round[way].as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    println!("{:12}{:>10}{:>14}{:>12}{:>8}   (medians of one run)", log.name, "MB/s", "events/s", "ns/event", "ratio");
    for (at, (name, _)) in ways.iter().enumerate() {
        let (time, events) = (median(at), log.events as f64);
        let (speed, ratio) = (log.bytes as f64 / time / 1e6, median(0) / time);
        println!("  {name:10}{speed:>10.0}{:>14.0}{:>12.0}{ratio:>8.2}", events / time, time * 1e9 / events);
    }
    median(0) / median(4) >= FLOOR
}

fn benches(criterion: &mut Criterion<CpuTime>, log: &Log) {
    let mut group = criterion.benchmark_group(log.name);
    group.throughput(Throughput::ElementsAndBytes { elements: log.events, bytes: log.bytes });
    for (name, mut way) in ways() {
        let mut days = 0;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let round = |_| {
                    days += 1;
                    let log = log.after_days(days);
                    let begun = cpu_time();
                    way(&log);
                    cpu_time() - begun
                };
                (0..rounds).map(round).sum()
            });
        });
    }
}

/// Measures the time of our thread, not of the world.
struct CpuTime(WallTime);

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu_time()
    }

    fn end(&self, begun: Duration) -> Duration {
        cpu_time() - begun
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}

fn main() {
    let logs = Log::both();
    let mut criterion = Criterion::default().with_measurement(CpuTime(WallTime)).sample_size(20).configure_from_args();
    logs.iter().for_each(|log| benches(&mut criterion, log));
    criterion.final_summary();
    let held = logs.map(|log| table(&log));
    assert!(held.iter().all(|held| *held), "the whole analysis is slower than {FLOOR} of typed decoding");
}
