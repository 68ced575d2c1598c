//! One task a source.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::ClusterId;
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::source::file::FileSource;
use crate::source::{Outlet, Source};

/// Reads every configured source until stopped. A task ends early only with an error that waiting cannot mend.
pub(super) fn start(
    config: &Config,
    outlet: &Outlet,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> JoinSet<anyhow::Result<()>> {
    let mut tasks = JoinSet::new();
    let cluster = ClusterId::new(config.cluster.as_str());
    for source in config.sources.values() {
        if let Some(file) = &source.file {
            let source = FileSource::new(file.clone(), cluster.clone(), metrics.clone());
            tasks.spawn(source.run(outlet.another(), stop.clone()));
        }
        start_kafka(source, &cluster, outlet, metrics, stop, &mut tasks);
    }
    tasks
}

#[cfg(feature = "kafka")]
fn start_kafka(
    source: &config::Source,
    cluster: &ClusterId,
    outlet: &Outlet,
    metrics: &Metrics,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) {
    if let Some(kafka) = &source.kafka {
        let source = crate::source::kafka::KafkaSource::new(kafka.clone(), cluster.clone(), metrics.clone());
        tasks.spawn(source.run(outlet.another(), stop.clone()));
    }
}

#[cfg(not(feature = "kafka"))]
fn start_kafka(
    _: &config::Source,
    _: &ClusterId,
    _: &Outlet,
    _: &Metrics,
    _: &CancellationToken,
    _: &mut JoinSet<anyhow::Result<()>>,
) {
}
