//! A hundred thousand named networks cost about as much as ten.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod quiet;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use gatecrier::config::Config;
use gatecrier::enrich::trust::Trust;
use gatecrier::pipeline;
use quiet::{Log, analyze, cpu_time};

const FEW: u32 = 10;
const MANY: u32 = 100_000;

/// How many times the few the many may cost, of the whole analysis.
const MOST: f64 = 1.2;

/// Rounds, of which the medians are compared.
const ROUNDS: usize = 15;

/// Addresses looked up in a round, spread over all there are.
const LOOKUPS: u32 = 1_000_000;

/// The lab's networks, and so many more, each with a /27 of its own.
fn config(folder: &Path, entries: u32) -> Config {
    let list = folder.join(format!("{entries}.txt"));
    let cidrs: Vec<_> = (0..entries).map(|at| format!("{}/27", Ipv4Addr::from((at + 0x0020_0000) << 8))).collect();
    std::fs::write(&list, cidrs.join("\n")).unwrap();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab.yaml");
    let lab = std::fs::read_to_string(lab).unwrap();
    let text = lab.replacen("networks:\n", &format!("networks:\n  more: {{ files: [{list:?}] }}\n"), 1);
    let with_more = folder.join(format!("{entries}.yaml"));
    std::fs::write(&with_more, text).unwrap();
    Config::load_without_sources(&with_more).unwrap()
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = cpu_time();
    work();
    cpu_time() - begun
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64
}

/// Times both in turns, so that a busy machine is equally unkind to them: nanoseconds of a round.
fn compare(mut one: impl FnMut(i64), mut other: impl FnMut(i64)) -> [f64; 2] {
    let rounds = (0..).take(ROUNDS).map(|round| (timed(|| one(round)), timed(|| other(round))));
    let (few, many): (Vec<_>, Vec<_>) = rounds.unzip();
    [median(few), median(many)]
}

fn look_up(trust: &Trust) {
    for at in 0..LOOKUPS {
        let address = IpAddr::from(at.wrapping_mul(0x9e37_79b9).to_be_bytes());
        black_box(trust.zone(address));
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let configs = [FEW, MANY].map(|entries| config(folder.path(), entries));
    let [few, many] = configs.each_ref().map(|config| pipeline::enricher(config).unwrap());
    let bare = compare(|_| look_up(few.trust()), |_| look_up(many.trust()));
    println!("{:24}{:>10}{:>10}{:>8}", "ns", FEW, MANY, "ratio");
    let [few, many] = bare.map(|time| time / f64::from(LOOKUPS));
    println!("{:24}{few:>10.1}{many:>10.1}{:>8.2}", "a lookup", many / few);
    for log in Log::both() {
        let days: Vec<_> = (0..).take(ROUNDS).map(|days| log.after_days(days)).collect();
        let [mut few, mut many] = configs.each_ref().map(|config| pipeline::analyzer(config).unwrap());
        let [few, many] = compare(
            |day| days[day as usize].batches.iter().for_each(|batch| drop(analyze(&mut few, batch))),
            |day| days[day as usize].batches.iter().for_each(|batch| drop(analyze(&mut many, batch))),
        );
        let [few, many] = [few, many].map(|time| time / log.events as f64);
        println!("{:24}{few:>10.0}{many:>10.0}{:>8.2}", format!("an event, {}", log.name), many / few);
        assert!(many / few < MOST, "{MANY} networks cost more than {MOST} times {FEW}");
    }
}
