//! Logs in memory, and an analysis that reads several of them side by side.

// Each test takes what it needs of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use gatecrier::alert::Alert;
use gatecrier::analyze::{Analyzer, Merge, Output};
use gatecrier::batch::{Batch, ClusterId, Framing, Input, Place, Position, SourceId};

/// A file of `tests/data`.
pub fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A log of `tests/data`.
pub fn log(name: &str) -> Vec<u8> {
    unzip(data(name).as_ref())
}

/// The bytes of a compressed file.
pub fn unzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

fn batch(source: &str, bytes: &[u8], start: usize, at_end: bool) -> Input {
    let source = SourceId::new(source);
    Input::Batch(Batch {
        envelope: gatecrier::batch::Envelope::default(),
        start: Place { name: source.shared(), offset: start as u64 },
        cluster: ClusterId::new("lab"),
        bytes: Bytes::copy_from_slice(bytes),
        framing: Framing::Lines,
        upto: Position::new((start + bytes.len()).to_string()),
        source,
        at_end,
    })
}

/// Cuts a log into batches of so many lines each.
pub fn cut(source: &str, log: &[u8], lines: usize) -> Vec<Input> {
    let all: Vec<_> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let count = all.chunks(lines).count();
    let mut start = 0;
    let pieces = all.chunks(lines).enumerate();
    pieces
        .map(|(at, piece)| {
            let bytes = piece.concat();
            start += bytes.len();
            batch(source, &bytes, start - bytes.len(), at + 1 == count)
        })
        .collect()
}

/// Runs the logs side by side to their ends, in the turns given; the last revisions by id.
pub fn run(
    analyzer: &mut Analyzer,
    logs: Vec<Vec<Input>>,
    mut turn: impl FnMut(usize) -> usize,
) -> BTreeMap<String, Alert> {
    let mut merge = Merge::default();
    for log in &logs {
        merge.announce(log[0].source().clone(), None);
    }
    let mut logs: Vec<_> = logs.into_iter().map(|log| log.into_iter().peekable()).collect();
    let mut alerts = BTreeMap::new();
    loop {
        let ready: Vec<_> = (0..logs.len()).filter(|at| logs[*at].peek().is_some()).collect();
        if let Some(next) = (!ready.is_empty()).then(|| ready[turn(ready.len()) % ready.len()]) {
            merge.offer(logs[next].next().unwrap(), ());
        }
        while let Some((input, ())) = merge.take() {
            let mut out = Output::default();
            analyzer.analyze(&input, &mut out);
            merge.progressed(input.source(), analyzer.newest(input.source()));
            analyzer.settle(merge.horizon(), 0.0, &mut out);
            alerts.extend(out.alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
        }
        if ready.is_empty() {
            break;
        }
    }
    let mut out = Output::default();
    analyzer.finish(&mut out);
    alerts.extend(out.alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
    alerts
}
