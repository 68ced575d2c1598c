//! Follows a log through its rotations: what is being read, what waits for its turn, what is held until it is safe.
//!
//! Plain code that looks at files and says what to send; it is called again and again, does a bounded piece of work
//! each time and never waits.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::batch::{ClusterId, Input, NoticeKind, Place, SourceId};

use super::done::Done;
use super::family::Family;
use super::gauges::Gauges;
use super::identity::is_torn;
use super::log::Log;
use super::plan::Before;
use super::position::Mark;
use super::reader::{Piece, Reader};
use super::shelf::Shelf;

/// How many polls a file that cannot be read to its end may keep newer ones waiting, 10 s by default. Beyond it a gap
/// is told and reading goes on with the next. The live file is waited for without end.
const PATIENCE_POLLS: u32 = 40;

/// Most rotated files held open at a time. Beyond it the file that was read longest ago is let go, since it is the one
/// most likely to be safe already; when none is left, those that wait are opened at their turn, and a gap is told if
/// they are removed before.
pub const HELD_MAX: usize = 64;

/// Longest wait between attempts after failures. A change in the folder ends it early.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Hand this over.
    Send(Input),
    /// A good time for a snapshot: a file was read to its end, or is no longer empty.
    Checkpoint,
    /// Nothing to hand over yet; call again at once.
    More,
    /// Nothing to do; call again when the folder changes, at the latest after this time.
    Idle(Duration),
}

/// What the follower is told at its start.
pub struct Orders {
    /// The source's name.
    pub source: SourceId,
    /// Whose records they are.
    pub cluster: ClusterId,
    /// The log and its backups.
    pub family: Family,
    /// Time between looks.
    pub poll: Duration,
    /// Longest line that is handed over, in bytes.
    pub line_bytes_max: usize,
    /// Whether a first start reads the backups as well.
    pub backups_at_first_start: bool,
    /// Files that an earlier run in this process held open.
    pub shelf: Shelf,
    /// Where to count.
    pub gauges: Gauges,
}

/// Follows one log.
pub struct Follower {
    pub(super) orders: Orders,
    /// How far the lines sent go; nothing on a first start.
    pub(super) mark: Option<Mark>,
    /// Why there is no mark although there was a position.
    pub(super) unreadable: Option<String>,
    /// The file being read.
    pub(super) reader: Option<Reader>,
    /// The files to be read after it. The last one is the newest we know of.
    pub(super) waiting: VecDeque<Log>,
    /// The files before it.
    pub(super) done: Vec<Done>,
    /// What is to be done before anything else.
    pub(super) outgoing: VecDeque<Step>,
    /// Whether whoever waits for us knows that there is nothing to wait for.
    pub(super) told_end: bool,
    /// Since when we fail, and how often.
    trouble: Option<(Instant, u32)>,
    /// A partial last line: how far the file was read, and since when that is so.
    quiet: Option<(u64, Instant)>,
    /// Whether nothing of the file being read was given yet.
    pub(super) fresh: bool,
    /// Whether the log has no live file.
    pub(super) missing: bool,
    /// The number of the input sent last.
    sent: u64,
}

impl Follower {
    /// A follower that goes on after `mark`. When there was a position that could not be read, `unreadable` says why.
    pub fn new(orders: Orders, mark: Option<Mark>, unreadable: Option<String>) -> Self {
        Self {
            orders,
            mark,
            unreadable,
            reader: None,
            waiting: VecDeque::new(),
            done: Vec::new(),
            outgoing: VecDeque::new(),
            told_end: false,
            trouble: None,
            quiet: None,
            fresh: false,
            missing: false,
            sent: 0,
        }
    }

    /// The next thing to do.
    pub fn step(&mut self) -> Step {
        if let Some(step) = self.outgoing.pop_front() {
            return step;
        }
        match self.advance() {
            Ok(step) => {
                self.trouble = None;
                self.orders.gauges.attached(self.reader.is_some() && !self.missing);
                step
            }
            Err(error) => self.try_later(&error),
        }
    }

    /// What was handed over got this number.
    pub fn sent(&mut self, number: u64) {
        self.sent = number;
    }

    /// Lets files go that nobody will ask for again: both snapshots cover the inputs up to `saved`.
    pub fn release(&mut self, saved: u64) {
        let patience = self.patience();
        self.done.iter_mut().for_each(|done| done.release(saved, patience));
    }

    /// The folder to watch.
    pub fn folder(&self) -> PathBuf {
        self.orders.family.folder()
    }

    fn advance(&mut self) -> io::Result<Step> {
        if self.reader.is_none() {
            self.attach()?;
            return Ok(Step::More);
        }
        // A failed look does not keep us from reading what we hold.
        let looked = self.look();
        match self.read()? {
            Step::Idle(wait) => looked.map(|()| Step::Idle(wait)),
            step => Ok(step),
        }
    }

    fn read(&mut self) -> io::Result<Step> {
        // Asked before reading: whoever writes a newer file had closed this one by then, so its end is the end.
        let newer = self.waiting.iter().any(|log| (log.before.is_some() && !log.told) || log.has_data());
        let Some(reader) = &mut self.reader else { return Ok(Step::More) };
        let piece = match reader.next() {
            Ok(piece) => piece,
            Err(error) => return self.stuck(error, newer),
        };
        let vanishing =
            reader.is_vanishing().then(|| Place { name: reader.log.name().into(), offset: reader.offset() });
        if self.fresh && matches!(piece, Piece::Lines { .. } | Piece::Long(_)) && !self.is_first_in_turn()? {
            return Ok(Step::More);
        }
        // Said before the lines that show it.
        let notice = vanishing.map(|place| self.notice(place, NoticeKind::Vanished));
        let step = self.take(piece, newer)?;
        Ok(match notice {
            Some(notice) => {
                self.outgoing.push_front(step);
                notice
            }
            None => step,
        })
    }

    fn take(&mut self, piece: Piece, newer: bool) -> io::Result<Step> {
        Ok(match piece {
            Piece::Lines { bytes, offset } => self.lines(bytes, offset),
            Piece::Long(line) => self.long_line(line),
            Piece::More => Step::More,
            Piece::Misfit(detail) => {
                tracing::warn!(source = %self.orders.source, detail, "log file was cut short in place");
                self.park();
                Step::More
            }
            Piece::End if newer => self.at_last_end(),
            Piece::End => self.at_live_end()?,
        })
    }

    /// At the end of what there is.
    fn at_live_end(&mut self) -> io::Result<Step> {
        // A live file of which nothing was given yet may have been copied and cut short meanwhile.
        if self.fresh || !self.waiting.is_empty() {
            self.relist()?;
        }
        Ok(if self.reader.is_some() { self.idle() } else { Step::More })
    }

    /// Whether the first lines of a file may go out: nothing that belongs before them has come to light. Otherwise they
    /// are read again in their turn.
    fn is_first_in_turn(&mut self) -> io::Result<bool> {
        if self.reader.as_ref().is_some_and(|reader| reader.log.live) {
            let looked = self.relist();
            if looked.is_err() {
                self.park();
            }
            looked?;
        }
        let first = self.reader.is_some();
        self.fresh = !first;
        Ok(first)
    }

    /// At the end of a file that has newer ones after it.
    fn at_last_end(&mut self) -> Step {
        let Some(reader) = &mut self.reader else { return Step::More };
        if reader.has_partial_line() {
            let reached = reader.reached();
            match self.quiet {
                Some((at, since)) if at == reached && since.elapsed() >= self.orders.poll => {}
                Some((at, _)) if at == reached => return self.idle(),
                _ => {
                    self.quiet = Some((reached, Instant::now()));
                    return self.idle();
                }
            }
        }
        self.leave();
        Step::More
    }

    /// The file will not give more. What stands at its end without a newline is torn.
    fn leave(&mut self) {
        self.quiet = None;
        if let Some(torn) = self.reader.as_mut().and_then(Reader::take_torn) {
            let step = match torn {
                Piece::Lines { bytes, offset } => self.reached(offset, NoticeKind::Torn { bytes }),
                Piece::Long(line) => self.long_line(line),
                _ => Step::More,
            };
            self.outgoing.push_back(step);
        }
        if let Some(reader) = self.reader.take() {
            // The torn line, if any, gets the next number. Before the first input of this run, an older snapshot may
            // still be asked for.
            let number = (self.sent + self.outgoing.len() as u64).max(1);
            self.done.push(Done::held(reader, number));
        }
        self.outgoing.push_back(Step::Checkpoint);
    }

    /// Opens the first waiting file that can be.
    pub(super) fn open_next(&mut self) -> io::Result<()> {
        if self.waiting.front().is_some_and(|next| next.live) {
            // It may have been copied and cut short since we looked; then the copy comes first.
            self.relist()?;
        }
        while let Some(next) = self.waiting.front_mut() {
            match Reader::open(next.clone(), self.orders.line_bytes_max) {
                Ok(reader) => {
                    self.waiting.pop_front();
                    self.begin(reader);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // It may have another name by now.
                    self.relist()?;
                    self.forget_if_removed();
                }
                Err(error) if self.is_out_of_patience() && self.waiting.len() > 1 => {
                    self.skip_next(&format!("could not be opened: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn forget_if_removed(&mut self) {
        let removed = self
            .waiting
            .front_mut()
            .is_some_and(|next| next.reopen().is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        if removed {
            self.skip_next("was removed before it was read");
        }
    }

    fn skip_next(&mut self, why: &str) {
        if let Some(log) = self.waiting.pop_front() {
            let detail = format!("{} {why}", log.short_name());
            let place = Place { name: log.name().into(), offset: 0 };
            self.outgoing.push_back(self.notice(place, NoticeKind::Gap { detail }));
        }
    }

    /// Starts on a file.
    pub(super) fn begin(&mut self, mut reader: Reader) {
        let before = reader.log.before.clone().filter(|_| reader.offset() == 0 && !reader.log.told);
        reader.log.told = true;
        let start = reader.mark();
        let place = match &self.mark {
            Some(mark) => Place { name: mark.path.as_str().into(), offset: mark.offset },
            None => Place { name: start.path.as_str().into(), offset: 0 },
        };
        self.fresh = reader.offset() == 0;
        // A backup is known by how it begins. Of the live file nothing may be there yet, or a copy may come before it.
        let next_backup = self.fresh && !reader.log.live && !start.head.is_unknown();
        self.reader = Some(reader);
        self.told_end = false;
        let kind = match before {
            Some(Before::Gap(detail)) => NoticeKind::Gap { detail },
            Some(Before::Truncated(detail)) => NoticeKind::Truncated { detail },
            None => {
                // Until something of another file is read, the end of the last one says better where we are.
                if self.mark.is_none() || next_backup {
                    self.say_begin(start, place);
                }
                return;
            }
        };
        tracing::warn!(source = %self.orders.source, notice = ?kind, "log file does not go on where reading ended");
        self.mark = Some(start);
        self.outgoing.push_back(self.notice(place, kind));
    }

    /// Says where reading begins, before anything that was read. On a first start: should we die before the first
    /// snapshot, what is rotated until the next start would otherwise pass for backups that nobody asked for. Of a
    /// backup: should the one before it be removed meanwhile, nobody could say that it had been read to its end.
    fn say_begin(&mut self, start: Mark, place: Place) {
        let is_told = !start.head.is_unknown();
        self.mark = Some(start);
        if is_told {
            self.outgoing.push_back(self.notice(place, NoticeKind::Begun));
        }
    }

    /// The file being read cannot be read on.
    fn stuck(&mut self, error: io::Error, newer: bool) -> io::Result<Step> {
        if error.raw_os_error() == Some(rustix::io::Errno::STALE.raw_os_error()) {
            // A network file system has lost track of what we hold: it is opened anew.
            (self.reader, self.waiting, self.done) = (None, VecDeque::new(), Vec::new());
            return Err(error);
        }
        if !newer || !self.is_out_of_patience() {
            return Err(error);
        }
        let Some(reader) = &self.reader else { return Err(error) };
        let why = if is_torn(&error) { "ends in the middle of its compressed data" } else { "could not be read on" };
        let detail = format!("{} {why} after byte {}: {error}", reader.log.short_name(), reader.reached());
        let place = Place { name: reader.log.name().into(), offset: reader.reached() };
        self.leave();
        let gap = self.notice(place, NoticeKind::Gap { detail });
        self.outgoing.push_back(gap);
        Ok(Step::More)
    }

    fn try_later(&mut self, error: &io::Error) -> Step {
        let (_, failures) = self.trouble.get_or_insert_with(|| (Instant::now(), 0));
        *failures += 1;
        let wait = self.orders.poll.saturating_mul(1 << (*failures - 1).min(16)).min(BACKOFF_MAX.max(self.orders.poll));
        if *failures == 1 {
            tracing::warn!(source = %self.orders.source, %error, "failed to read log file, trying again");
        }
        self.orders.gauges.failed(error);
        self.orders.gauges.attached(false);
        match self.idle() {
            Step::Idle(_) => Step::Idle(wait),
            step => step,
        }
    }

    pub(super) fn is_out_of_patience(&self) -> bool {
        self.trouble.is_some_and(|(since, _)| since.elapsed() > self.patience())
    }

    pub(super) fn patience(&self) -> Duration {
        self.orders.poll * PATIENCE_POLLS
    }

    /// The number that the next input will have at the least.
    pub(super) fn next_number(&self) -> u64 {
        self.sent + 1
    }

    pub(super) fn behind(&self) -> u64 {
        let waiting: u64 = self.waiting.iter().map(Log::size).sum();
        self.reader.as_ref().map_or(0, Reader::behind) + waiting
    }

    /// Rotated files that are held open.
    pub(super) fn held(&self) -> usize {
        let done = self.done.iter().map(|done| &done.log);
        let logs = done.chain(&self.waiting).chain(self.reader.iter().map(|reader| &reader.log));
        logs.filter(|log| log.file.is_some() && !log.live).count()
    }
}
