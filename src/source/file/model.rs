//! A model of the writer and of whoever removes and compresses its files, dealt random actions. What must hold: no
//! line that was not removed unread is missing, none is given in part or out of order, and a gap is told exactly when
//! something was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::batch::{ClusterId, Input, NoticeKind, Position};
use crate::metrics::Metrics;

use super::follower::{Follower, Step};
use super::{Config, FileSource};

/// How many inputs behind the last one both snapshots are.
const SAVED_LATE: usize = 4;

#[derive(Debug, Clone)]
enum Action {
    /// Whole lines, with so much padding.
    Write(u8, u16),
    /// Half a line, ended by the next write.
    Half,
    Rotate,
    Gzip,
    /// Removes the oldest backup.
    Prune,
    /// Copies the live file away and cuts it short; the writer appends, or goes on at its old offset.
    CopyTruncate {
        append: bool,
    },
    /// Lets the follower do so many steps.
    Steps(u8),
    /// Ends the follower and starts another, from the position so many inputs back.
    Restart {
        back: u8,
        same_process: bool,
    },
}

/// What an API server's own rotation does, and what happens to us.
fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1..6u8, 0..600u16).prop_map(|(lines, padding)| Action::Write(lines, padding)),
        1 => Just(Action::Half),
        4 => Just(Action::Rotate),
        2 => Just(Action::Gzip),
        2 => Just(Action::Prune),
        6 => (0..12u8).prop_map(Action::Steps),
        2 => (0..5u8, any::<bool>()).prop_map(|(back, same_process)| Action::Restart { back, same_process }),
    ]
}

/// The same with a logrotate at work that nobody should run over it.
fn wild_action() -> impl Strategy<Value = Action> {
    prop_oneof![20 => action(), 1 => any::<bool>().prop_map(|append| Action::CopyTruncate { append })]
}

/// Something the follower said.
#[derive(Debug, Clone)]
enum Said {
    Lines(Vec<u64>),
    Gap,
    Truncated,
    Restarted,
    Other,
}

struct World {
    folder: tempfile::TempDir,
    live: File,
    live_lines: Vec<u64>,
    /// Oldest first, with the lines in them.
    backups: Vec<(PathBuf, Vec<u64>)>,
    next_line: u64,
    half: Option<(u64, String)>,
    last_stamp: i64,
    /// Lines in files that were removed. Those in a copy of a file cut short are not counted: when nothing of the file
    /// had been read and the copy is gone, nothing shows that they ever were.
    removed: BTreeSet<u64>,
    copied: BTreeSet<u64>,
    /// The first line of each stretch that was written into one file.
    stretches: BTreeSet<u64>,
    prunes: u32,
    /// A file without a whole line was compressed: it has nothing to be found again by. The API server does not
    /// rotate such files.
    blank_gzipped: bool,

    source: FileSource,
    follower: Option<Follower>,
    /// What was said since the beginning, without what a restart took back, with the positions.
    said: Vec<(Said, Option<Position>)>,
    /// Inputs since the last start.
    number: usize,
    /// How much of `said` both snapshots cover: no restart goes back before it.
    saved: usize,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let live = File::create(&path).unwrap();
        let config = Config { poll_ms: 1, ..Config::at(path) };
        let source = FileSource::new(config, ClusterId::new("c"), Metrics::new());
        let mut world = Self {
            live,
            folder,
            live_lines: vec![],
            backups: vec![],
            next_line: 0,
            half: None,
            last_stamp: 0,
            removed: BTreeSet::new(),
            copied: BTreeSet::new(),
            stretches: BTreeSet::from([1]),
            prunes: 0,
            blank_gzipped: false,
            follower: None,
            said: vec![],
            number: 0,
            saved: 0,
            source,
        };
        world.start(None);
        // A first start begins with the live file as it is then. An empty file has nothing to be found again by.
        world.write(1, 40);
        world.steps(3);
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn stamped(&mut self) -> PathBuf {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
        self.last_stamp = now.max(self.last_stamp + 1);
        let time = jiff::Timestamp::from_millisecond(self.last_stamp).unwrap();
        self.folder.path().join(time.strftime("audit-%Y-%m-%dT%H-%M-%S.%3f.log").to_string())
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Write(lines, padding) => self.write(lines, padding),
            Action::Half => self.begin_line(),
            Action::Rotate => self.rotate(),
            Action::Gzip => self.gzip(),
            Action::Prune => self.prune(),
            Action::CopyTruncate { append } => self.copy_truncate(append),
            Action::Steps(count) => self.steps(count.into()),
            Action::Restart { back, same_process } => self.restart(back.into(), same_process),
        }
    }

    fn write(&mut self, lines: u8, padding: u16) {
        if let Some((line, rest)) = self.half.take() {
            self.live.write_all(rest.as_bytes()).unwrap();
            self.live_lines.push(line);
        }
        for _ in 0..lines {
            let line = self.new_line();
            self.live.write_all(text(line, padding.into()).as_bytes()).unwrap();
            self.live_lines.push(line);
        }
    }

    fn begin_line(&mut self) {
        if self.half.is_none() {
            let line = self.new_line();
            let whole = text(line, 40);
            let (first, rest) = whole.split_at(whole.len() / 2);
            self.live.write_all(first.as_bytes()).unwrap();
            self.half = Some((line, rest.to_owned()));
        }
    }

    fn new_line(&mut self) -> u64 {
        self.next_line += 1;
        self.next_line
    }

    fn rotate(&mut self) {
        self.half = None;
        self.stretches.insert(self.next_line + 1);
        let to = self.stamped();
        fs::rename(self.path(), &to).unwrap();
        self.backups.push((to, std::mem::take(&mut self.live_lines)));
        self.live = File::create(self.path()).unwrap();
    }

    fn gzip(&mut self) {
        let plain = self.backups.iter_mut().find(|(path, _)| path.extension().is_some_and(|one| one == "log"));
        let Some((path, lines)) = plain else { return };
        self.blank_gzipped |= lines.is_empty();
        let to = path.with_extension("log.gz");
        let mut encoder = flate2::write::GzEncoder::new(File::create(&to).unwrap(), flate2::Compression::fast());
        encoder.write_all(&fs::read(&path).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(&path).unwrap();
        *path = to;
    }

    fn prune(&mut self) {
        if !self.backups.is_empty() {
            let (path, lines) = self.backups.remove(0);
            fs::remove_file(path).unwrap();
            self.removed.extend(lines.into_iter().filter(|line| !self.copied.contains(line)));
            self.prunes += 1;
        }
    }

    fn copy_truncate(&mut self, append: bool) {
        self.half = None;
        self.stretches.insert(self.next_line + 1);
        let to = self.stamped();
        fs::copy(self.path(), &to).unwrap();
        self.copied.extend(&self.live_lines);
        self.backups.push((to, std::mem::take(&mut self.live_lines)));
        self.live.set_len(0).unwrap();
        if append {
            self.live = OpenOptions::new().append(true).open(self.path()).unwrap();
        }
    }

    fn start(&mut self, position: Option<Position>) {
        self.number = 0;
        self.follower = Some(self.source.follower(position));
    }

    fn restart(&mut self, back: usize, same_process: bool) {
        let kept = self.said.len().saturating_sub(back).max(self.saved);
        let position = self.said[..kept].iter().rev().find_map(|(_, position)| position.clone());
        // Without a position it would be a first start, which begins with the live file whatever was before.
        if position.is_none() {
            return;
        }
        self.said.truncate(kept);
        self.follower = None;
        if !same_process {
            self.source = FileSource::new(self.source.config.clone(), ClusterId::new("c"), Metrics::new());
        }
        self.start(position.clone());
        self.said.push((Said::Restarted, position));
    }

    fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.step();
        }
    }

    /// Returns how long the follower wishes to wait.
    fn step(&mut self) -> Option<Duration> {
        let follower = self.follower.as_mut().unwrap();
        let input = match follower.step() {
            Step::Send(input) => input,
            Step::Idle(wait) => return Some(wait),
            _ => return None,
        };
        self.number += 1;
        follower.sent(self.number as u64);
        if let Some(saved) = self.number.checked_sub(SAVED_LATE) {
            follower.release(saved as u64);
            // `said` does not have this input yet.
            self.saved = (self.said.len() + 1 - SAVED_LATE).max(self.saved);
        }
        let (said, position) = match input {
            Input::Batch(batch) => (Said::Lines(line_numbers(&batch.bytes)), Some(batch.upto)),
            Input::Notice(notice) => {
                let said = match notice.kind {
                    NoticeKind::Gap { .. } => Said::Gap,
                    NoticeKind::Truncated { .. } => Said::Truncated,
                    _ => Said::Other,
                };
                (said, notice.upto)
            }
        };
        self.said.push((said, position));
        None
    }

    fn drain(&mut self) {
        let mut quiet = 0;
        while quiet < 4 {
            match self.step() {
                Some(wait) => {
                    quiet += 1;
                    std::thread::sleep(wait.min(Duration::from_millis(2)));
                }
                None => quiet = 0,
            }
        }
    }

    /// Lines that must come in order: those of one file, and of all files as long as none was copied and cut short.
    fn stretch(&self, line: u64) -> u64 {
        let whole = self.stretches.range(..=line).next_back().copied();
        if self.copied.is_empty() { 0 } else { whole.unwrap_or(0) }
    }

    fn check(&self) {
        let mut given = BTreeSet::new();
        let mut last = BTreeMap::new();
        let (mut gap, mut truncated) = (false, false);
        for (said, _) in &self.said {
            match said {
                Said::Lines(lines) => {
                    for &line in lines {
                        let last = last.insert(self.stretch(line), line).unwrap_or(0);
                        // A whole file may be read again when it is not known whether it was read.
                        let in_order = line > last || self.stretches.contains(&line);
                        assert!(in_order, "line {line} after {last} in {:?}", self.said);
                        given.insert(line);
                    }
                }
                // What follows may have been read before.
                Said::Gap | Said::Truncated | Said::Restarted => {
                    last.clear();
                    gap |= matches!(said, Said::Gap);
                    truncated |= matches!(said, Said::Truncated);
                }
                Said::Other => {}
            }
        }
        let all = self.backups.iter().flat_map(|(_, lines)| lines).chain(&self.live_lines);
        let missing: Vec<_> = all.filter(|line| !given.contains(line)).collect();
        assert!(missing.is_empty(), "missing {missing:?} in {:?}", self.said);
        let lost: Vec<_> = self.removed.difference(&given).collect();
        assert!(lost.is_empty() || gap || truncated, "lost {lost:?} without a word in {:?}", self.said);
        // A file that was removed may have been read to its end without our knowing that it was the end, so not every
        // gap has lost lines; but without a removal there is none.
        let may_have_gap = truncated || self.prunes > 0 || self.blank_gzipped;
        assert!(!gap || may_have_gap, "a gap although nothing was removed in {:?}", self.said);
    }
}

fn text(line: u64, padding: usize) -> String {
    format!("{{\"line\":{line},\"pad\":\"{}\"}}\n", "x".repeat(padding))
}

/// Fails if a line is not whole.
fn line_numbers(bytes: &[u8]) -> Vec<u64> {
    assert_eq!(bytes.last(), Some(&b'\n'));
    let text = std::str::from_utf8(bytes.strip_prefix(b"\0").unwrap_or(bytes)).unwrap();
    let number = |line: &str| {
        let rest = line.strip_prefix("{\"line\":").filter(|_| line.ends_with("\"}"));
        rest.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_else(|| panic!("not whole: {line:?}"))
    };
    text.lines().map(number).collect()
}

fn run(actions: &[Action]) {
    let mut world = World::new();
    actions.iter().for_each(|action| world.act(action));
    world.drain();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_without_a_word(actions in prop::collection::vec(action(), 1..60)) {
        run(&actions);
    }

    #[test]
    fn nothing_is_lost_when_files_are_cut_short_as_well(actions in prop::collection::vec(wild_action(), 1..60)) {
        run(&actions);
    }
}
