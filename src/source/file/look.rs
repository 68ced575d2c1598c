//! Looks into the log's folder: where to begin, and what has come since.

use std::collections::VecDeque;
use std::io;

use super::done::Done;
use super::family::Member;
use super::follower::{Follower, HELD_MAX};
use super::identity::Inode;
use super::log::Log;
use super::plan::{self, Before, Candidate, Plan, Waiting};

impl Follower {
    /// Finds the file to read: the next that waits, or after the mark.
    pub(super) fn attach(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            let (candidates, unreadable) = self.candidates()?;
            let plan = self.plan(candidates)?;
            match (plan, unreadable) {
                // The file we look for may be the one that we cannot read.
                (None | Some(Plan { reader: None, .. }), Some(error)) if !self.is_out_of_patience() => return Err(error),
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
            self.begin(reader, None);
        }
        self.limit_held();
        self.orders.shelf.clear();
    }

    /// All files that are there or held, oldest first, and why some could not be read.
    fn candidates(&self) -> io::Result<(Vec<Candidate>, Option<io::Error>)> {
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
        for log in self.orders.shelf.logs() {
            add_held(&mut candidates, log);
        }
        Ok((candidates, unreadable))
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
        self.relist()
    }

    /// Whether backups came to light that belong before the live file, which is about to be read from its start: it
    /// was copied and cut short before we read anything of it.
    pub(super) fn was_copied(&mut self) -> io::Result<bool> {
        self.copied = false;
        self.relist()?;
        Ok(self.copied)
    }

    /// Finds every known file in the folder and takes in those that are new.
    pub(super) fn relist(&mut self) -> io::Result<()> {
        let members = self.orders.family.list()?;
        for log in self.known() {
            log.listed = false;
            log.measure().ok();
        }
        let mut new = Vec::new();
        for member in members {
            if let Some(found) = self.meet(member)? {
                new.push(found);
            }
        }
        self.done.retain(|done| done.log.listed || done.log.file.is_some());
        self.append(new);
        self.limit_held();
        Ok(())
    }

    /// Recognises a file, or returns it as a new one.
    fn meet(&mut self, member: Member) -> io::Result<Option<Log>> {
        if let Some(log) = self.known().find(|log| log.is_member(&member)) {
            log.meet(&member);
            return Ok(None);
        }
        let found = match Log::open(member.clone()) {
            Ok((found, _)) => found,
            Err(error) if is_gone(&error) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) if member.live => return Err(error),
            Err(_) => Log::closed(member.clone()),
        };
        // A new live file may start as a copy of an older one, but goes its own way.
        let same = self.known().find(|log| !member.live && log.is(&found));
        match same {
            Some(log) => log.meet(&member),
            None => return Ok(Some(found)),
        }
        Ok(None)
    }

    fn append(&mut self, new: Vec<Log>) {
        if let Some(live) = self.newest().filter(|newest| newest.live && newest.listed).cloned() {
            // Nothing can be newer than the live file. A copy of it that is just being made is left alone.
            let number = self.next_number();
            for log in new.into_iter().filter(|log| log.head.is_unknown() || log.head != live.head) {
                self.done.push(Done::earlier(log, number));
                self.copied = true;
            }
            return;
        }
        // When the newest file we knew was rotated and is gone, so may be some that we never saw: backups are removed
        // oldest first.
        let lost = self.newest().filter(|newest| !newest.listed && !newest.lost_its_name(&self.orders.family));
        let mut gap = lost.map(|newest| {
            let name = newest.short_name();
            Before::Gap(format!("{name} was rotated and removed between two looks, and maybe others after it"))
        });
        for log in self.known() {
            // Whoever is not listed under the live name has been rotated or removed.
            log.live = log.live && log.listed;
        }
        for log in new {
            self.waiting.push_back(Waiting { log, before: gap.take() });
        }
    }

    /// Puts all files that are held on the shelf and forgets what else is known, to find our way anew.
    pub(super) fn park(&mut self) {
        let logs: Vec<Log> = self.known().map(|log| log.clone()).collect();
        self.orders.shelf.put(logs.into_iter().map(|log| Log { live: false, ..log }));
        (self.reader, self.waiting, self.done) = (None, VecDeque::new(), Vec::new());
    }

    /// The newest file we know of.
    fn newest(&self) -> Option<&Log> {
        let reader = self.reader.as_ref().map(|reader| &reader.log);
        self.waiting.back().map(|waiting| &waiting.log).or(reader).or(self.done.last().map(|done| &done.log))
    }

    fn known(&mut self) -> impl Iterator<Item = &mut Log> {
        let waiting = self.waiting.iter_mut().map(|waiting| &mut waiting.log);
        let done = self.done.iter_mut().map(|done| &mut done.log);
        self.reader.iter_mut().map(|reader| &mut reader.log).chain(waiting).chain(done)
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
        for waiting in self.waiting.iter_mut().take(between) {
            match waiting.log.file.is_some() {
                true => {}
                false if held < HELD_MAX => held += usize::from(waiting.log.reopen().is_ok()),
                false => break,
            }
        }
        // The next one and the newest are always held.
        for waiting in self.waiting.iter_mut().take(between).skip(1).rev().filter(|waiting| waiting.log.file.is_some()) {
            if held <= HELD_MAX {
                break;
            }
            waiting.log.file = None;
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

/// Adds a file that is held but may have no name any more, at its place in time.
fn add_held(candidates: &mut Vec<Candidate>, mut log: Log) {
    let listed = candidates.iter().any(|candidate| candidate.log.inode == log.inode || candidate.log.is(&log));
    if listed {
        return;
    }
    let Ok(first) = log.measure() else { return };
    let later = |candidate: &Candidate| candidate.log.live || candidate.log.time_ms > log.time_ms;
    let index = candidates.iter().position(later).unwrap_or(candidates.len());
    candidates.insert(index, Candidate { log, first });
}
