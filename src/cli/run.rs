//! `gatecrier run`: watch, and tell.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::pipeline;
use crate::server::{Readiness, Server, State};

const EXAMPLES: &str = "\
Examples:
  gatecrier run -c /etc/gatecrier/gatecrier.yaml
  gatecrier run -c gatecrier.yaml --log-level debug

It reads rules, networks, place files and suppressions again when they change, and at SIGHUP.
It stops at SIGTERM and at Ctrl-C: what it knows is saved, and the next start goes on from there. It may be
killed at any moment: what was not saved is read again, and no alert is lost.";

/// How long threads that wait for somebody else are waited for at the end.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Watches the sources and delivers alerts to the sinks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs until it is told to stop.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let Some(path) = &options.config else { bail!("find a configuration: {}", super::NO_CONFIG) };
    let config = Config::load(path)?;
    for warning in pipeline::falco::read(&config.rules.falco)?.warnings {
        tracing::warn!("{}", warning.in_one_line());
    }
    until_stopped(config, |config, metrics, ready, stop| {
        pipeline::run(config, pipeline::analyzer_of, metrics, ready, stop)
    })
}

/// Works, with health and metrics served beside it, until that is told to stop.
pub(super) fn until_stopped<W: Future<Output = anyhow::Result<()>>>(
    config: Config,
    work: impl FnOnce(Config, Metrics, Readiness, CancellationToken) -> W,
) -> anyhow::Result<Outcome> {
    for warning in &config.warnings {
        tracing::warn!("{}", warning.in_one_line());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let outcome = runtime.block_on(serve_beside(config, work));
    // A terminal that nobody reads may hold a thread for ever.
    runtime.shutdown_timeout(STOP_GRACE);
    outcome
}

async fn serve_beside<W: Future<Output = anyhow::Result<()>>>(
    config: Config,
    work: impl FnOnce(Config, Metrics, Readiness, CancellationToken) -> W,
) -> anyhow::Result<Outcome> {
    // Before anything can be seen of us from outside: whoever sees us may ask us to stop.
    let mut asked = Asked::listen()?;
    // Whoever has something to read again listens for himself; nobody is to die of being asked.
    let _asked_to_reload = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let stop = CancellationToken::new();
    let server = Server::bind(&config.server)?;
    tracing::info!(address = %server.address(), "serving health and metrics");
    let (metrics, ready) = (Metrics::new(), Readiness::new());
    let state = State { metrics: metrics.clone(), ready: ready.clone() };
    let serving = server.run(state, stop.clone());
    let working = work(config, metrics, ready, stop.clone());
    tokio::pin!(serving, working);
    let outcome = tokio::select! {
        worked = &mut working => return worked.map(|()| Outcome::Well),
        served = &mut serving => {
            served?;
            Outcome::Well
        }
        outcome = asked.wait() => outcome,
    };
    stop.cancel();
    working.await?;
    Ok(outcome)
}

/// The signals that ask us to stop.
struct Asked {
    terminate: Signal,
    interrupt: Signal,
}

impl Asked {
    fn listen() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for one of them and says what we end with then.
    async fn wait(&mut self) -> Outcome {
        let (name, outcome) = tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", Outcome::Well),
            _ = self.interrupt.recv() => ("SIGINT", Outcome::Interrupted),
        };
        tracing::info!(signal = name, "stopping");
        outcome
    }
}
