//! Reads many logs as one: of all that are due, the piece with the oldest record goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};

use indicatif::ProgressBar;

use super::cut::{Cutter, Piece};
use super::files::Log;
use super::open::{Opened, open};
use crate::analyze::LATENESS_SECONDS;
use crate::batch::{Batch, ClusterId, Envelope, Input, Notice, Place, Position, SourceId};
use crate::event::Timestamp;

/// How far into a log we look for its first time, decompressed bytes. A log without a time there is read first.
const LOOK_BYTES: u64 = 1024 * 1024;

/// Most bytes between the name of a time and the time.
const LOOK_AROUND: usize = 32;

/// One log.
struct Stream {
    log: Log,
    source: SourceId,
    cutter: Option<Cutter<Opened>>,
    /// Read ahead, to know its time and whether it is the last.
    ahead: Option<io::Result<Piece>>,
}

/// Many logs as one.
pub struct Merge {
    streams: Vec<Stream>,
    /// When each stream's next piece begins.
    due: BinaryHeap<Reverse<(Timestamp, usize)>>,
    cluster: ClusterId,
    envelope: Envelope,
    bar: ProgressBar,
    /// What could not be read to its end, with the reason.
    pub failed: Vec<(String, io::Error)>,
}

impl Merge {
    /// Looks at the beginning of each log for its time.
    pub fn new(logs: Vec<Log>, cluster: ClusterId, envelope: Envelope, bar: ProgressBar) -> Self {
        let (streams, due, failed) = (Vec::new(), BinaryHeap::new(), Vec::new());
        let mut merge = Self { streams, due, cluster, envelope, bar, failed };
        for log in logs {
            let source = SourceId::new(match &log {
                Log::File(path) => format!("file:{}", path.display()),
                Log::Stdin => "stdin".to_owned(),
            });
            match first_time(&log) {
                Ok(time) => {
                    merge.due.push(Reverse((time, merge.streams.len())));
                    merge.streams.push(Stream { log, source, cutter: None, ahead: None });
                }
                Err(error) => merge.failed.push((source.to_string(), error)),
            }
        }
        merge
    }

    /// Event time that every log is past: the end of time once all have been read.
    pub fn horizon(&self) -> Timestamp {
        self.due.peek().map_or(Timestamp::MAX, |Reverse((oldest, _))| oldest.plus_seconds(-LATENESS_SECONDS))
    }

    /// The next input; nothing when all logs are at their ends.
    pub fn next(&mut self) -> Option<Input> {
        while let Some(Reverse((time, at))) = self.due.pop() {
            match self.streams[at].advance(&self.bar) {
                Ok(None) => {}
                Ok(Some(piece)) => {
                    let stream = &self.streams[at];
                    let last = !matches!(stream.ahead, Some(Ok(_)));
                    if let Some(ahead) = &stream.ahead {
                        let next = ahead.as_ref().ok().and_then(time_of).unwrap_or(time);
                        self.due.push(Reverse((next, at)));
                    }
                    return Some(input(piece, &stream.source, &self.cluster, &self.envelope, last));
                }
                Err(error) => self.failed.push((self.streams[at].source.to_string(), error)),
            }
        }
        None
    }
}

impl Stream {
    /// The next piece, with the one after it read ahead.
    ///
    /// # Errors
    /// The log cannot be opened, or not be read on. A piece in hand is given first.
    fn advance(&mut self, bar: &ProgressBar) -> io::Result<Option<Piece>> {
        let cutter = match &mut self.cutter {
            Some(cutter) => cutter,
            none => {
                let cutter = none.insert(Cutter::new(open(&self.log, bar)?));
                self.ahead = cutter.next().transpose();
                cutter
            }
        };
        let Some(piece) = self.ahead.take().transpose()? else { return Ok(None) };
        self.ahead = cutter.next().transpose();
        Ok(Some(piece))
    }
}

/// The time of a log's first record.
fn first_time(log: &Log) -> io::Result<Timestamp> {
    if *log == Log::Stdin {
        return Ok(Timestamp::MIN);
    }
    let mut head = Vec::new();
    let read = open(log, &ProgressBar::hidden())?.take(LOOK_BYTES).read_to_end(&mut head);
    // What is broken later is told when we get there.
    if head.is_empty() {
        read?;
    }
    Ok(time_in(&head).unwrap_or(Timestamp::MIN))
}

fn time_of(piece: &Piece) -> Option<Timestamp> {
    match piece {
        Piece::Records { bytes, .. } => time_in(bytes),
        Piece::Notice { .. } => None,
    }
}

/// The first stage time written in some records, in a text within JSON as well. Only the order of reading depends on
/// it, so it need not be exact.
fn time_in(records: &[u8]) -> Option<Timestamp> {
    let key = b"stageTimestamp";
    let after = &records[memchr::memmem::find(records, key)? + key.len()..];
    let around = |byte: &u8| byte.is_ascii_whitespace() || b"\\\":".contains(byte);
    let value = &after[after.iter().take(LOOK_AROUND).take_while(|byte| around(byte)).count()..];
    Timestamp::parse(&value[..memchr::memchr2(b'"', b'\\', value)?])
}

fn input(piece: Piece, source: &SourceId, cluster: &ClusterId, envelope: &Envelope, last: bool) -> Input {
    let (source, cluster) = (source.clone(), cluster.clone());
    let place = |offset| Place { name: source.shared(), offset };
    match piece {
        Piece::Records { bytes, framing, start } => {
            let upto = Position::new((start + bytes.len() as u64).to_string());
            let (start, envelope) = (place(start), envelope.clone());
            Input::Batch(Batch { source, cluster, bytes, framing, envelope, start, upto, at_end: last })
        }
        Piece::Notice { kind, start } => {
            let at = place(start);
            Input::Notice(Notice { source, cluster, at, upto: None, kind })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// A log with an event each of the given seconds.
    fn log(seconds: impl IntoIterator<Item = u32>) -> String {
        let filler = "x".repeat(1_000);
        let event = |second: u32| {
            let (minute, second) = (second / 60, second % 60);
            format!("{{\"b\":\"{filler}\",\"stageTimestamp\":\"2026-11-22T12:{minute:02}:{second:02}.000000Z\"}}\n")
        };
        seconds.into_iter().map(event).collect()
    }

    fn pack(text: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn write(folder: &Path, name: &str, bytes: &[u8]) -> Log {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        Log::File(path)
    }

    /// The file's name, the bytes and whether it is the last, of each batch.
    fn batches(merge: &mut Merge) -> Vec<(String, usize, bool)> {
        let name = |place: &str| place.rsplit('/').next().unwrap_or_default().to_owned();
        std::iter::from_fn(|| merge.next())
            .map(|input| match input {
                Input::Batch(batch) => (name(batch.source.as_str()), batch.bytes.len(), batch.at_end),
                Input::Notice(notice) => (name(notice.source.as_str()), 0, false),
            })
            .collect()
    }

    fn merge(logs: Vec<Log>) -> Merge {
        Merge::new(logs, ClusterId::new("test"), Envelope::default(), ProgressBar::hidden())
    }

    #[test]
    fn the_oldest_log_is_read_first_packed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let newest = write(folder.path(), "audit.log", log([30]).as_bytes());
        let oldest = write(folder.path(), "audit.log.2.gz", &pack(&log([10])));
        let two_members = [pack(&log([20])), pack(&log([21]))].concat();
        let middle = write(folder.path(), "no-gz-in-its-name.log", &two_members);
        let mut merge = merge(vec![newest, middle, oldest]);
        let names: Vec<_> = batches(&mut merge).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["audit.log.2.gz", "no-gz-in-its-name.log", "audit.log"]);
        assert!(merge.failed.is_empty());
    }

    #[test]
    fn logs_of_several_servers_are_read_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let even: Vec<u32> = (0..3_000).map(|second| second & !1).collect();
        let one = write(folder.path(), "one.log", log(even).as_bytes());
        let other = write(folder.path(), "other.log", log(0..3_000).as_bytes());
        let batches = batches(&mut merge(vec![one, other]));
        let turns = batches.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
        assert!(turns >= 4, "{batches:?}");
        let ends: Vec<_> = batches.iter().filter(|(_, _, last)| *last).map(|(name, ..)| name.as_str()).collect();
        assert_eq!(ends.len(), 2, "each log ends once: {batches:?}");
    }

    #[test]
    fn a_broken_log_is_read_as_far_as_it_goes_and_the_others_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut packed = pack(&log(0..3_000));
        packed.truncate(packed.len() - 20);
        let broken = write(folder.path(), "broken.log.gz", &packed);
        let zstd = write(folder.path(), "other.log", b"\x28\xb5\x2f\xfd....");
        let good = write(folder.path(), "good.log", log([40]).as_bytes());
        let mut merge = merge(vec![broken, zstd, Log::File(folder.path().join("gone.log")), good]);
        let batches = batches(&mut merge);
        let read: usize = batches.iter().filter(|(name, ..)| name == "broken.log.gz").map(|(_, bytes, _)| bytes).sum();
        assert!(read > 2_000_000, "{batches:?}");
        assert!(batches.iter().any(|(name, ..)| name == "good.log"));
        let failed: Vec<_> = merge.failed.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        assert_eq!(failed.len(), 3, "{failed:?}");
        assert!(failed.iter().any(|text| text.contains("zstd")), "{failed:?}");
    }
}
