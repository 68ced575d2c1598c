//! The file source against files as an API server, logrotate and accidents leave them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gatecrier::batch::{ClusterId, Input, NoticeKind, Position};
use gatecrier::metrics::{BySource, BySourceReason, Metrics};
use gatecrier::source::file::{Config, FileSource};
use gatecrier::source::{Intake, Parcel, Saved, Source, channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything. Reached only when a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// The analyzer's end of the way.
struct Reading {
    intake: Intake,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    /// Where the source begins.
    begin: Option<Position>,
    /// What came, in order: each line as it is, each notice as its word in angle brackets, but not `at-end`.
    said: Vec<String>,
    /// The notices, with their words.
    notices: Vec<NoticeKind>,
    position: Option<Position>,
    at_end: bool,
    number: u64,
    checkpoints: usize,
}

impl Reading {
    fn start(source: &FileSource, begin: Option<Position>) -> Self {
        let (outlet, intake) = channel();
        let stop = CancellationToken::new();
        let task = tokio::spawn(source.clone().run(outlet, stop.clone()));
        let position = begin.clone();
        let (said, notices) = (vec![], vec![]);
        Self { intake, stop, task, begin, said, notices, position, at_end: false, number: 0, checkpoints: 0 }
    }

    async fn take(&mut self) {
        let parcel = tokio::time::timeout(DEADLINE, self.intake.parcels.recv()).await;
        match parcel.unwrap_or_else(|_| panic!("nothing came after {:?}", self.said)).unwrap() {
            Parcel::Begin { answer, .. } => answer.send(self.begin.clone()).unwrap(),
            Parcel::Checkpoint => self.checkpoints += 1,
            Parcel::Input { number, input, room } => {
                drop(room);
                self.number = number;
                self.hear(input);
            }
        }
    }

    fn hear(&mut self, input: Input) {
        match input {
            Input::Batch(batch) => {
                assert_eq!(batch.bytes.last(), Some(&b'\n'), "half a line");
                self.said.extend(String::from_utf8_lossy(&batch.bytes).lines().map(str::to_owned));
                self.position = Some(batch.upto);
                self.at_end = batch.at_end;
            }
            Input::Notice(notice) => {
                self.position = notice.upto.or(self.position.take());
                self.at_end = matches!(notice.kind, NoticeKind::AtEnd);
                if !matches!(notice.kind, NoticeKind::Begun | NoticeKind::AtEnd) {
                    self.said.push(format!("<{}>", notice.kind.word()));
                    self.notices.push(notice.kind);
                }
            }
        }
    }

    /// Takes what comes until all of `expected` has come, and nothing else.
    #[track_caller]
    fn expect(&mut self, expected: &[&str]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            while self.said.len() < expected.len() || !self.at_end {
                self.take().await;
            }
            assert_eq!(self.said, expected, "at {caller}");
            self.said.clear();
        }
    }

    /// Takes what comes until `condition` holds.
    async fn take_until(&mut self, mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + DEADLINE;
        while !condition() {
            assert!(Instant::now() < end, "never came true after {:?}", self.said);
            tokio::time::timeout(Duration::from_millis(2), self.take()).await.ok();
        }
    }

    /// Says that both snapshots hold everything so far.
    fn save(&self) {
        self.intake.saved.send_replace(Saved { latest: self.number, both: self.number });
    }

    async fn stop(self) -> Option<Position> {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("stops at once").unwrap().unwrap();
        self.position
    }
}

struct Log {
    folder: tempfile::TempDir,
    metrics: Metrics,
    rotations: u32,
}

impl Log {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), metrics: Metrics::new(), rotations: 0 }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn config(&self) -> Config {
        Config { poll_ms: 20, ..Config::at(self.path()) }
    }

    /// A source as a new process has it.
    fn source(&self) -> FileSource {
        FileSource::new(self.config(), ClusterId::new("c"), self.metrics.clone())
    }

    fn write(&self, text: &str) {
        append(&self.path(), text.as_bytes());
    }

    /// Renames the live file as lumberjack does, and returns its new name.
    fn rotate(&mut self) -> PathBuf {
        self.rotations += 1;
        // Names are in the future, so that they are later than any time of writing.
        let to = self.folder.path().join(format!("audit-2100-01-02T15-04-05.{:03}.log", self.rotations));
        fs::rename(self.path(), &to).unwrap();
        File::create(self.path()).unwrap();
        to
    }

    fn gauge(&self, family: &str) -> i64 {
        let by = BySource { source: self.source().id().as_str().to_owned() };
        match family {
            "attached" => self.metrics.attached.get_or_create(&by).get(),
            "held_files" => self.metrics.held_files.get_or_create(&by).get(),
            _ => self.metrics.lag_bytes.get_or_create(&by).get(),
        }
    }

    fn errors(&self, reason: &'static str) -> u64 {
        let by = BySourceReason { source: self.source().id().as_str().to_owned(), reason };
        self.metrics.source_errors.get_or_create(&by).get()
    }
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses a file as lumberjack does, and returns its new name.
fn gzip(path: &Path) -> PathBuf {
    let to = PathBuf::from(format!("{}.gz", path.display()));
    fs::write(&to, zipped(&fs::read(path).unwrap())).unwrap();
    fs::remove_file(path).unwrap();
    to
}

/// Waits for something that nobody tells of.
async fn until(mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "never came true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Reads what is there, stops, and returns the position.
async fn read(log: &Log, position: Option<Position>, expected: &[&str]) -> Option<Position> {
    let mut reading = Reading::start(&log.source(), position);
    reading.expect(expected).await;
    reading.stop().await
}

#[tokio::test]
async fn a_first_start_reads_the_live_file_only_unless_told() {
    let mut log = Log::new();
    log.write("1\n2\n");
    log.rotate();
    log.write("3\n");
    read(&log, None, &["3"]).await;
    let config = Config { backups_at_first_start: true, ..log.config() };
    let source = FileSource::new(config, ClusterId::new("c"), Metrics::new());
    Reading::start(&source, None).expect(&["1", "2", "3"]).await;
}

#[tokio::test]
async fn rotation_is_followed_and_told() {
    let mut log = Log::new();
    log.write("1\n");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["1"]).await;
    let begun = reading.checkpoints;
    log.write("2\n");
    log.rotate();
    log.write("3\n");
    reading.expect(&["2", "3"]).await;
    assert_eq!(reading.checkpoints, begun + 1);
}

#[tokio::test]
async fn a_snapshot_is_asked_for_as_soon_as_a_log_is_no_longer_empty() {
    let log = Log::new();
    log.write("");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&[]).await;
    assert_eq!(reading.checkpoints, 0);
    log.write("1\n");
    reading.expect(&["1"]).await;
    log.write("2\n");
    reading.expect(&["2"]).await;
    assert_eq!(reading.checkpoints, 1);
}

#[tokio::test]
async fn a_burst_of_rotations_is_read_in_order() {
    let mut log = Log::new();
    log.write("0\n");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["0"]).await;
    // More than may be held open at a time.
    for line in 1..=100 {
        log.write(&format!("{line}\n"));
        let backup = log.rotate();
        if line % 3 == 0 {
            gzip(&backup);
        }
    }
    log.write("101\n");
    let expected: Vec<String> = (1..=101).map(|line| line.to_string()).collect();
    reading.expect(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn reading_goes_on_in_the_renamed_or_compressed_file() {
    for (compress, double) in [(false, false), (true, false), (true, true), (false, true)] {
        let mut log = Log::new();
        log.write("1\n2\n");
        let position = read(&log, None, &["1", "2"]).await;
        log.write("3\n");
        let mut backup = log.rotate();
        if double {
            let to = PathBuf::from(format!("{}.1", backup.display()));
            fs::rename(&backup, &to).unwrap();
            backup = to;
        }
        if compress {
            gzip(&backup);
        }
        log.write("4\n");
        read(&log, position, &["3", "4"]).await;
    }
}

#[tokio::test]
async fn logrotate_names_go_by_their_count() {
    let log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    let path = |suffix: &str| log.folder.path().join(format!("audit.log{suffix}"));
    fs::rename(log.path(), path(".3")).unwrap();
    append(&path(".3"), b"2\n");
    gzip(&path(".3"));
    append(&path(".2"), b"3\n");
    append(&path(".1"), b"4\n");
    log.write("5\n");
    read(&log, position, &["2", "3", "4", "5"]).await;
}

#[tokio::test]
async fn a_partial_twin_is_ignored() {
    let mut log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    log.write("2\n");
    let backup = log.rotate();
    let whole = zipped(b"1\n2\n");
    fs::write(format!("{}.gz", backup.display()), &whole[..whole.len() / 2]).unwrap();
    log.write("3\n");
    read(&log, position, &["2", "3"]).await;
}

#[tokio::test]
async fn a_partial_gzip_alone_is_waited_for() {
    let mut log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    let more: String = (0..5000).map(|line| format!("line {line} {}\n", line * 7919)).collect();
    log.write(&more);
    let backup = gzip(&log.rotate());
    log.write("end\n");
    let whole = fs::read(&backup).unwrap();
    fs::write(&backup, &whole[..whole.len() / 2]).unwrap();
    let mut reading = Reading::start(&log.source(), position);
    reading.take_until(|| log.errors("torn-gzip") > 0).await;
    append(&backup, &whole[whole.len() / 2..]);
    let expected: Vec<&str> = more.lines().chain(["end"]).collect();
    reading.expect(&expected).await;
}

#[tokio::test]
async fn a_gzip_that_never_becomes_whole_ends_in_a_gap() {
    let mut log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    let more: String = (0..5000).map(|line| format!("line {line} {}\n", line * 7919)).collect();
    log.write(&more);
    let backup = gzip(&log.rotate());
    log.write("end\n");
    let whole = fs::read(&backup).unwrap();
    fs::write(&backup, &whole[..whole.len() / 2]).unwrap();
    let mut reading = Reading::start(&log.source(), position);
    while reading.said.last().is_none_or(|last| last != "end") {
        reading.take().await;
    }
    let read: Vec<_> = reading.said.iter().filter(|said| said.starts_with("line")).collect();
    assert!(read.len() > 1000 && read.iter().zip(more.lines()).all(|(read, written)| *read == written));
    assert_eq!(reading.said[read.len()..], ["<torn>", "<gap>", "end"]);
}

#[tokio::test]
async fn a_file_cut_short_is_read_from_its_start() {
    let log = Log::new();
    log.write("1\n2\n");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["1", "2"]).await;
    fs::write(log.path(), "3\n").unwrap();
    reading.expect(&["<truncated>", "3"]).await;
    // Neither the length nor the end of the file shows it.
    let (one, other) = (format!("4{}\n", "x".repeat(100)), format!("5{}\n", "x".repeat(100)));
    log.write(&one);
    reading.expect(&[one.trim_end()]).await;
    fs::write(log.path(), format!("3\n{other}")).unwrap();
    reading.expect(&["<truncated>", "3", other.trim_end()]).await;
}

#[tokio::test]
async fn the_rest_of_a_file_cut_short_is_read_from_its_copy() {
    let log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    log.write("2\n");
    fs::copy(log.path(), log.folder.path().join("audit.log.1")).unwrap();
    fs::write(log.path(), "3\n").unwrap();
    read(&log, position, &["2", "<truncated>", "3"]).await;
}

#[tokio::test]
async fn a_hole_of_nuls_is_told_by_one() {
    let log = Log::new();
    // The writer does not append, so after the cut it writes on at its old offset.
    let mut writer = File::create(log.path()).unwrap();
    writer.write_all("x".repeat(300_000).as_bytes()).unwrap();
    writer.write_all(b"\n").unwrap();
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["x".repeat(300_000).as_str()]).await;
    writer.set_len(0).unwrap();
    writer.write_all(b"2\n").unwrap();
    reading.expect(&["<truncated>", "\x002"]).await;
    writer.write_all(b"3\n").unwrap();
    reading.expect(&["3"]).await;
    let position = reading.stop().await;
    writer.write_all(b"4\n").unwrap();
    read(&log, position, &["4"]).await;
}

#[tokio::test]
async fn nuls_between_lines_are_told_by_one() {
    let log = Log::new();
    let mut bytes = b"1\n".to_vec();
    bytes.resize(3_000_000, 0);
    bytes.extend(b"2\n3\n");
    fs::write(log.path(), bytes).unwrap();
    read(&log, None, &["1", "\x002", "3"]).await;
}

#[tokio::test]
async fn a_removed_file_that_grows_is_read_and_told_once() {
    let log = Log::new();
    let mut writer = File::create(log.path()).unwrap();
    writer.write_all(b"1\n").unwrap();
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["1"]).await;
    fs::remove_file(log.path()).unwrap();
    until(|| log.gauge("attached") == 0).await;
    writer.write_all(b"2\n").unwrap();
    reading.expect(&["<vanished>", "2"]).await;
    writer.write_all(b"3\n").unwrap();
    reading.expect(&["3"]).await;
    // A new file is followed as well.
    log.write("4\n");
    reading.expect(&["4"]).await;
    assert_eq!(log.gauge("attached"), 1);
    writer.write_all(b"5\n").unwrap();
    reading.expect(&["5"]).await;
}

#[tokio::test]
async fn a_reused_inode_is_another_file() {
    let mut log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await.unwrap();
    // The same number on disk, another birth and other content: as if the live file had been rotated and removed.
    fs::remove_file(log.rotate()).unwrap();
    log.write("22\n");
    read(&log, Some(position.clone()), &["<gap>", "22"]).await;
    // Where the file system knows no births, a number alone proves nothing either.
    let mut mark: serde_json::Value = serde_json::from_str(position.as_str()).unwrap();
    let live = fs::metadata(log.path()).unwrap();
    mark["inode"]["ino"] = std::os::unix::fs::MetadataExt::ino(&live).into();
    log.write("3\n");
    let mut reading = Reading::start(&log.source(), Some(Position::new(mark.to_string())));
    reading.expect(&["<gap>", "22", "3"]).await;
}

#[tokio::test]
async fn a_partial_line_waits_for_its_end() {
    let log = Log::new();
    log.write("1\n2");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["1"]).await;
    log.write("3");
    // Several polls pass without a word.
    let silence = tokio::time::timeout(Duration::from_millis(100), reading.intake.parcels.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
    log.write("4\n");
    reading.expect(&["234"]).await;
}

#[tokio::test]
async fn a_partial_line_is_torn_when_its_file_is_finished() {
    let mut log = Log::new();
    log.write("1\n2");
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&["1"]).await;
    log.rotate();
    log.write("3\n");
    reading.expect(&["<torn>", "3"]).await;
    assert!(matches!(&reading.notices[0], NoticeKind::Torn { bytes } if &bytes[..] == b"2"));
}

#[tokio::test]
async fn a_missing_file_is_waited_for_without_keeping_others_waiting() {
    let log = Log::new();
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&[]).await;
    until(|| log.errors("missing") > 0).await;
    assert_eq!(log.gauge("attached"), 0);
    log.write("1\n");
    reading.expect(&["1"]).await;
    until(|| log.gauge("attached") == 1).await;
}

#[tokio::test]
async fn what_is_not_a_file_is_an_error_that_may_pass() {
    let log = Log::new();
    fs::create_dir(log.path()).unwrap();
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&[]).await;
    until(|| log.errors("other") > 0).await;
    fs::remove_dir(log.path()).unwrap();
    log.write("1\n");
    reading.expect(&["1"]).await;
}

#[tokio::test]
async fn long_lines_are_passed_over_and_told() {
    for chunks in [1, 3_000_000] {
        let log = Log::new();
        let config = Config { line_bytes_max: 100_000, ..log.config() };
        let long = "y".repeat(100_001.max(chunks));
        log.write(&format!("1\n{}\n{long}\n2\n", "z".repeat(100_000)));
        let source = FileSource::new(config, ClusterId::new("c"), Metrics::new());
        let mut reading = Reading::start(&source, None);
        reading.expect(&["1", &"z".repeat(100_000), "<oversized>", "2"]).await;
        let NoticeKind::Oversized { length, prefix, sha256 } = &reading.notices[0] else { panic!() };
        assert_eq!((*length, prefix.len(), sha256.len()), (long.len() as u64, 65536, 64));
    }
}

#[tokio::test]
async fn a_file_removed_before_it_was_read_to_its_end_is_a_gap() {
    let mut log = Log::new();
    log.write("1\n");
    let position = read(&log, None, &["1"]).await;
    log.write("2\n");
    let lost = log.rotate();
    log.write("3\n");
    log.rotate();
    fs::remove_file(lost).unwrap();
    log.write("4\n");
    let mut reading = Reading::start(&log.source(), position);
    reading.expect(&["<gap>", "3", "4"]).await;
    let NoticeKind::Gap { detail } = &reading.notices[0] else { panic!() };
    assert!(
        detail.contains("audit.log up to offset 2") && detail.contains("audit-2100-01-02T15-04-05.002.log"),
        "{detail}"
    );
    // It is told once: the position after it is past it.
    let position = reading.stop().await;
    read(&log, position, &[]).await;
}

#[tokio::test]
async fn a_file_removed_after_it_was_read_is_no_gap() {
    let mut log = Log::new();
    log.write("1\n");
    let read_file = log.rotate();
    log.write("2\n");
    let source =
        FileSource::new(Config { backups_at_first_start: true, ..log.config() }, ClusterId::new("c"), Metrics::new());
    let mut reading = Reading::start(&source, None);
    reading.expect(&["1", "2"]).await;
    let position = reading.stop().await;
    fs::remove_file(read_file).unwrap();
    log.write("3\n");
    log.rotate();
    log.write("4\n");
    read(&log, position, &["3", "4"]).await;
}

#[tokio::test]
async fn a_position_that_cannot_be_read_is_a_gap_and_everything_is_read() {
    let mut log = Log::new();
    log.write("1\n");
    log.rotate();
    log.write("2\n");
    read(&log, Some(Position::new("from the future")), &["<gap>", "1", "2"]).await;
}

#[tokio::test]
async fn files_are_held_until_they_are_safe() {
    let mut log = Log::new();
    let source = log.source();
    log.write("1\n");
    let mut reading = Reading::start(&source, None);
    reading.expect(&["1"]).await;
    let begin = reading.position.clone();
    log.write("2\n");
    let removed = log.rotate();
    log.write("3\n");
    reading.expect(&["2", "3"]).await;
    fs::remove_file(removed).unwrap();
    until(|| log.gauge("held_files") == 1).await;
    // Another run in this process, from before: what was removed is still there for it.
    reading.stop().await;
    let mut reading = Reading::start(&source, begin);
    reading.expect(&["2", "3"]).await;
    assert_eq!(log.gauge("held_files"), 1);
    reading.save();
    until(|| log.gauge("held_files") == 0).await;
}

#[tokio::test]
async fn files_removed_while_nobody_takes_lines_are_still_read() {
    let mut log = Log::new();
    let long = |line: u32| format!("{line}{}\n", "x".repeat(2_999_999));
    log.write(&long(0));
    let mut reading = Reading::start(&log.source(), None);
    reading.expect(&[long(0).trim_end()]).await;
    // More than may be on the way: the source waits for room, and takes hold of the files meanwhile.
    let mut held = Vec::new();
    for line in 1..=6 {
        log.write(&long(line));
        held.push(log.rotate());
        until(|| held.iter().all(|backup| is_open(backup))).await;
    }
    log.write("end\n");
    held.iter().for_each(|backup| fs::remove_file(backup).unwrap());
    while reading.said.last().is_none_or(|last| last != "end") {
        reading.take().await;
    }
    let firsts: Vec<_> = reading.said.iter().map(|said| &said[..1]).collect();
    assert_eq!(firsts, ["1", "2", "3", "4", "5", "6", "e"]);
    assert!(reading.notices.is_empty(), "{:?}", reading.notices);
}

/// Whether this process holds the file open.
fn is_open(path: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    open.into_iter().any(|open| open == path)
}

#[tokio::test]
async fn a_line_goes_out_when_it_is_written_and_not_at_the_next_poll() {
    let log = Log::new();
    log.write("0\n");
    let config = Config { poll_ms: 5_000, ..log.config() };
    let mut reading = Reading::start(&FileSource::new(config, ClusterId::new("c"), Metrics::new()), None);
    reading.expect(&["0"]).await;
    let mut times = Vec::new();
    for line in 1..=50 {
        let start = Instant::now();
        log.write(&format!("{line}\n"));
        while reading.said.is_empty() {
            reading.take().await;
        }
        times.push(start.elapsed());
        reading.said.clear();
    }
    times.sort();
    println!("from write to arrival: median {:?}, worst {:?}", times[25], times[49]);
    assert!(times[25] < Duration::from_millis(50), "{times:?}");
}
