//! From the outbox to one sink: batches, retries without end, and a place for what is never taken.
//!
//! Each sink has a lane of its own, so one that is down stops nobody else. A batch shrinks with each failure and
//! grows with each success: that one rule finds the poison alert among its neighbours, probes a sink that is down
//! with a single alert, and gets under a receiver's limits.

mod dead_letters;
mod digest;
mod hold;
mod letters;
mod outage;
mod pace;

pub use dead_letters::DeadLetters;
pub use letters::{Letter, Line, TakenOut};

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::alert::{Alert, Severity};
use crate::metrics::{BySink, BySinkResult, Metrics};
use crate::sink::{Route, SendError, Sink};
use hold::{Due, Hold, Turn};
use outage::Outage;
use pace::Pace;

/// One sink's view of the outbox.
pub trait Backlog: Send {
    /// The next alerts, oldest first, at most so many and so many bytes (a single larger one comes alone);
    /// nothing when there are none. Called again before [`Backlog::done`] when those before wait; after an error it
    /// is called again.
    fn next(&mut self, max_alerts: usize, max_bytes: usize) -> anyhow::Result<Option<Vec<Alert>>>;

    /// Waits until there may be alerts; at once when there are some already.
    fn wait(&mut self) -> impl Future<Output = ()> + Send;

    /// Makes it durable that all that [`Backlog::next`] returned need not be delivered again. After an error it is
    /// called again.
    fn done(&mut self) -> anyhow::Result<()>;
}

/// How a sink is served.
#[derive(Debug, Clone)]
pub struct Config {
    /// Mildest severity to send; milder alerts are passed over.
    pub min_severity: Severity,
    /// Which alerts, when, and how many at a time.
    pub route: Route,
    /// Most alerts in a batch. The next batch takes those beyond.
    pub batch_alerts: usize,
    /// Most bytes in a batch, as JSON. The next batch takes the alerts beyond; a single larger one goes alone.
    pub batch_bytes: usize,
    /// Longest wait after the first failure; it doubles with each one more.
    pub backoff_base: Duration,
    /// Longest wait after any number of failures, unless the receiver asks for a longer one.
    pub backoff_cap: Duration,
    /// Longest a sink may take for a batch. Beyond it the batch failed and is sent again.
    pub send_timeout: Duration,
    /// Failures in a row after which single alerts are sent until one is taken.
    pub circuit_failures: u32,
    /// Longest a batch on the way is waited for when stopping. Beyond it, it will be sent again after the start.
    pub stop_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_severity: Severity::Info,
            route: Route::default(),
            batch_alerts: 100,
            batch_bytes: 512 * 1024,
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(300),
            send_timeout: Duration::from_secs(60),
            circuit_failures: 5,
            stop_grace: Duration::from_millis(500),
        }
    }
}

/// Delivers what is in the backlog to the sink, oldest first, until `stop`. What the sink will never take is
/// parked in the dead letters; everything else is sent until it is taken.
pub async fn deliver<S: Sink>(
    name: String,
    sink: S,
    mut source: impl Backlog,
    dead: DeadLetters,
    metrics: Metrics,
    config: Config,
    stop: CancellationToken,
) {
    let mut lane = Lane {
        pace: Pace::new(&config),
        outage: Outage::new(name.clone()),
        name,
        sink,
        dead,
        metrics,
        config,
        stop: stop.clone(),
    };
    lane.show_circuit();
    let mut hold = Hold::new(lane.config.route.clone());
    while !stop.is_cancelled() && lane.step(&mut source, &mut hold).await.is_ok() {}
}

/// We are asked to stop; what is in hand comes again after the next start.
struct Stopped;

struct Lane<S> {
    name: String,
    sink: S,
    dead: DeadLetters,
    metrics: Metrics,
    config: Config,
    stop: CancellationToken,
    pace: Pace,
    outage: Outage,
}

/// What came of a batch that was not taken whole.
struct Rest {
    rejected: Vec<(usize, anyhow::Error)>,
    retry: Vec<usize>,
    after: Option<Duration>,
    cause: anyhow::Error,
}

impl<S: Sink> Lane<S> {
    /// Reads on, hands over what is to go, and moves the cursor unless something waits.
    async fn step(&mut self, source: &mut impl Backlog, hold: &mut Hold) -> Result<(), Stopped> {
        let drained = match source.next(self.config.batch_alerts, self.config.batch_bytes) {
            Ok(Some(alerts)) => {
                let now = self.sort(alerts, hold);
                self.hand_over(now).await?;
                false
            }
            Ok(None) if hold.is_empty() => return self.wait(source, None).await,
            Ok(None) => true,
            Err(error) => return self.failed(0, None, &error.context("read the next alerts")).await,
        };
        if !hold.is_empty() {
            match hold.due(drained, jiff::Timestamp::now()) {
                Due::Now(alerts, count) => self.release(alerts, count).await?,
                Due::In(left) if drained => return self.wait(source, Some(left)).await,
                Due::In(_) => {}
            }
        }
        // What still waits would not come again if the cursor moved past it.
        if hold.is_empty() { self.advance(source).await } else { Ok(()) }
    }

    /// What is to go at once; what waits goes to the others that do.
    fn sort(&self, alerts: Vec<Alert>, hold: &mut Hold) -> Vec<Alert> {
        let clock = jiff::Timestamp::now();
        let mut now = Vec::with_capacity(alerts.len());
        for alert in alerts.into_iter().filter(|alert| alert.severity >= self.config.min_severity) {
            match hold.turn(&alert, clock) {
                Turn::Never => {}
                Turn::Now => now.push(alert),
                turn @ (Turn::Soon | Turn::Later) => hold.add(alert, turn),
            }
        }
        now
    }

    /// Hands over what waited, and counts what it stands for.
    async fn release(&mut self, alerts: Vec<Alert>, count: usize) -> Result<(), Stopped> {
        self.count("folded", count.saturating_sub(alerts.len()));
        self.hand_over(alerts).await
    }

    /// Until there may be more to read, or so long.
    async fn wait(&mut self, source: &mut impl Backlog, most: Option<Duration>) -> Result<(), Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            () = source.wait() => Ok(()),
            () = async { tokio::time::sleep(most.unwrap_or_default()).await }, if most.is_some() => Ok(()),
        }
    }

    /// Returns when every alert was delivered or parked.
    async fn hand_over(&mut self, mut pending: Vec<Alert>) -> Result<(), Stopped> {
        while !pending.is_empty() {
            let size = pending.len().min(self.pace.size());
            match self.send(&pending[..size]).await? {
                Ok(()) => {
                    pending.drain(..size);
                    self.delivered(size);
                    self.succeeded();
                }
                Err(SendError::Retry { after, cause }) => self.failed(size, after, &cause).await?,
                Err(SendError::Reject(_)) if size > 1 => self.pace.halve(size),
                Err(SendError::Reject(cause)) => {
                    let rest = Rest::rejected(cause);
                    self.settle(&mut pending, size, rest).await?;
                }
                Err(SendError::Partly { rejected, retry, after, cause }) => {
                    let cause = cause.unwrap_or_else(|| anyhow!("not every alert was taken"));
                    self.settle(&mut pending, size, Rest { rejected, retry, after, cause }).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends once. A sink that hangs is given up, and sent to again.
    async fn send(&mut self, alerts: &[Alert]) -> Result<Result<(), SendError>, Stopped> {
        if self.stop.is_cancelled() {
            return Err(Stopped);
        }
        let limit = self.config.send_timeout;
        let sending = timeout(limit, self.sink.send(alerts));
        tokio::pin!(sending);
        let sent = tokio::select! {
            sent = &mut sending => sent,
            // What is nearly there may arrive: it saves a repeat after the next start.
            () = self.stop.cancelled() => timeout(self.config.stop_grace, sending).await.map_err(|_| Stopped)?,
        };
        let late = || SendError::retry(anyhow!("no outcome within {} s", limit.as_secs_f32()));
        Ok(sent.unwrap_or_else(|_| Err(late())))
    }

    /// Parks what was rejected and keeps what is to be sent again, in order, before what was not sent yet.
    async fn settle(&mut self, pending: &mut Vec<Alert>, size: usize, rest: Rest) -> Result<(), Stopped> {
        let Rest { rejected, mut retry, after, mut cause } = rest;
        let sent = size.saturating_sub(rejected.len() + retry.len());
        if let Err(error) = self.park(&pending[..size], &rejected).await {
            retry.extend(rejected.iter().map(|(index, _)| *index));
            cause = error.context("park rejected alerts");
        }
        let mut index = 0;
        pending.retain(|_| {
            index += 1;
            index > size || retry.contains(&(index - 1))
        });
        self.delivered(sent);
        if sent > 0 || retry.is_empty() {
            self.succeeded();
        }
        if retry.is_empty() { Ok(()) } else { self.failed(retry.len(), after, &cause).await }
    }

    /// Writes rejected alerts to the dead letters; when this returns without an error, they are on the disk.
    async fn park(&mut self, alerts: &[Alert], rejected: &[(usize, anyhow::Error)]) -> anyhow::Result<()> {
        let parked: Vec<(Alert, String)> = rejected
            .iter()
            .filter_map(|(index, reason)| Some((alerts.get(*index)?.clone(), format!("{reason:#}"))))
            .collect();
        let Some((first, reason)) = parked.first() else { return Ok(()) };
        let (id, reason) = (first.key(), reason.clone());
        let (dead, count) = (self.dead.clone(), parked.len());
        tokio::task::spawn_blocking(move || dead.park(&parked)).await??;
        self.count("parked", count);
        self.outage.parked(&id, &reason, count, self.dead.path());
        Ok(())
    }

    /// Counts a failure, tells of it when it is news, and waits before the next attempt.
    async fn failed(&mut self, alerts: usize, after: Option<Duration>, cause: &anyhow::Error) -> Result<(), Stopped> {
        let wait = self.pace.failed(alerts, after);
        self.count("retried", alerts);
        self.show_circuit();
        self.outage.failed(cause, wait);
        self.pause(wait).await
    }

    fn succeeded(&mut self) {
        self.pace.succeeded();
        self.show_circuit();
        self.outage.over();
    }

    /// Makes it durable that the batch is done with. Until it is, no further alert is sent: after a crash they
    /// would all come again.
    async fn advance(&mut self, source: &mut impl Backlog) -> Result<(), Stopped> {
        while let Err(error) = source.done() {
            let wait = self.pace.failed(1, None);
            self.outage.failed(&error.context("save how far the sink has read"), wait);
            self.pause(wait).await?;
        }
        Ok(())
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    fn delivered(&self, alerts: usize) {
        self.count("delivered", alerts);
    }

    fn count(&self, result: &'static str, alerts: usize) {
        let labels = BySinkResult { sink: self.name.clone(), result };
        self.metrics.deliveries.get_or_create(&labels).inc_by(alerts as u64);
    }

    fn show_circuit(&self) {
        let open = i64::from(self.pace.is_open());
        self.metrics.circuit_open.get_or_create(&BySink { sink: self.name.clone() }).set(open);
    }
}

impl Rest {
    /// The one alert of a batch was rejected.
    fn rejected(cause: anyhow::Error) -> Self {
        Self { rejected: vec![(0, cause)], retry: Vec::new(), after: None, cause: anyhow!("rejected") }
    }
}

#[cfg(test)]
mod tests;
