//! Logs of the quiet life, in memory, and a clock that other programs on the machine do not disturb.

// Each bench takes what it needs of this.
#![allow(dead_code)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use gatecrier::analyze::{Analyzer, Output};
use gatecrier::batch::{Batch, ClusterId, Envelope, Framing, Input, Place, Position, SourceId};
use gatecrier::config::Config;
use gatecrier::event::Timestamp;
use gatecrier::pipeline;
use jiff::ToSpan;
use jiff::civil::Date;
use rustix::time::{ClockId, clock_gettime};

/// Bytes of a batch, about; a source reads no more at once.
const BATCH_BYTES: usize = 1 << 20;

/// A log, cut into batches.
pub struct Log {
    /// What it is called in results.
    pub name: &'static str,
    /// Its records.
    pub batches: Vec<Input>,
    /// Events in all of them.
    pub events: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Log {
    /// The two logs of the quiet life: with bodies, and at Metadata.
    pub fn both() -> [Self; 2] {
        [Self::read("bodies", "cp-1"), Self::read("metadata", "cp-2")]
    }

    fn read(name: &'static str, server: &str) -> Self {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path(server)).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        Self::of(name, &bytes)
    }

    /// A log of these lines.
    pub fn of(name: &'static str, lines: &[u8]) -> Self {
        let events = memchr::memchr_iter(b'\n', lines).count() as u64;
        Self { name, batches: cut(lines), events, bytes: lines.len() as u64 }
    }

    /// The same requests so many days later. A log that is read twice is not analyzed twice: its records are known.
    pub fn after_days(&self, days: i64) -> Self {
        let mut bytes = self.chunks().collect::<Vec<_>>().concat();
        postpone(&mut bytes, days);
        Self::of(self.name, &bytes)
    }

    /// Its lines.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks().flat_map(|chunk| chunk.split_inclusive(|byte| *byte == b'\n'))
    }

    /// The bytes of the batches.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|input| match input {
            Input::Batch(batch) => &*batch.bytes,
            Input::Notice(_) => &[],
        })
    }
}

/// The quiet log of an API server, or, where it is not at hand, the one with attacks in it that comes with the tests.
fn path(server: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("GATECRIER_SHARED").map(PathBuf::from);
    let mut near = here.ancestors().map(|folder| folder.join("shared"));
    let folder = shared.or_else(|| near.find(|shared| shared.join("audit-logs").is_dir()));
    let quiet = folder.map(|shared| shared.join(format!("audit-logs/quiet-{server}.log.gz")));
    quiet.filter(|quiet| quiet.is_file()).unwrap_or_else(|| {
        let attacks = here.join(format!("tests/data/attacks-{server}.log.gz"));
        eprintln!("no quiet log of {server} (set GATECRIER_SHARED): {} stands in for it", attacks.display());
        attacks
    })
}

/// Moves the times of all events by so many days.
pub fn postpone(lines: &mut [u8], days: i64) {
    const KEY: &[u8] = b"Timestamp\":\"";
    const DATE: usize = "2026-11-22".len();
    let places: Vec<_> = memchr::memmem::find_iter(lines, KEY).map(|at| at + KEY.len()).collect();
    for at in places {
        let Some(text) = lines.get_mut(at..at + DATE) else { continue };
        let date: Option<Date> = std::str::from_utf8(text).ok().and_then(|date| date.parse().ok());
        if let Some(later) = date.and_then(|date| date.checked_add(days.days()).ok()) {
            text.copy_from_slice(later.to_string().as_bytes());
        }
    }
}

fn cut(bytes: &[u8]) -> Vec<Input> {
    let source = SourceId::new("quiet");
    let mut batches = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let least = (start + BATCH_BYTES).min(bytes.len());
        let end = memchr::memchr(b'\n', &bytes[least..]).map_or(bytes.len(), |more| least + more + 1);
        batches.push(Input::Batch(Batch {
            envelope: Envelope::default(),
            source: source.clone(),
            cluster: ClusterId::new("lab"),
            bytes: Bytes::copy_from_slice(&bytes[start..end]),
            framing: Framing::Lines,
            start: Place { name: source.shared(), offset: start as u64 },
            upto: Position::new(end.to_string()),
            at_end: false,
        }));
        start = end;
    }
    batches
}

/// The networks of the cluster that wrote the logs, and no rules but the detectors' own.
pub fn config() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab.yaml");
    let mut config = Config::load_without_sources(&path).unwrap();
    config.rules.pack = false;
    config
}

/// Every detector and judge, with the networks of the cluster that wrote the logs.
pub fn analyzer() -> Analyzer {
    pipeline::analyzer(&config()).unwrap()
}

/// The whole analysis of one batch: the alerts that came of it.
pub fn analyze(analyzer: &mut Analyzer, input: &Input) -> Output {
    let mut out = Output::default();
    analyzer.analyze(input, &mut out);
    analyzer.settle(Timestamp::MAX, 0.0, &mut out);
    out
}

/// Time this thread has had a core to itself.
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}
