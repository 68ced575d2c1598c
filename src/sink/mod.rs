//! Where alerts go. A sink sends what it is given, once; whoever calls it retries.

pub mod elasticsearch;
pub mod loki;
pub mod stdout;
pub mod webhook;

use std::future::Future;
use std::time::Duration;

use crate::alert::Alert;

/// One place that alerts are sent to.
pub trait Sink: Send + 'static {
    /// Sends the alerts, oldest first. `Ok` means that every one of them is safe with the receiver.
    fn send(&mut self, alerts: &[Alert]) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// Why not every alert was taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing is known to be wrong with the alerts: send them all again, without end.
    #[error("{cause:#}")]
    Retry {
        /// The receiver's own wish, when it named one.
        after: Option<Duration>,
        /// What happened.
        cause: anyhow::Error,
    },
    /// The receiver will never take this batch. More than one alert is sent again in halves; a single one is parked.
    #[error("{0:#}")]
    Reject(anyhow::Error),
    /// Some were taken. The others are named by their index.
    #[error("{} rejected, {} to be sent again", rejected.len(), retry.len())]
    Partly {
        /// Never to be taken, with the reason.
        rejected: Vec<(usize, anyhow::Error)>,
        /// To be sent again.
        retry: Vec<usize>,
        /// The receiver's own wish, when it named one.
        after: Option<Duration>,
    },
}
