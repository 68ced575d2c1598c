//! One task a source, and what is listened to for those that are pushed.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::receive::{self, Receiver};
use crate::batch::{ClusterId, Envelope};
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::source::file::FileSource;
use crate::source::spool::SpoolSource;
use crate::source::{Outlet, Source};
use crate::state::StateDir;

/// A source as configured, and what stands around its records.
pub(super) struct Configured {
    kind: Kind,
    envelope: Envelope,
}

/// What a source reads. What it holds open outlasts a life.
// Which is the largest depends on the features; there is one for each source.
#[allow(clippy::large_enum_variant)]
enum Kind {
    File(FileSource),
    Spool(SpoolSource),
    #[cfg(feature = "kafka")]
    Kafka(crate::source::kafka::KafkaSource),
}

/// All that comes in.
#[derive(Default)]
pub(super) struct Inputs {
    /// The sources of each cluster.
    pub(super) clusters: BTreeMap<ClusterId, Vec<Configured>>,
    /// What fills the spools among them.
    pub(super) receivers: Vec<Receiver>,
}

/// The configured sources, ready to read.
///
/// # Errors
/// A setting that a source cannot work with.
pub(super) fn inputs(config: &Config, state: &StateDir, metrics: &Metrics) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    for (name, source) in &config.sources {
        let cluster = ClusterId::new(source.cluster.as_deref().unwrap_or(&config.cluster));
        let envelope = config::envelope(source);
        let mut add = |cluster, kind| {
            let configured = Configured { kind, envelope: envelope.clone() };
            inputs.clusters.entry(cluster).or_default().push(configured);
        };
        if let Some(file) = &source.file {
            add(cluster.clone(), Kind::File(FileSource::new(file.clone(), cluster.clone(), metrics.clone())));
        }
        if let Some(webhook) = &source.webhook {
            let (receiver, spools) = receive::open(name, webhook, state, metrics)?;
            spools.into_iter().for_each(|(cluster, spool)| add(cluster, Kind::Spool(spool)));
            inputs.receivers.push(receiver);
        }
        #[cfg(feature = "kafka")]
        if let Some(kafka) = &source.kafka {
            let kafka = crate::source::kafka::KafkaSource::new(kafka.clone(), cluster.clone(), metrics.clone())?;
            add(cluster, Kind::Kafka(kafka));
        }
    }
    Ok(inputs)
}

/// Reads every source until stopped. A task ends early only with an error that waiting cannot mend.
pub(super) fn start(sources: &[Configured], outlet: &Outlet, stop: &CancellationToken) -> JoinSet<anyhow::Result<()>> {
    let mut tasks = JoinSet::new();
    for source in sources {
        let (outlet, stop) = (outlet.wrapped(&source.envelope), stop.clone());
        match &source.kind {
            Kind::File(source) => tasks.spawn(source.clone().run(outlet, stop)),
            Kind::Spool(source) => tasks.spawn(source.clone().run(outlet, stop)),
            #[cfg(feature = "kafka")]
            Kind::Kafka(source) => tasks.spawn(source.clone().run(outlet, stop)),
        };
    }
    tasks
}
