//! The reading end: a source whose position is the number of the next entry.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::entry::{Kept, read};
use super::lines::lines;
use super::{Spool, Standing};
use crate::batch::{Batch, Envelope, Framing, Input, Notice, NoticeKind, Place, Position};
use crate::metrics::{BySource, BySourceReason};
use crate::segment::{DamageKind, OwnedRecord, Reader};
use crate::source::{Closed, Outlet, Source};
use crate::state::lock;

/// A batch is closed when the next body would take it beyond this, bytes. A longer body makes a batch of its own.
const BATCH_BYTES: usize = 1024 * 1024;

/// How often the world is looked at while nothing comes.
const IDLE: Duration = Duration::from_secs(1);

/// Share of a spool after which a snapshot is asked for, so that room comes back before it is full.
const CHECKPOINT_SHARE: u64 = 8;

/// Most bytes between two of those snapshots.
const CHECKPOINT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a spool. Clones read the same one; one runs at a time.
#[derive(Debug, Clone)]
pub struct SpoolSource {
    spool: Spool,
    /// Its sender may be silent although it has more: it is waited for until it says that it has not.
    expected: bool,
}

impl SpoolSource {
    /// The source of a spool whose sender posts when there is something.
    pub fn new(spool: Spool) -> Self {
        Self { spool, expected: false }
    }

    /// Likewise, with a sender that is known to be there and may have to catch up before others are taken.
    pub fn expected(spool: Spool) -> Self {
        Self { spool, expected: true }
    }

    async fn follow(&self, out: Outlet) -> anyhow::Result<()> {
        let spool = &self.spool;
        let position = out.begin(spool.source(), spool.cluster()).await?;
        let position = position.map_or(Ok(1), |position| position.as_str().parse::<u64>());
        // Nobody but us writes positions. One that we cannot read must not cost what is held: it is read again.
        let from = spool.begin(position.unwrap_or(1));
        let mut end = spool.0.end.subscribe();
        let mut reading = Reading::new(spool.clone(), from);
        for notice in reading.damage(from) {
            out.send(notice).await?;
        }
        let mut silent = self.expected;
        let mut told_end = false;
        let mut since_checkpoint = 0;
        loop {
            let input;
            (reading, input) = aside(reading, out.saved().both).await?;
            match input {
                Some(input) => {
                    (silent, told_end) = (false, matches!(&input, Input::Batch(batch) if batch.at_end));
                    since_checkpoint += input.weight() as u64;
                    reading.sent(out.send(input).await?);
                }
                None => {
                    if !silent && !told_end && reading.standing == Standing::AtEnd {
                        out.send(reading.notice(NoticeKind::AtEnd)).await?;
                        told_end = true;
                    }
                    wait(&mut end, reading.next).await;
                }
            }
            if since_checkpoint >= (spool.0.bytes_max / CHECKPOINT_SHARE).min(CHECKPOINT_BYTES_MAX) {
                since_checkpoint = 0;
                out.checkpoint()?;
            }
        }
    }
}

impl Source for SpoolSource {
    async fn run(self, out: Outlet, stop: CancellationToken) -> anyhow::Result<()> {
        match stop.run_until_cancelled(self.follow(out)).await {
            Some(Err(error)) if !error.is::<Closed>() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Waits for an entry that is not below `next`, at most so long that the world is looked at now and then.
async fn wait(end: &mut watch::Receiver<u64>, next: u64) {
    // Neither outcome needs an answer: we look again.
    let _ = tokio::time::timeout(IDLE, end.wait_for(|end| *end > next)).await;
}

/// Reads, and lets go what is safe, on a thread where blocking is allowed.
async fn aside(mut reading: Reading, both: u64) -> anyhow::Result<(Reading, Option<Input>)> {
    tokio::task::spawn_blocking(move || {
        reading.release(both)?;
        let input = reading.next()?;
        reading.spool.look_for_room();
        Ok((reading, input))
    })
    .await
    .context("join the reader of a spool")?
}

/// How far a spool has been read, and what of it is safe.
struct Reading {
    spool: Spool,
    reader: Reader,
    /// A notice that came before its batch was handed over.
    ahead: Option<OwnedRecord>,
    /// The number of the next entry to hand over.
    next: u64,
    /// What the sender said of itself last.
    standing: Standing,
    /// Inputs that no pair of snapshots covers yet: their numbers, and the entries they reach.
    unsaved: VecDeque<(u64, u64)>,
}

impl Reading {
    fn new(spool: Spool, from: u64) -> Self {
        let reader = spool.0.view.read_from(from);
        Self { spool, reader, ahead: None, next: from, standing: Standing::AtEnd, unsaved: VecDeque::new() }
    }

    /// What was damaged when the spool was opened, as notices: events that we had said to have are gone.
    fn damage(&self, from: u64) -> Vec<Input> {
        let mut damage = std::mem::take(&mut *lock(&self.spool.0.damage));
        // What a crash tore off was never answered.
        damage.retain(|damage| damage.kind != DamageKind::TornTail);
        let detail = |bytes| format!("{bytes} bytes of the spool cannot be read any more");
        let notices = damage.iter().map(|damage| NoticeKind::Gap { detail: detail(damage.bytes) });
        notices.map(|kind| self.notice_at(from, kind)).collect()
    }

    /// The next batch or notice; nothing at the end.
    fn next(&mut self) -> anyhow::Result<Option<Input>> {
        let Some(first) = self.record()? else { return Ok(None) };
        let seq = first.seq;
        let mut bytes = match self.take(first) {
            Ok(bytes) => bytes,
            Err(kind) => return Ok(Some(self.notice_at(seq, kind))),
        };
        while bytes.len() < BATCH_BYTES
            && let Some(record) = self.record()?
        {
            let (kept, standing) = (record.payload.first().copied(), record.payload.len());
            if !matches!(kept, Some(b'B' | b'b')) || bytes.len() + standing > BATCH_BYTES {
                self.ahead = Some(record);
                break;
            }
            if let Ok(more) = self.take(record) {
                bytes.push(b'\n');
                bytes.extend_from_slice(&more);
            }
        }
        self.count(bytes.len());
        Ok(Some(Input::Batch(Batch {
            source: self.spool.source().clone(),
            cluster: self.spool.cluster().clone(),
            bytes: Bytes::from(bytes),
            framing: Framing::Lines,
            envelope: Envelope::default(),
            start: self.place(seq),
            upto: self.position(),
            at_end: self.standing == Standing::AtEnd && self.ahead.is_none() && self.next >= self.spool.0.view.end(),
        })))
    }

    fn record(&mut self) -> anyhow::Result<Option<OwnedRecord>> {
        match self.ahead.take() {
            Some(record) => Ok(Some(record)),
            None => self.reader.next().map_err(|error| self.failed(error)),
        }
    }

    /// The lines of a body, or what is told instead.
    fn take(&mut self, record: OwnedRecord) -> Result<Vec<u8>, NoticeKind> {
        self.next = record.seq + 1;
        let (kept, standing) = read(record.payload);
        self.standing = standing;
        match kept {
            Kept::Notice(told) => Err(told.into_kind()),
            Kept::Body(mut body) => {
                let range = lines(&mut body);
                body.truncate(range.end);
                body.drain(..range.start);
                Ok(body)
            }
        }
    }

    /// The disk cannot be read. What was answered must be read before anything after it, so we stop.
    fn failed(&self, error: io::Error) -> anyhow::Error {
        let by = BySourceReason { source: self.spool.source().to_string(), reason: "io" };
        self.spool.0.metrics.source_errors.get_or_create(&by).inc();
        anyhow::Error::new(error).context(format!("read the spool of {}", self.spool.source()))
    }

    fn count(&self, bytes: usize) {
        let by = BySource { source: self.spool.source().to_string() };
        let metrics = &self.spool.0.metrics;
        metrics.read_bytes.get_or_create(&by).inc_by(bytes as u64);
        let behind = self.spool.0.view.end().saturating_sub(self.next);
        metrics.lag_records.get_or_create(&by).set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    fn notice(&self, kind: NoticeKind) -> Input {
        self.notice_at(self.next, kind)
    }

    fn notice_at(&self, seq: u64, kind: NoticeKind) -> Input {
        Input::Notice(Notice {
            source: self.spool.source().clone(),
            cluster: self.spool.cluster().clone(),
            at: self.place(seq),
            upto: Some(self.position()),
            kind,
        })
    }

    fn position(&self) -> Position {
        Position::new(self.next.to_string())
    }

    /// Entries are what people count; the offset goes on through those that share a batch.
    fn place(&self, seq: u64) -> Place {
        Place { name: format!("{} body {seq}", self.spool.source()).into(), offset: 0 }
    }

    fn sent(&mut self, number: u64) {
        self.unsaved.push_back((number, self.next));
    }

    /// Lets go what both kept snapshots are past.
    fn release(&mut self, both: u64) -> anyhow::Result<()> {
        let mut safe = None;
        while let Some(&(number, upto)) = self.unsaved.front()
            && number <= both
        {
            self.unsaved.pop_front();
            safe = Some(upto);
        }
        let Some(upto) = safe else { return Ok(()) };
        lock(&self.spool.0.log).unlink_before(upto).context("remove what is read of a spool")?;
        self.spool.observe();
        Ok(())
    }
}
