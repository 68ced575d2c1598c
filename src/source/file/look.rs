//! Looks into the log's folder: where to begin, and what has come since.

use std::collections::VecDeque;
use std::io;

use super::done::Done;
use super::family::Member;
use super::follower::{Follower, HELD_MAX};
use super::identity::Inode;
use super::log::Log;
use super::plan::{self, Before, Candidate, Plan};
use super::reader::Reader;

/// All files that are there or held.
struct Found {
    /// Oldest first.
    candidates: Vec<Candidate>,
    /// Why some of them could not be read.
    unreadable: Option<io::Error>,
    /// The newest file that an earlier run held, if it was removed since.
    lost_after: Option<Log>,
}

impl Follower {
    /// Finds the file to read: the next that waits, or after the mark.
    pub(super) fn attach(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            let Found { candidates, unreadable, lost_after } = self.find_all()?;
            let mut plan = self.plan(candidates)?;
            if let (Some(plan), Some(lost_after)) = (&mut plan, lost_after) {
                plan.break_after(lost_after);
            }
            match (plan, unreadable) {
                // The file we look for may be the one that we cannot read.
                (None | Some(Plan { reader: None, .. }), Some(error)) if !self.is_out_of_patience() => {
                    return Err(error);
                }
                (None, _) => return Err(io::ErrorKind::NotFound.into()),
                (Some(plan), _) => self.follow(plan),
            }
        } else {
            // Should it fail, what waits can still be opened.
            self.look().ok();
        }
        if self.reader.is_none() { self.open_next() } else { Ok(()) }
    }

    fn plan(&self, candidates: Vec<Candidate>) -> io::Result<Option<Plan>> {
        match (&self.mark, &self.unreadable) {
            (Some(mark), _) => plan::go_on(candidates, mark, self.orders.line_bytes_max),
            (None, Some(why)) => Ok(plan::start_over(candidates, why)),
            (None, None) => Ok(plan::first_start(candidates, self.orders.backups_at_first_start)),
        }
    }

    fn follow(&mut self, plan: Plan) {
        // Both kept snapshots have to be past the point where we begin before the files behind it are let go.
        let number = self.next_number();
        self.done = plan.done.into_iter().map(|log| Done::earlier(log, number)).collect();
        self.waiting = plan.waiting.into();
        if let Some(reader) = plan.reader {
            self.begin(reader);
        }
        self.limit_held();
        self.orders.shelf.clear();
    }

    fn find_all(&self) -> io::Result<Found> {
        let mut unreadable = None;
        let members = self.orders.family.list()?;
        // Until it is known which are needed, only as many as may be held stay open, newest first.
        let closed = members.len().saturating_sub(HELD_MAX);
        let mut candidates = Vec::with_capacity(members.len());
        for (index, member) in members.into_iter().enumerate() {
            let (log, first) = match Log::open(member.clone()) {
                Ok(opened) => opened,
                Err(error) if is_gone(&error) => return Err(io::ErrorKind::Interrupted.into()),
                Err(error) if member.live => return Err(error),
                Err(error) => {
                    unreadable = Some(error);
                    (Log::closed(member), Vec::new())
                }
            };
            let file = log.file.clone().filter(|_| index >= closed);
            candidates.push(Candidate { log: Log { file, ..log }, first });
        }
        let lost_after = add_held(&mut candidates, self.orders.shelf.logs());
        let lost_after = lost_after.filter(|newest| !newest.lost_its_name(&self.orders.family));
        Ok(Found { candidates, unreadable, lost_after })
    }

    /// Looks whether the log was rotated, and takes hold of what is new.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let live = match self.orders.family.live() {
            Ok(meta) => Some(Inode::of(&meta)),
            Err(error) if is_gone(&error) => None,
            Err(error) => return Err(error),
        };
        self.missing = live.is_none();
        let newest = self.newest().map(|log| (log.inode, log.file.is_some()));
        // As long as we hold a file, its number is not used again.
        if live.is_some() && newest == live.map(|live| (live, true)) {
            return Ok(());
        }
        if self.reader.as_ref().is_some_and(Reader::is_misfit) {
            // It was cut short before it was rotated: what is new is put in order by the mark.
            self.park();
            return Ok(());
        }
        self.relist()
    }

    /// Finds every known file in the folder and takes in those that are new.
    pub(super) fn relist(&mut self) -> io::Result<()> {
        let members = self.orders.family.list()?;
        for log in self.known() {
            log.place = None;
            log.measure().ok();
        }
        let mut new = Vec::new();
        for (place, member) in members.into_iter().enumerate() {
            new.extend(self.meet(member, place)?);
        }
        self.take_in(new);
        self.done.retain(|done| done.log.place.is_some() || done.log.file.is_some());
        self.limit_held();
        Ok(())
    }

    /// Recognises a file, or returns it as a new one.
    fn meet(&mut self, member: Member, place: usize) -> io::Result<Option<Log>> {
        if let Some(log) = self.known().find(|log| log.is_member(&member)) {
            log.meet(&member, place);
            return Ok(None);
        }
        let mut found = match Log::open(member.clone()) {
            Ok((found, _)) => found,
            Err(error) if is_gone(&error) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) if member.live => return Err(error),
            Err(_) => Log::closed(member.clone()),
        };
        // A new live file may start as a copy of an older one, but goes its own way.
        if let Some(log) = self.known().find(|log| !member.live && log.is(&found)) {
            log.meet(&member, place);
            return Ok(None);
        }
        found.place = Some(place);
        Ok(Some(found))
    }

    fn take_in(&mut self, new: Vec<Log>) {
        // When the newest file we knew was rotated and is gone, so may be some that we never saw: backups are removed
        // oldest first.
        let newest = self.newest().cloned();
        let lost = newest.as_ref().filter(|log| log.place.is_none() && !log.lost_its_name(&self.orders.family));
        let mut gap = lost.map(Before::removed);
        // Nothing can be newer than a live file that is still in its place.
        let live = newest.filter(|newest| newest.live && newest.place.is_some());
        for log in self.known() {
            // Whatever is not in the listing has been rotated or removed.
            log.live = log.live && log.place.is_some();
        }
        for log in new {
            if live.as_ref().is_some_and(|live| !live.head.is_unknown() && live.head == log.head) {
                // A copy of the live file that is just being made: left alone until it is cut short.
                continue;
            }
            if let Some(index) = self.turn_before(&log) {
                self.waiting.insert(index, log);
            } else if live.is_some() {
                let number = self.next_number();
                self.done.push(Done::earlier(log, number));
            } else {
                self.waiting.push_back(Log { before: gap.take(), ..log });
            }
        }
    }

    /// The turn of a file that belongs before some that are known but not read: a live file was copied and cut short
    /// before we read anything of it. Files that turn up otherwise come last, whatever the time in their names: a
    /// clock may have been set back.
    fn turn_before(&mut self, log: &Log) -> Option<usize> {
        let reading = self.reader.take_if(|reader| self.fresh && reader.log.place > log.place);
        if let Some(reader) = reading {
            self.waiting.push_front(reader.log);
        }
        self.waiting.iter().position(|waiting| waiting.place > log.place)
    }

    /// Puts all files that are held on the shelf and forgets what else is known, to find our way anew.
    pub(super) fn park(&mut self) {
        let logs: Vec<Log> = self.known().map(|log| log.clone()).collect();
        self.orders.shelf.put(logs.into_iter());
        (self.reader, self.waiting, self.done) = (None, VecDeque::new(), Vec::new());
    }

    /// The newest file we know of.
    fn newest(&self) -> Option<&Log> {
        let reader = self.reader.as_ref().map(|reader| &reader.log);
        self.waiting.back().or(reader).or(self.done.last().map(|done| &done.log))
    }

    /// All files we know, oldest first.
    fn known(&mut self) -> impl Iterator<Item = &mut Log> {
        let done = self.done.iter_mut().map(|done| &mut done.log);
        done.chain(self.reader.iter_mut().map(|reader| &mut reader.log)).chain(&mut self.waiting)
    }

    /// Holds what waits, and no more than may be held.
    fn limit_held(&mut self) {
        let mut held = self.held();
        for done in self.done.iter_mut().filter(|done| done.log.file.is_some()) {
            if held <= HELD_MAX {
                break;
            }
            done.close();
            held -= 1;
        }
        let between = self.waiting.len().saturating_sub(1);
        for log in self.waiting.iter_mut().take(between) {
            match log.file.is_some() {
                true => {}
                false if held < HELD_MAX => held += usize::from(log.reopen().is_ok()),
                false => break,
            }
        }
        // The next one and the newest are always held.
        for log in self.waiting.iter_mut().take(between).skip(1).rev().filter(|log| log.file.is_some()) {
            if held <= HELD_MAX {
                break;
            }
            log.file = None;
            held -= 1;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.park();
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Adds the files that are held but have no name any more, in the order in which they were held. Returns the newest
/// of all that are held if it is one of them: after it, some may have been removed that we never saw.
fn add_held(candidates: &mut Vec<Candidate>, held: Vec<Log>) -> Option<Log> {
    let mut last = None;
    let mut newest = None;
    for mut log in held {
        let Ok(first) = log.measure() else { continue };
        (log.live, log.told) = (false, false);
        let same = candidates.iter().position(|known| known.log.inode == log.inode || log.is(&known.log));
        newest = same.is_none().then(|| log.clone());
        let Some(index) = same else {
            let index = last.map_or_else(|| place_by_time(candidates, &log), |last| last + 1);
            candidates.insert(index, Candidate { log, first });
            last = Some(index);
            continue;
        };
        last = last.max(Some(index));
        if let Some(Before::Gap(_)) = &log.before {
            // Told or not, the gap is met again when reading begins before it.
            candidates[index].log.before = log.before;
        }
    }
    newest
}

fn place_by_time(candidates: &[Candidate], log: &Log) -> usize {
    let later = |candidate: &Candidate| candidate.log.live || candidate.log.time_ms > log.time_ms;
    candidates.iter().position(later).unwrap_or(candidates.len())
}
