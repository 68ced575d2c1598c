//! Wires, spawns, stops. The only module that spawns what outlives a call.
//!
//! The outbox, the sinks and what listens last as long as the process. Each cluster has sources, a thinker and a writer
//! of its own, and they have lives: when a record panics the analyzer, that life ends and the next one goes back to the
//! last snapshot, record by record.

mod build;
mod careful;
mod carry;
pub mod falco;
mod kept;
mod life;
mod own;
mod read;
mod receive;
mod reload;
mod renew;
pub mod rules;
pub mod suppressions;
mod tell;
mod think;
mod unusual;
mod write;

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use anyhow::{Context, bail};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::analyze::Analyzer;
use crate::batch::ClusterId;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::quarantine::Quarantine;
use crate::server::{Condition, Readiness};
use crate::snapshot::SnapshotStore;
use crate::source::{self, Saved};
use crate::state::StateDir;
use careful::{Care, Careful};
use kept::Kept;
use life::Life;
use read::Inputs;
use receive::Receiving;
use reload::Reloader;
use renew::{AtWork, Renewal};
use think::{Ended, Thinker};
use write::Writer;

pub use build::{analyzer, analyzer_of, anomaly_ids, enricher, needs};
pub use carry::forward;

/// Messages from the thinker to the writer that may wait. Beyond it the thinker waits, and so the sources.
const MESSAGES_MAX: usize = 64;

/// Starts that were not followed by a saved snapshot, this one included, from which on records are taken one by one.
const LIVES_BEFORE_CARE: u32 = 3;

/// What builds an analyzer that remembers nothing: [`analyzer_of`], but for tests.
pub type Build = fn(&Config, &ClusterId) -> anyhow::Result<Analyzer>;

/// Watches and tells until `stop`.
///
/// # Errors
/// State that cannot be used, a source that cannot be read for ever, or a disk that no longer keeps what it is given.
pub async fn run(
    config: Config,
    build: Build,
    metrics: Metrics,
    ready: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let state = StateDir::open(&config.state)?;
    let sinks = tell::sinks(&config.sinks)?;
    let names: Vec<_> = sinks.iter().map(|sink| sink.name.clone()).collect();
    let mut outbox_config = config.outbox.clone();
    outbox_config.required.extend(sinks.iter().filter(|sink| sink.demands.required).map(|sink| sink.name.clone()));
    let (outbox, recovered) = Outbox::open(&state, outbox_config, &names, metrics.clone())?;
    for damage in &recovered.damage {
        tracing::warn!("{damage}");
    }
    let Inputs { clusters, receivers } = read::inputs(&config, &state, &metrics)?;
    tell_damage(&outbox, &config.cluster, recovered.complaints)?;
    let (stop, stop_sinks) = (stop.child_token(), CancellationToken::new());
    let (broken, mut breaks) = mpsc::unbounded_channel();
    let mut telling = tell::start(sinks, &outbox, &state, &metrics, &stop_sinks, &broken)?;
    let receiving = Receiving::start(receivers, &stop, &broken);
    let kept = Kept::of(clusters.keys());
    let parts: Vec<_> = clusters.keys().map(|cluster| ready.part(cluster.as_str())).collect();
    ready.leave_to_parts();
    let config = Arc::new(config);
    let renewals: Vec<_> =
        clusters.keys().map(|cluster| (cluster.clone(), Renewal::new(Arc::clone(&config)))).collect();
    let reloader = Reloader::new(&config, build, renewals.clone(), outbox.clone(), metrics.clone());
    let worlds =
        clusters.into_iter().zip(parts).zip(renewals).map(|(((cluster, sources), ready), (_, renewal))| World {
            renewal,
            build,
            cluster,
            sources,
            state: state.clone(),
            outbox: outbox.clone(),
            kept: kept.clone(),
            metrics: metrics.clone(),
            ready,
            stop: stop.clone(),
        });
    let reloading = tokio::spawn(watch_for_changes(reloader, stop.clone(), broken.clone()));
    let mut living = pin!(live(worlds.collect(), &stop));
    let lived = tokio::select! {
        lived = &mut living => lived,
        Some(error) = breaks.recv() => {
            stop.cancel();
            living.await.and(Err(error))
        }
    };
    stop.cancel();
    let _ = reloading.await;
    receiving.end().await;
    stop_sinks.cancel();
    while telling.join_next().await.is_some() {}
    lived
}

async fn watch_for_changes(reloader: Reloader, stop: CancellationToken, broken: mpsc::UnboundedSender<anyhow::Error>) {
    if let Err(error) = reloader.run(stop).await {
        // Nobody listens any more when we are stopping anyway.
        let _ = broken.send(error);
    }
}

/// Lives in all worlds until each has ended; the first that fails ends the others.
async fn live(worlds: Vec<World>, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut living = JoinSet::new();
    for world in worlds {
        living.spawn(async move { world.live().await });
    }
    let mut outcome = Ok(());
    while let Some(ended) = living.join_next().await {
        let ended = ended.context("join a cluster's life").flatten();
        if ended.is_err() {
            stop.cancel();
        }
        outcome = outcome.and(ended);
    }
    outcome
}

/// Says through the sinks that our own state was damaged.
fn tell_damage(outbox: &Outbox, cluster: &str, damage: impl IntoIterator<Item = String>) -> anyhow::Result<()> {
    let alert = |text: String| own::alert(cluster, "state-damaged", "state", text, own::now());
    let mut alerts: Vec<_> = damage.into_iter().map(alert).collect();
    match outbox.append(&mut alerts) {
        Ok(_) | Err(crate::outbox::AppendError::Full) => Ok(()),
        Err(fatal) => Err(fatal).context("write the outbox"),
    }
}

/// One cluster, and what all its lives share.
struct World {
    renewal: Renewal,
    build: Build,
    cluster: ClusterId,
    sources: Vec<read::Configured>,
    state: StateDir,
    outbox: Outbox,
    kept: Kept,
    metrics: Metrics,
    ready: Readiness,
    stop: CancellationToken,
}

impl World {
    async fn live(&self) -> anyhow::Result<()> {
        let store = Arc::new(SnapshotStore::open(&self.state, &self.cluster)?);
        let quarantine = Quarantine::open(&self.state, self.metrics.clone())?;
        let mut care = if store.begin_life()? >= LIVES_BEFORE_CARE { Care::Suspect } else { Care::Usual };
        loop {
            match self.one_life(&store, &quarantine, care).await? {
                Ended::Stopped => return Ok(()),
                Ended::Panicked { in_hand: true } => care = Care::Convict,
                // Not once more: it would go on like that without end.
                Ended::Panicked { in_hand: false } if care != Care::Usual => {
                    bail!("analyze: it panics, and no record can be blamed for it");
                }
                Ended::Panicked { in_hand: false } => care = Care::Suspect,
            }
        }
    }

    /// Goes back to the last snapshot and on from there, until it is stopped or a record panics the analyzer.
    async fn one_life(&self, store: &Arc<SnapshotStore>, quarantine: &Quarantine, care: Care) -> anyhow::Result<Ended> {
        let (analyzer, newest_end) = self.remember(store)?;
        let careful = self.careful(store, care)?;
        self.ready.met(Condition::Rules);
        self.ready.met(Condition::Outbox);
        let stop = self.stop.child_token();
        let (outlet, intake) = source::channel();
        let (to_writer, messages) = sync_channel(MESSAGES_MAX);
        let writer = self.writer(store, quarantine, intake.saved, newest_end, &stop);
        let (metrics, ready, outbox) = (self.metrics.clone(), self.ready.clone(), self.outbox.clone());
        let at_work = AtWork { analyzer, renewal: self.renewal.clone() };
        let thinker = Thinker::new(at_work, careful, outbox, to_writer, metrics, ready, stop.clone());
        let runtime = Handle::current();
        let life = Life {
            writing: tokio::task::spawn_blocking(move || writer.run(&messages)),
            thinking: tokio::task::spawn_blocking(move || thinker.run(intake.parcels, &runtime)),
            reading: read::start(&self.sources, &outlet, &stop),
            stop,
        };
        drop(outlet);
        life.end().await
    }

    fn writer(
        &self,
        store: &Arc<SnapshotStore>,
        quarantine: &Quarantine,
        saved: watch::Sender<Saved>,
        newest_end: u64,
        stop: &CancellationToken,
    ) -> Writer {
        Writer {
            cluster: self.cluster.clone(),
            outbox: self.outbox.clone(),
            kept: self.kept.clone(),
            quarantine: quarantine.clone(),
            store: Arc::clone(store),
            saved,
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
            stop: stop.clone(),
            newest_end,
        }
    }

    /// An analyzer with the memory of the last snapshot, and the end of the outbox when that was saved.
    fn remember(&self, store: &SnapshotStore) -> anyhow::Result<(Analyzer, u64)> {
        let mut analyzer = (self.build)(&self.renewal.begin(), &self.cluster)?;
        let loaded = store.load()?;
        tell_damage(&self.outbox, self.cluster.as_str(), loaded.complaint)?;
        let mut end = 0;
        if let Some(payload) = &loaded.payload {
            let (recorded, memory) = write::without_ends(payload)?;
            end = recorded;
            let anew = analyzer.restore(memory).context("restore the memory of the last snapshot")?;
            if !anew.is_empty() {
                tracing::warn!(rules = anew.join(", "), "rules have changed: what they had learnt is forgotten");
            }
        }
        for alert in self.outbox.since(end) {
            let alert = alert?;
            if alert.cluster == self.cluster.as_str() {
                analyzer.learn(&alert);
            }
        }
        Ok((analyzer, end))
    }

    /// Record by record, when the analysis has died on this snapshot, or died on a record before.
    fn careful(&self, store: &SnapshotStore, care: Care) -> anyhow::Result<Option<Careful>> {
        let mut careful = Careful { in_hand: store.in_hand()?, skips: store.skips()? };
        let last = careful.in_hand.last();
        match last.filter(|_| care == Care::Convict || careful.in_hand.suspect() == last) {
            Some(hash) if care != Care::Usual => {
                let sha256 = crate::hex::hex(&hash);
                tracing::error!(sha256, "a record stopped the analysis: it is passed over");
                careful.skips.add(&hash, store.load()?.generation)?;
                careful.in_hand.clear().context("remove the note of the record in hand")?;
            }
            // Should it be in hand at the next death as well, it is passed over.
            _ => careful.in_hand.suspect_last().context("note the record in hand")?,
        }
        Ok((care != Care::Usual || !careful.skips.is_empty()).then_some(careful))
    }
}
