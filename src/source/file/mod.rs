//! Reads the audit log that an API server writes, through rotation, compression and restarts.
//!
//! * `family`: which files there are, in order. `identity`: what makes a file itself. `log`: one file.
//! * `reader`: from a file to whole lines; `long`: a line that is too long.
//! * `position`: how far we are, as saved. `plan`: from a position to the files to read.
//! * `follower`: reads on and on; `say`: what it hands over; `look`: what is new in the folder; `done`, `shelf`: files
//!   held until they are safe.
//! * `watch`: wakes us early. Polling is the truth.

mod buffers;
mod done;
mod family;
mod follower;
mod gauges;
mod identity;
mod log;
mod long;
mod look;
mod plan;
mod position;
mod reader;
mod say;
mod shelf;
mod watch;

#[cfg(test)]
mod model;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::batch::{ClusterId, Input, Position, SourceId};
use crate::metrics::Metrics;
use crate::source::{Closed, Outlet, Source};

use family::Family;
use follower::{Follower, Orders, Step};
use gauges::Gauges;
use position::Mark;
use shelf::Shelf;
use watch::Watch;

/// One audit log file and its backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API server writes, its `--audit-log-path`.
    pub path: PathBuf,
    /// Milliseconds between looks at the file. Changes are noticed earlier where the file system tells of them.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// Longest line in bytes. A longer one is passed over; its first part goes to the quarantine. The longest may take
    /// twice its size in memory while it is read.
    #[serde(default = "line_bytes_max")]
    pub line_bytes_max: usize,
    /// Names of the rotated files beside the log, with `*` and `?`. Without it they are known by how the API server
    /// and logrotate name them.
    #[serde(default)]
    pub backups: Option<String>,
    /// Whether a first start reads the rotated files as well, oldest first. Otherwise it begins with the live file.
    #[serde(default)]
    pub backups_at_first_start: bool,
}

fn poll_ms() -> u64 {
    250
}

/// The API server's own limit: a write longer than `--audit-log-maxsize`, 100 MB by default, fails.
fn line_bytes_max() -> usize {
    100 * 1024 * 1024
}

impl Config {
    /// The log at `path`, with everything else as it is by default.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            poll_ms: poll_ms(),
            line_bytes_max: line_bytes_max(),
            backups: None,
            backups_at_first_start: false,
        }
    }
}

/// Reads one audit log. Clones share the rotated files that are held open, so that a clone that runs after this one
/// ended finds them although they have been removed.
#[derive(Debug, Clone)]
pub struct FileSource {
    config: Config,
    source: SourceId,
    cluster: ClusterId,
    metrics: Metrics,
    shelf: Shelf,
}

impl FileSource {
    /// A source named `file:<path>` for the records of `cluster`.
    pub fn new(config: Config, cluster: ClusterId, metrics: Metrics) -> Self {
        let source = SourceId::new(format!("file:{}", config.path.display()));
        Self { config, source, cluster, metrics, shelf: Shelf::default() }
    }

    /// Its name.
    pub fn id(&self) -> &SourceId {
        &self.source
    }

    fn follower(&self, position: Option<Position>) -> Follower {
        let Config { path, line_bytes_max, backups, backups_at_first_start, .. } = self.config.clone();
        let orders = Orders {
            source: self.source.clone(),
            cluster: self.cluster.clone(),
            family: Family::new(path, backups),
            poll: self.poll(),
            line_bytes_max,
            backups_at_first_start,
            shelf: self.shelf.clone(),
            gauges: Gauges::new(self.metrics.clone(), &self.source),
        };
        match position.as_ref().map(Mark::read).transpose() {
            Ok(mark) => Follower::new(orders, mark, None),
            Err(error) => Follower::new(orders, None, Some(format!("the saved position could not be read: {error}"))),
        }
    }

    fn poll(&self) -> Duration {
        Duration::from_millis(self.config.poll_ms.max(1))
    }

    async fn follow(&self, out: Outlet) -> anyhow::Result<()> {
        let mut follower = self.follower(out.begin(&self.source, &self.cluster).await?);
        let mut watch = Watch::new();
        loop {
            let step;
            (follower, step) = aside(follower, Follower::step).await?;
            match step {
                Step::Send(input) => follower = self.send(&out, input, follower).await?,
                Step::Checkpoint => out.checkpoint()?,
                Step::More => {}
                Step::Idle(longest) => {
                    watch.arm(&follower.folder());
                    watch.wait(longest).await;
                }
            }
            follower.release(out.saved().both);
        }
    }

    /// Hands over an input. While it waits for room, the folder is looked at, so that new files are held in time.
    async fn send(&self, out: &Outlet, input: Input, mut follower: Follower) -> anyhow::Result<Follower> {
        let mut sending = pin!(out.send(input));
        loop {
            if let Ok(number) = tokio::time::timeout(self.poll(), &mut sending).await {
                follower.sent(number?);
                return Ok(follower);
            }
            // A failure is met again when it is this file's turn to be read.
            (follower, _) = aside(follower, Follower::look).await?;
        }
    }
}

impl Source for FileSource {
    async fn run(self, out: Outlet, stop: CancellationToken) -> anyhow::Result<()> {
        match stop.run_until_cancelled(self.follow(out)).await {
            Some(Err(error)) if !error.is::<Closed>() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Lets the follower work on a thread where blocking is allowed: a cold disk or a network file system may take its
/// time, and others' alerts must not wait for that. A step costs some 10 µs this way and reads up to 1 MiB.
async fn aside<T: Send + 'static>(
    mut follower: Follower,
    work: impl FnOnce(&mut Follower) -> T + Send + 'static,
) -> anyhow::Result<(Follower, T)> {
    tokio::task::spawn_blocking(move || {
        let result = work(&mut follower);
        (follower, result)
    })
    .await
    .context("failed to look at log files")
}
