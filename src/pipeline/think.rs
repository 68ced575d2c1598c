//! The thinker: one thread a cluster, between the sources and the writer.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::careful::Careful;
use super::own;
use super::renew::{AtWork, Fresh, Renewal};
use super::write::{Message, Save};
use crate::analyze::{Analyzer, LATENESS_SECONDS, Merge, Output};
use crate::batch::{Input, Position, SourceId};
use crate::event::Timestamp;
use crate::metrics::{BySource, BySourceReason, BySuppression, Metrics};
use crate::outbox::Outbox;
use crate::server::{Condition, Readiness};
use crate::source::Parcel;
use crate::suppress::Suppressed;

/// How often memory and positions are saved while records come.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// How often time passes without a record.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// How many ticks a silent source that has not said that it is at its end is waited for while others have something.
const SILENT_TICKS_MAX: u32 = 10;

/// How the thinking ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was asked to stop, or the writer did.
    Stopped,
    /// The analyzer panicked.
    Panicked {
        /// A note says at which record.
        in_hand: bool,
    },
}

/// What rides with an input.
struct Rider {
    number: u64,
    /// The room its source gets back once it is analyzed.
    _room: Option<OwnedSemaphorePermit>,
}

/// Everything the thinker works with.
pub(super) struct Thinker {
    pub(super) analyzer: Analyzer,
    /// What takes its place when the configuration changes.
    renewal: Renewal,
    pub(super) careful: Option<Careful>,
    pub(super) outbox: Outbox,
    pub(super) writer: SyncSender<Message>,
    pub(super) metrics: Metrics,
    pub(super) ready: Readiness,
    pub(super) stop: CancellationToken,
    merge: Merge<Rider>,
    /// Sources that have begun.
    known: BTreeSet<SourceId>,
    /// Numbers of inputs that are waiting, and the last one that came.
    waiting: BTreeSet<u64>,
    last: u64,
    saved_at: Instant,
    /// The outbox's end by then.
    saved_end: u64,
    save_soon: bool,
    /// Something changed since the last snapshot.
    changed: bool,
    /// Ticks in a row at which something waited for a silent source.
    blocked: u32,
}

impl Thinker {
    pub(super) fn new(
        at_work: AtWork,
        careful: Option<Careful>,
        outbox: Outbox,
        writer: SyncSender<Message>,
        metrics: Metrics,
        ready: Readiness,
        stop: CancellationToken,
    ) -> Self {
        let AtWork { analyzer, renewal } = at_work;
        Self {
            saved_end: outbox.end(),
            analyzer,
            renewal,
            careful,
            outbox,
            writer,
            metrics,
            ready,
            stop,
            merge: Merge::default(),
            known: BTreeSet::new(),
            waiting: BTreeSet::new(),
            last: 0,
            saved_at: Instant::now(),
            save_soon: false,
            changed: false,
            blocked: 0,
        }
    }

    /// Thinks until it is stopped. `handle` is the runtime whose clock and channel it waits on.
    pub(super) fn run(
        mut self,
        mut parcels: tokio::sync::mpsc::UnboundedReceiver<Parcel>,
        handle: &Handle,
    ) -> anyhow::Result<Ended> {
        let mut next_tick = Instant::now() + TICK_EVERY;
        loop {
            let parcel = handle.block_on(async {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => None,
                    parcel = parcels.recv() => parcel.map(Some),
                    () = tokio::time::sleep_until(next_tick.into()) => Some(None),
                }
            });
            let Some(parcel) = parcel else { break };
            let hung_up = match parcel {
                Some(parcel) => self.take(parcel).is_err(),
                None => false,
            };
            match self.think()? {
                Some(ended) => return Ok(ended),
                None if hung_up => return Ok(Ended::Stopped),
                None => {}
            }
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK_EVERY;
                if self.tick().is_err() {
                    return Ok(Ended::Stopped);
                }
            }
        }
        // What has not been analyzed is read again by the next start. Saved even when nothing has changed: a start that
        // no snapshot followed counts as a death.
        let _ = self.save(Vec::new(), false);
        Ok(Ended::Stopped)
    }

    fn take(&mut self, parcel: Parcel) -> Result<(), HungUp> {
        match parcel {
            Parcel::Begin { source, answer, .. } => {
                let position = self.analyzer.position(&source).cloned();
                self.merge.announce(source.clone(), self.analyzer.newest(&source));
                let known = self.analyzer.knows(&source);
                self.known.insert(source.clone());
                if known {
                    // A source that is gone needs no answer.
                    let _ = answer.send(position);
                    return Ok(());
                }
                self.analyzer.meet(&source);
                self.save(vec![(answer, position)], true)
            }
            Parcel::Input { number, input, room } => {
                self.last = number;
                self.waiting.insert(number);
                self.merge.offer(input, Rider { number, _room: room });
                Ok(())
            }
            Parcel::Checkpoint => {
                self.save_soon = true;
                Ok(())
            }
        }
    }

    /// Analyzes what is due.
    fn think(&mut self) -> anyhow::Result<Option<Ended>> {
        loop {
            if self.renew().is_err() {
                return Ok(Some(Ended::Stopped));
            }
            let Some((input, rider)) = self.merge.take() else { break };
            let mut out = Output::default();
            let new = self.analyzer.position(input.source()).is_none();
            match catch_unwind(AssertUnwindSafe(|| self.analyze(&input, &mut out))) {
                Ok(analyzed) => analyzed?,
                Err(_) => return Ok(Some(Ended::Panicked { in_hand: self.has_note()? })),
            }
            self.waiting.remove(&rider.number);
            self.changed = true;
            self.count(input.source(), &out);
            let due = new || self.save_soon || self.saved_at.elapsed() >= SAVE_EVERY;
            // Without a position the next start would begin with the live file and miss what is rotated until then.
            let needed = new && self.analyzer.position(input.source()).is_some();
            if self.tell(out).is_err() || (due && self.save(Vec::new(), needed).is_err()) {
                return Ok(Some(Ended::Stopped));
            }
            if self.stop.is_cancelled() {
                break;
            }
        }
        Ok(None)
    }

    /// Lets the analyzer of a newer configuration go on where the one at work is. If it cannot, that stays.
    fn renew(&mut self) -> Result<(), HungUp> {
        let Some(Fresh { mut analyzer, taken }) = self.renewal.take() else { return Ok(()) };
        let inherited = analyzer.inherit(&self.analyzer).context("take over the memory");
        let renewed = inherited.is_ok();
        // Who asked may be gone.
        let _ = taken.send(inherited);
        if !renewed {
            return Ok(());
        }
        self.analyzer = analyzer;
        self.save(Vec::new(), false)
    }

    /// Whether it is known at which record we are.
    fn has_note(&self) -> anyhow::Result<bool> {
        self.careful.as_ref().map_or(Ok(false), |careful| careful.in_hand.is_noted()).context("read the note in hand")
    }

    fn analyze(&mut self, input: &Input, out: &mut Output) -> anyhow::Result<()> {
        match &self.careful {
            Some(careful) => careful.analyze(&mut self.analyzer, input, out)?,
            None => self.analyzer.analyze(input, out),
        }
        self.merge.progressed(input.source(), self.analyzer.newest(input.source()));
        self.analyzer.settle(self.merge.horizon(), self.outbox.fullness(), out);
        Ok(())
    }

    /// Time passes: what was quiet is closed, what waits too long is saved, and it is said how we are.
    fn tick(&mut self) -> Result<(), HungUp> {
        let now = own::now();
        self.blocked = if self.merge.is_blocked() { self.blocked + 1 } else { 0 };
        if self.blocked > SILENT_TICKS_MAX {
            for source in self.merge.stop_waiting() {
                tracing::warn!(%source, "a source is silent: the others are not held up for it any longer");
            }
        }
        let horizon = self.merge.horizon();
        let mut out = Output::default();
        self.analyzer.settle(horizon, self.outbox.fullness(), &mut out);
        self.analyzer.tick(horizon.min(now.plus_seconds(-LATENESS_SECONDS)), &mut out);
        self.changed |= !out.alerts.is_empty();
        self.tell(out)?;
        // Others may have written to the outbox, which keeps all that came after our last two snapshots.
        self.changed |= self.outbox.end() != self.saved_end;
        if self.changed && (self.save_soon || self.saved_at.elapsed() >= SAVE_EVERY) {
            self.save(Vec::new(), false)?;
        }
        self.outbox.observe();
        self.observe(now);
        Ok(())
    }

    fn tell(&mut self, out: Output) -> Result<(), HungUp> {
        for Suppressed { by, rule } in &out.suppressed {
            let label = BySuppression { suppression: by.to_string(), rule: rule.id.clone() };
            self.metrics.suppressed.get_or_create(&label).inc();
        }
        if out.alerts.is_empty() && out.quarantined.is_empty() {
            return Ok(());
        }
        let message = Message::Told { alerts: out.alerts, quarantined: out.quarantined };
        self.writer.send(message).map_err(|_| HungUp)
    }

    fn save(&mut self, answers: Vec<Answer>, needed: bool) -> Result<(), HungUp> {
        self.saved_at = Instant::now();
        self.saved_end = self.outbox.end();
        self.save_soon = false;
        self.changed = false;
        let covers = self.waiting.first().map_or(self.last, |first| first - 1);
        let snapshot = match self.analyzer.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(%error, "memory could not be written down; the last snapshot stays");
                return Ok(());
            }
        };
        // One that only says where reading begins is no proof that what was died of is passed.
        let careful = if needed { None } else { self.careful.take() };
        if careful.is_some_and(|careful| careful.in_hand.clear().is_err()) {
            tracing::warn!("the note of the record in hand could not be removed");
        }
        self.writer.send(Message::Save(Save { snapshot, covers, needed, answers })).map_err(|_| HungUp)
    }

    fn count(&self, source: &SourceId, out: &Output) {
        let source = source.to_string();
        self.metrics.events.get_or_create(&BySource { source: source.clone() }).inc_by(out.events);
        self.metrics.duplicates.inc_by(out.duplicates);
        for (&reason, &passed) in &out.passed {
            let label = BySourceReason { source: source.clone(), reason };
            self.metrics.passed.get_or_create(&label).inc_by(passed);
        }
        for record in &out.quarantined {
            let label = BySourceReason { source: source.clone(), reason: record.reason };
            self.metrics.malformed.get_or_create(&label).inc();
        }
    }

    fn observe(&self, now: Timestamp) {
        let mut blind = None;
        for source in &self.known {
            let label = BySource { source: source.to_string() };
            let newest = self.analyzer.newest(source).filter(|_| self.merge.is_behind(source));
            let lag = newest.map_or(0.0, |newest| (now.micros() - newest.micros()) as f64 / 1e6);
            self.metrics.lag_seconds.get_or_create(&label).set(lag.max(0.0));
            if self.metrics.attached.get_or_create(&label).get() == 0 {
                blind = Some(format!("{source} cannot be read"));
            }
        }
        match blind {
            Some(reason) => self.ready.unmet(Condition::Inputs, reason),
            None if self.known.is_empty() => self.ready.unmet(Condition::Inputs, "no source has begun"),
            None => self.ready.met(Condition::Inputs),
        }
    }
}

type Answer = (tokio::sync::oneshot::Sender<Option<Position>>, Option<Position>);

/// The writer is gone.
struct HungUp;
