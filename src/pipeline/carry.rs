//! `forward`: reads like `run`, and thinks nothing of it.
//!
//! What the sources hand over goes, in the order of event time, to another Gatecrier. Positions are saved after it was
//! taken, never before: after a crash at most a second's worth is sent again, and recognised there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::read::{self, Inputs};
use super::receive::Receiving;
use crate::analyze::Merge;
use crate::batch::{ClusterId, Input, Position, SourceId};
use crate::config::Config;
use crate::decode::Partial;
use crate::forward::{Load, Poster, pack};
use crate::metrics::{BySource, BySourceReason, Metrics};
use crate::server::{Condition, Readiness};
use crate::snapshot::{SaveError, SnapshotStore};
use crate::source::spool::Standing;
use crate::source::{self, Parcel, Saved};
use crate::state::StateDir;

/// What the snapshots of a forwarder are called, beside which no cluster's stand.
const STORE: &str = "forward";

/// How often positions are saved while records come.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often time passes without a record.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// How many ticks a silent source that has not said that it is at its end is waited for while others have something.
const SILENT_TICKS_MAX: u32 = 10;

/// Events taken up at a time, about. More are left to the sources.
const EVENTS_MAX: usize = 2000;

/// Carries until `stop`.
///
/// # Errors
/// State that cannot be used, a source that cannot be read for ever, a disk that no longer keeps what it is given.
pub async fn forward(
    config: Config,
    metrics: Metrics,
    ready: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let target = config.forward.as_ref().context("find `forward` in the configuration")?;
    let poster = Poster::new(target, metrics.clone())?;
    let state = StateDir::open(&config.state)?;
    let store = SnapshotStore::open(&state, &ClusterId::new(STORE))?;
    let memory = Memory::load(&store)?;
    let Inputs { clusters, receivers } = read::inputs(&config, &state, &metrics)?;
    let sources: Vec<_> = clusters.into_values().flatten().collect();
    let stop = stop.child_token();
    let (broken, mut breaks) = mpsc::unbounded_channel();
    let receiving = Receiving::start(receivers, &stop, &broken);
    let (outlet, intake) = source::channel();
    let mut reading = read::start(&sources, &outlet, &stop);
    drop(outlet);
    tracing::info!(receiver = poster.origin(), "forwarding");
    ready.met(Condition::Rules);
    ready.met(Condition::Outbox);
    let desk = Desk::new(memory, metrics, ready);
    let carrier = Carrier { desk, store, saved: intake.saved, saved_at: Instant::now(), told: None };
    let mut carrying = std::pin::pin!(carrier.run(poster, intake.parcels, &stop));
    let carried = tokio::select! {
        carried = &mut carrying => carried,
        Some(error) = first_failure(&mut reading, &stop) => end(&stop, carrying).await.and(Err(error)),
        Some(error) = breaks.recv() => end(&stop, carrying).await.and(Err(error)),
    };
    stop.cancel();
    while reading.join_next().await.is_some() {}
    receiving.end().await;
    carried
}

/// Ends the carrying, whose positions are saved first.
async fn end<F: Future<Output = anyhow::Result<()>>>(stop: &CancellationToken, carrying: F) -> anyhow::Result<()> {
    stop.cancel();
    carrying.await
}

/// The first source that ended without being asked to; nothing once all were asked.
async fn first_failure(reading: &mut JoinSet<anyhow::Result<()>>, stop: &CancellationToken) -> Option<anyhow::Error> {
    loop {
        match reading.join_next().await? {
            _ if stop.is_cancelled() => return None,
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(error),
            Err(error) => return Some(anyhow::Error::new(error).context("join a source")),
        }
    }
}

/// What outlasts the process.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Where to read on.
    positions: BTreeMap<SourceId, Position>,
    /// The beginnings of records that go on behind them.
    #[serde(default)]
    partials: BTreeMap<SourceId, Partial>,
}

impl Memory {
    fn load(store: &SnapshotStore) -> anyhow::Result<Self> {
        let loaded = store.load()?;
        if let Some(complaint) = loaded.complaint {
            tracing::error!("{complaint}");
        }
        let read = |payload: Vec<u8>| serde_json::from_slice(&payload).context("read the saved positions");
        loaded.payload.map_or_else(|| Ok(Self::default()), read)
    }
}

/// What rides with an input.
struct Rider {
    number: u64,
    _room: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// Takes in what sources hand over, in the order of event time.
struct Desk {
    memory: Memory,
    /// As [`Memory::partials`], of what is on its way.
    partials: BTreeMap<SourceId, Partial>,
    merge: Merge<Rider>,
    known: BTreeSet<SourceId>,
    /// Numbers of inputs that are waiting, and the last one that came.
    waiting: BTreeSet<u64>,
    last: u64,
    /// Ticks in a row at which something waited for a silent source.
    blocked: u32,
    save_soon: bool,
    metrics: Metrics,
    ready: Readiness,
}

/// What is carried together, and what is reached once it is taken.
struct Bundle {
    loads: Vec<Load>,
    inputs: Vec<Reached>,
}

struct Reached {
    source: SourceId,
    position: Option<Position>,
    partial: Partial,
    number: u64,
    rider: Rider,
}

impl Desk {
    fn new(memory: Memory, metrics: Metrics, ready: Readiness) -> Self {
        Self {
            partials: memory.partials.clone(),
            memory,
            merge: Merge::default(),
            known: BTreeSet::new(),
            waiting: BTreeSet::new(),
            last: 0,
            blocked: 0,
            save_soon: false,
            metrics,
            ready,
        }
    }

    fn take(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Begin { source, answer, .. } => {
                self.merge.announce(source.clone(), None);
                let position = self.memory.positions.get(&source).cloned();
                self.known.insert(source);
                // A source that is gone needs no answer.
                let _ = answer.send(position);
            }
            Parcel::Input { number, input, room } => {
                self.last = number;
                self.waiting.insert(number);
                self.merge.offer(input, Rider { number, _room: room });
            }
            Parcel::Checkpoint => self.save_soon = true,
        }
    }

    /// What is due, in order.
    fn bundle(&mut self) -> Bundle {
        let mut bundle = Bundle { loads: Vec::new(), inputs: Vec::new() };
        let mut events = 0;
        while events < EVENTS_MAX
            && let Some((input, rider)) = self.merge.take()
        {
            let before: u64 = bundle.loads.iter().map(Load::events).sum();
            let partial = self.partials.entry(input.source().clone()).or_default();
            let packed = pack(&input, partial, &mut bundle.loads);
            let partial = partial.clone();
            let all: u64 = bundle.loads.iter().map(Load::events).sum();
            events += usize::try_from(all - before).unwrap_or(usize::MAX).max(1);
            self.merge.progressed(input.source(), packed.newest);
            for (reason, passed) in packed.passed {
                let by = BySourceReason { source: input.source().to_string(), reason };
                self.metrics.passed.get_or_create(&by).inc_by(passed);
            }
            let (source, number) = (input.source().clone(), rider.number);
            let position = match input {
                Input::Batch(batch) => Some(batch.upto),
                Input::Notice(notice) => notice.upto,
            };
            bundle.inputs.push(Reached { source, position, partial, number, rider });
        }
        bundle
    }

    /// All of it was taken.
    fn reached(&mut self, inputs: Vec<Reached>) {
        for Reached { source, position, partial, number, rider } in inputs {
            self.waiting.remove(&number);
            if partial.is_empty() {
                self.memory.partials.remove(&source);
            } else {
                self.memory.partials.insert(source.clone(), partial);
            }
            if let Some(position) = position {
                self.save_soon |= !self.memory.positions.contains_key(&source);
                self.memory.positions.insert(source, position);
            }
            drop(rider);
        }
    }

    fn standing(&self) -> Standing {
        if self.merge.is_at_end() { Standing::AtEnd } else { Standing::Behind }
    }

    /// Every input up to this number was taken.
    fn covers(&self) -> u64 {
        self.waiting.first().map_or(self.last, |first| first - 1)
    }

    /// Time passes.
    fn tick(&mut self) {
        self.blocked = if self.merge.is_blocked() { self.blocked + 1 } else { 0 };
        if self.blocked > SILENT_TICKS_MAX {
            for source in self.merge.stop_waiting() {
                tracing::warn!(%source, "a source is silent: the others are not held up for it any longer");
            }
        }
        let is_blind = |source: &&SourceId| {
            self.metrics.attached.get_or_create(&BySource { source: source.to_string() }).get() == 0
        };
        match self.known.iter().find(is_blind) {
            Some(source) => self.ready.unmet(Condition::Inputs, format!("{source} cannot be read")),
            None if self.known.is_empty() => self.ready.unmet(Condition::Inputs, "no source has begun"),
            None => self.ready.met(Condition::Inputs),
        }
    }
}

/// Moves what the desk has to the other Gatecrier, and notes how far.
struct Carrier {
    desk: Desk,
    store: SnapshotStore,
    saved: watch::Sender<Saved>,
    saved_at: Instant,
    /// What was said last of how we stand.
    told: Option<Standing>,
}

impl Carrier {
    async fn run(
        mut self,
        mut poster: Poster,
        mut parcels: UnboundedReceiver<Parcel>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(TICK_EVERY);
        let mut changed = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => self.desk.tick(),
                parcel = parcels.recv() => match parcel {
                    Some(parcel) => self.desk.take(parcel),
                    None => break,
                },
            }
            while let Ok(parcel) = parcels.try_recv() {
                self.desk.take(parcel);
            }
            loop {
                let mut bundle = self.desk.bundle();
                let standing = self.desk.standing();
                if bundle.loads.is_empty() && standing == Standing::AtEnd && self.told != Some(standing) {
                    // Nothing to carry, and yet something to say: nobody has to wait for us.
                    bundle.loads.push(Load::Events(Vec::new()));
                }
                if bundle.loads.is_empty() && bundle.inputs.is_empty() {
                    break;
                }
                if !self.carry(&mut poster, &mut parcels, bundle.loads, standing, stop).await {
                    break;
                }
                self.desk.reached(bundle.inputs);
                changed = true;
                self.save_if_due(&mut changed)?;
            }
            self.save_if_due(&mut changed)?;
        }
        self.save(&mut changed)
    }

    /// Sends the loads, and takes in what comes meanwhile. False when that was ended before all of them were taken.
    async fn carry(
        &mut self,
        poster: &mut Poster,
        parcels: &mut UnboundedReceiver<Parcel>,
        loads: Vec<Load>,
        standing: Standing,
        stop: &CancellationToken,
    ) -> bool {
        let ready = self.desk.ready.clone();
        let failing = |cause: Option<String>| match cause {
            Some(cause) => ready.unmet(Condition::Outbox, format!("events are not taken: {cause}")),
            None => ready.met(Condition::Outbox),
        };
        let count = loads.len();
        for (at, load) in loads.into_iter().enumerate() {
            // Before the last one there is more to come.
            let standing = if at + 1 < count { Standing::Behind } else { standing };
            let mut posting = std::pin::pin!(poster.deliver(load, standing, failing));
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return false,
                    () = &mut posting => break,
                    Some(parcel) = parcels.recv() => self.desk.take(parcel),
                }
            }
            self.told = Some(standing);
        }
        true
    }

    fn save_if_due(&mut self, changed: &mut bool) -> anyhow::Result<()> {
        let due = self.desk.save_soon || self.saved_at.elapsed() >= SAVE_EVERY;
        if *changed && due { self.save(changed) } else { Ok(()) }
    }

    /// Saves how far we are. On a full disk the last save stays: more is sent again after a crash.
    fn save(&mut self, changed: &mut bool) -> anyhow::Result<()> {
        self.saved_at = Instant::now();
        self.desk.save_soon = false;
        let payload = serde_json::to_vec(&self.desk.memory).context("write the positions down")?;
        // An fsync: the sources go on meanwhile.
        match tokio::task::block_in_place(|| self.store.save(&[payload.as_slice()])) {
            Ok(_) => {
                *changed = false;
                let covers = self.desk.covers();
                self.saved.send_modify(|saved| *saved = Saved { latest: covers, both: saved.latest });
                Ok(())
            }
            Err(SaveError::Full) => {
                tracing::warn!("no room for the positions: after a crash more is sent again");
                Ok(())
            }
            Err(fatal) => Err(fatal).context("save the positions"),
        }
    }
}
