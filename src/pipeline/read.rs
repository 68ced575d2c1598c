//! One task a source.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::ClusterId;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::source::file::FileSource;
use crate::source::{Outlet, Source};

/// A source as configured. What it holds open outlasts a life.
pub(super) enum Configured {
    File(FileSource),
    #[cfg(feature = "kafka")]
    Kafka(crate::source::kafka::KafkaSource),
}

/// The configured sources, ready to read.
///
/// # Errors
/// A setting that a source cannot work with.
pub(super) fn sources(config: &Config, metrics: &Metrics) -> anyhow::Result<Vec<Configured>> {
    let cluster = ClusterId::new(config.cluster.as_str());
    let mut sources = Vec::new();
    for source in config.sources.values() {
        if let Some(file) = &source.file {
            sources.push(Configured::File(FileSource::new(file.clone(), cluster.clone(), metrics.clone())));
        }
        #[cfg(feature = "kafka")]
        if let Some(kafka) = &source.kafka {
            let kafka = crate::source::kafka::KafkaSource::new(kafka.clone(), cluster.clone(), metrics.clone())?;
            sources.push(Configured::Kafka(kafka));
        }
    }
    Ok(sources)
}

/// Reads every source until stopped. A task ends early only with an error that waiting cannot mend.
pub(super) fn start(sources: &[Configured], outlet: &Outlet, stop: &CancellationToken) -> JoinSet<anyhow::Result<()>> {
    let mut tasks = JoinSet::new();
    for source in sources {
        match source {
            Configured::File(source) => tasks.spawn(source.clone().run(outlet.another(), stop.clone())),
            #[cfg(feature = "kafka")]
            Configured::Kafka(source) => tasks.spawn(source.clone().run(outlet.another(), stop.clone())),
        };
    }
    tasks
}
