//! Where to go on reading: which file the saved position is in, and what comes after it.

use std::io;

use super::identity::is_torn;
use super::log::Log;
use super::position::{Mark, time};
use super::reader::Reader;

/// A file that could be the one, with its first bytes.
#[derive(Debug)]
pub struct Candidate {
    /// The file.
    pub log: Log,
    /// Its first bytes, as far as they can be read.
    pub first: Vec<u8>,
}

/// What separates a file from what was read before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Something was lost.
    Gap(String),
    /// The file was cut short in place.
    Truncated(String),
}

impl Before {
    /// The newest file we knew is gone.
    pub fn removed(newest: &Log) -> Self {
        let name = newest.short_name();
        Self::Gap(format!("{name} was rotated and removed between two looks, and maybe others after it"))
    }
}

/// The order of work.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files that are read already, or never will be.
    pub done: Vec<Log>,
    /// The file to go on in.
    pub reader: Option<Reader>,
    /// What to read after it, in order.
    pub waiting: Vec<Log>,
}

impl Plan {
    /// Says that files may be missing after `log`, if it is to be read.
    pub fn break_after(&mut self, log: Log) {
        let reader = self.reader.iter().map(|reader| &reader.log);
        let mut logs = reader.chain(&self.waiting);
        let Some(index) = logs.position(|other| other.inode == log.inode) else { return };
        let next = index + 1 - usize::from(self.reader.is_some());
        if let Some(next) = self.waiting.get_mut(next) {
            next.before.get_or_insert(Before::removed(&log));
        }
    }
}

/// Reads from the start: of the live file, or of the oldest backup. Nothing as long as there is no live file.
pub fn first_start(candidates: Vec<Candidate>, from_backups: bool) -> Option<Plan> {
    candidates.last().filter(|candidate| candidate.log.live)?;
    let (done, waiting) = candidates.into_iter().map(|one| one.log).partition(|log| !log.live && !from_backups);
    Some(Plan { done, reader: None, waiting: queue(None, waiting) })
}

/// Reads everything, after a gap: the saved position says nothing.
pub fn start_over(candidates: Vec<Candidate>, why: &str) -> Option<Plan> {
    let mut plan = first_start(candidates, true)?;
    plan.waiting.first_mut()?.before = Some(Before::Gap(why.to_owned()));
    Some(plan)
}

/// Goes on after `mark`. Nothing as long as its file is not found and there is no live file: the folder may not be
/// there yet, or a rotation is under way.
pub fn go_on(candidates: Vec<Candidate>, mark: &Mark, line_bytes_max: usize) -> io::Result<Option<Plan>> {
    let found = find(&candidates, mark, line_bytes_max)?;
    let has_live = candidates.last().is_some_and(|candidate| candidate.log.live);
    let mut logs: Vec<Log> = candidates.into_iter().map(|candidate| candidate.log).collect();
    let Some((index, mut reader)) = found else {
        return Ok(has_live.then(|| after_loss(logs, mark)));
    };
    let newer = logs.split_off(index + 1);
    logs.truncate(index);
    let mut waiting = queue(Some(&reader.log), newer);
    if let Some(live) = waiting.last_mut().filter(|last| last.live && last.inode == mark.inode) {
        // What we go on in is a copy of what the live file was: what was missing before the one is missing before it.
        reader.log.before = live.before.replace(cut_short(mark));
        reader.log.told = true;
    }
    Ok(Some(Plan { done: logs, reader: Some(reader), waiting }))
}

/// The file the mark is in: begins the same and has the same bytes before the offset. Of several, the same inode is
/// preferred, then plain files.
fn find(candidates: &[Candidate], mark: &Mark, line_bytes_max: usize) -> io::Result<Option<(usize, Reader)>> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&index| (candidates[index].log.inode != mark.inode, candidates[index].log.gz));
    for index in order {
        let Candidate { log, first } = &candidates[index];
        if !mark.head.begins(first) {
            continue;
        }
        match Reader::resume(log.clone(), mark, line_bytes_max) {
            Ok(Some(reader)) => return Ok(Some((index, reader))),
            Ok(None) => {}
            Err(error) if is_torn(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The file is gone, or no longer what it was: reads all that came later.
fn after_loss(logs: Vec<Log>, mark: &Mark) -> Plan {
    let (newer, done) = newer_and_done(logs, mark);
    let same_inode = newer.last().is_some_and(|live| live.inode == mark.inode);
    // Without a time of birth, a backup made since says that the number was used again.
    let same_live = same_inode && (newer.len() == 1 || newer.last().is_some_and(|live| live.inode.surely(mark.inode)));
    // We had read nothing of the file. Backups are removed oldest first: where it is still there, or an older one,
    // nothing was lost.
    let nothing_read = mark.head.is_unknown();
    let is_there = same_live || newer.iter().any(|log| log.inode.surely(mark.inode));
    let nothing_lost = nothing_read && (is_there || !done.is_empty());
    let was_cut = same_live && !nothing_read;
    let mut waiting = queue(None, newer);
    if was_cut {
        waiting.last_mut().into_iter().for_each(|live| live.before = Some(cut_short(mark)));
    } else if !nothing_lost {
        waiting.first_mut().into_iter().for_each(|first| first.before = Some(gone(mark, first)));
    }
    Plan { done, reader: None, waiting }
}

/// What came after the file of the mark, and what did not. Where that file is a backup among them, later ones are known
/// by their order as well as by their times: those of files that are written come from the kernel's clock, which is
/// some milliseconds behind the one that rotations are stamped by.
fn newer_and_done(logs: Vec<Log>, mark: &Mark) -> (Vec<Log>, Vec<Log>) {
    let own = logs.iter().position(|log| !log.live && log.inode.surely(mark.inode));
    let (mut newer, mut done) = (Vec::new(), Vec::new());
    for (index, log) in logs.into_iter().enumerate() {
        let later = log.time_ms > mark.time_ms || own.is_some_and(|own| index > own);
        if log.live || later { newer.push(log) } else { done.push(log) }
    }
    (newer, done)
}

fn cut_short(mark: &Mark) -> Before {
    Before::Truncated(format!("the file was cut short or overwritten in place after offset {} was read", mark.offset))
}

fn gone(mark: &Mark, next: &Log) -> Before {
    let Mark { path, offset, time_ms, .. } = mark;
    let next = match next.live {
        true => format!("{}, the live file", next.short_name()),
        false => format!("{}, rotated {}", next.short_name(), time(next.time_ms)),
    };
    Before::Gap(format!(
        "the file read last ({path} up to offset {offset}, of {}) was removed before it was read to its end, and \
         maybe others after it; reading goes on with {next}",
        time(*time_ms)
    ))
}

/// Files to read after `current`, less copies of what comes before them.
fn queue(current: Option<&Log>, logs: Vec<Log>) -> Vec<Log> {
    let mut waiting: Vec<Log> = Vec::with_capacity(logs.len());
    for log in logs {
        let is_copy = current.into_iter().chain(&waiting).any(|earlier| earlier.is(&log));
        if log.live || !is_copy {
            waiting.push(log);
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::source::file::family::Family;
    use crate::source::file::identity::{Head, Window};

    #[test]
    fn a_file_written_within_the_tick_of_a_rotation_still_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["audit-2026-11-25T07-00-00.405.log", "audit-2026-11-25T07-00-00.406.log", "audit.log"] {
            File::create(folder.path().join(name)).unwrap();
        }
        let live = folder.path().join("audit.log");
        fs::write(&live, "{}\n").unwrap();
        let members = Family::new(live, None).list().unwrap();
        let mut logs: Vec<_> = members.into_iter().map(|member| Log::open(member).unwrap().0).collect();
        let blank = logs[1].clone();
        // Held although it was rotated and removed since; its time is that of its last write, by the coarser clock.
        let held = Log { live: false, time_ms: blank.time_ms, ..logs[2].clone() };
        logs.insert(2, held);
        let mark = Mark {
            path: blank.path.display().to_string(),
            inode: blank.inode,
            head: Head::default(),
            offset: 30,
            tail: Window::default().tail(),
            time_ms: blank.time_ms,
        };
        let (newer, done) = newer_and_done(logs, &mark);
        assert_eq!((newer.len(), done.len()), (2, 2), "{newer:?}");
        assert!(!newer[0].live && newer[1].live);
    }
}
