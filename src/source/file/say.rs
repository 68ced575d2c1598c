//! Puts what was read into inputs, each with the position it reaches.

use std::io;

use bytes::Bytes;

use crate::batch::{Batch, Envelope, Framing, Input, Notice, NoticeKind, Place, Position};

use super::done::{Done, Late};
use super::follower::{Follower, Orders, Step};
use super::long::LongLine;
use super::position::Mark;
use super::reader::Piece;

impl Follower {
    pub(super) fn lines(&mut self, bytes: Bytes, offset: u64) -> Step {
        let Some(reader) = &mut self.reader else { return Step::More };
        let mark = reader.mark();
        let at_end = self.waiting.is_empty() && reader.is_at_end();
        let start = Place { name: mark.path.as_str().into(), offset };
        let upto = mark.position();
        let was_empty = self.mark.as_ref().is_none_or(|before| before.head.is_unknown());
        if was_empty && !mark.head.is_unknown() {
            // A position in an empty file does not say which file it was, once that has another name.
            self.outgoing.push_back(Step::Checkpoint);
        }
        self.mark = Some(mark);
        self.told_end = at_end;
        self.orders.gauges.read(bytes.len(), self.behind());
        Step::Send(Input::Batch(self.batch(bytes, start, upto, at_end)))
    }

    pub(super) fn batch(&self, bytes: Bytes, start: Place, upto: Position, at_end: bool) -> Batch {
        let Orders { source, cluster, .. } = &self.orders;
        let (source, cluster) = (source.clone(), cluster.clone());
        let (framing, envelope) = (Framing::Lines, Envelope::default());
        Batch { source, cluster, bytes, framing, envelope, start, upto, at_end }
    }

    pub(super) fn long_line(&mut self, line: LongLine) -> Step {
        let LongLine { offset, length, prefix, sha256 } = line;
        self.orders.gauges.read(length as usize, self.behind());
        self.reached(offset, NoticeKind::Oversized { length, prefix, sha256 })
    }

    /// A notice about what stands at `offset` in the file being read; it moves us past it.
    pub(super) fn reached(&mut self, offset: u64, kind: NoticeKind) -> Step {
        let Some(reader) = &mut self.reader else { return Step::More };
        let mark = reader.mark();
        let place = Place { name: mark.path.as_str().into(), offset };
        self.mark = Some(mark);
        self.told_end = false;
        self.notice(place, kind)
    }

    pub(super) fn notice(&self, at: Place, kind: NoticeKind) -> Step {
        let Orders { source, cluster, .. } = &self.orders;
        let upto = self.mark.as_ref().map(Mark::position);
        Step::Send(Input::Notice(Notice { source: source.clone(), cluster: cluster.clone(), at, upto, kind }))
    }

    /// Nothing more can be read now.
    pub(super) fn idle(&mut self) -> Step {
        self.orders.gauges.read(0, self.behind());
        self.orders.gauges.held(self.held());
        if self.missing && self.reader.is_some() {
            self.orders.gauges.failed(&io::ErrorKind::NotFound.into());
        }
        if let Some(step) = self.late_lines() {
            return step;
        }
        if self.told_end {
            return Step::Idle(self.orders.poll);
        }
        self.told_end = true;
        let at = match &self.mark {
            Some(mark) => Place { name: mark.path.as_str().into(), offset: mark.offset },
            None => Place { name: self.orders.source.shared(), offset: 0 },
        };
        self.notice(at, NoticeKind::AtEnd)
    }

    /// Lines that came into a file after it was left. The API server does not do that, but others leave a renamed
    /// file late, and a removed one may be written on.
    pub(super) fn late_lines(&mut self) -> Option<Step> {
        let Late { name, piece, vanishing } = self.done.iter_mut().find_map(Done::late)?;
        if let Some(offset) = vanishing {
            self.outgoing.push_back(self.notice(Place { name: name.clone(), offset }, NoticeKind::Vanished));
        }
        let upto = self.mark.as_ref()?.position();
        self.told_end = false;
        match piece {
            Piece::Lines { bytes, offset } => {
                Some(Step::Send(Input::Batch(self.batch(bytes, Place { name, offset }, upto, false))))
            }
            Piece::Long(LongLine { offset, length, prefix, sha256 }) => {
                Some(self.notice(Place { name, offset }, NoticeKind::Oversized { length, prefix, sha256 }))
            }
            _ => Some(Step::More),
        }
    }
}
