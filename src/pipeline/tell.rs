//! One task a sink, from the outbox to the receiver.

use anyhow::bail;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alert::{Alert, Severity};
use crate::config::{Listed, Sinks};
use crate::deliver::{self, Backlog, DeadLetters, deliver};
use crate::metrics::Metrics;
use crate::outbox::{AppendError, Outbox, Reader};
use crate::sink::{AnySink, Demands, stdout};
use crate::state::StateDir;

/// A sink as configured.
pub(super) struct Configured {
    /// Its kind and name, such as `webhook-soc`: what its cursor, dead letters and metrics are called.
    pub(super) name: String,
    pub(super) demands: Demands,
    sink: AnySink,
}

/// The configured sinks, ready to send; standard output when none is named.
///
/// # Errors
/// A file or a setting that a sink cannot work with.
pub(super) fn sinks(config: &Sinks) -> anyhow::Result<Vec<Configured>> {
    let default = stdout::Config::default();
    let listed = match config.is_empty() {
        true => vec![Listed::default_stdout(&default)],
        false => config.list(),
    };
    let configured = listed.iter().map(|listed| {
        let settings = listed.settings;
        Ok(Configured { name: listed.label('-'), demands: settings.demands(), sink: settings.build()? })
    });
    configured.collect()
}

/// Delivers to every sink until stopped. The tasks end with the set. Says through `broken` when a cursor on the disk is
/// no longer known: the process must stop.
///
/// # Errors
/// A sink that the outbox was opened without.
pub(super) fn start(
    sinks: Vec<Configured>,
    outbox: &Outbox,
    state: &StateDir,
    metrics: &Metrics,
    stop: &CancellationToken,
    broken: &UnboundedSender<anyhow::Error>,
) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for Configured { name, demands, sink } in sinks {
        let backlog = SinkBacklog { reader: outbox.cursor(&name)?, upto: 0, broken: broken.clone() };
        let lane = Lane { name, backlog, state: state.clone(), demands, metrics: metrics.clone(), stop: stop.clone() };
        tasks.spawn(lane.serve(sink));
    }
    Ok(tasks)
}

struct Lane {
    name: String,
    backlog: SinkBacklog,
    state: StateDir,
    demands: Demands,
    metrics: Metrics,
    stop: CancellationToken,
}

impl Lane {
    async fn serve(self, sink: AnySink) {
        let dead = DeadLetters::new(self.state.path(), &self.name);
        let Demands { min_severity, route, .. } = self.demands;
        let min_severity = min_severity.unwrap_or(Severity::Info);
        let config = deliver::Config { min_severity, route, ..deliver::Config::default() };
        deliver(self.name, sink, self.backlog, dead, self.metrics, config, self.stop).await;
    }
}

/// The outbox as one sink sees it.
struct SinkBacklog {
    reader: Reader,
    upto: u64,
    broken: UnboundedSender<anyhow::Error>,
}

impl Backlog for SinkBacklog {
    fn next(&mut self, max_alerts: usize, max_bytes: usize) -> anyhow::Result<Option<Vec<Alert>>> {
        let delivery = self.reader.next(max_alerts, max_bytes)?;
        Ok(delivery.map(|delivery| {
            self.upto = delivery.upto;
            delivery.alerts
        }))
    }

    async fn wait(&mut self) {
        self.reader.wait().await;
    }

    fn done(&mut self) -> anyhow::Result<()> {
        // An fsync: the other lanes go on meanwhile.
        let done = tokio::task::block_in_place(|| self.reader.done(self.upto));
        if let Err(fatal @ AppendError::Fatal { .. }) = done {
            // Nobody listens any more when we are stopping anyway.
            let _ = self.broken.send(anyhow::Error::new(fatal));
            bail!("the disk does not keep what it is given");
        }
        Ok(done?)
    }
}
