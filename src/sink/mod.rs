//! Where alerts go. A sink sends what it is given, once; whoever calls it retries.

pub mod alertmanager;
mod any;
mod calls;
pub mod discord;
pub mod elasticsearch;
mod facts;
pub mod falcosidekick;
pub mod file;
pub mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod loki;
mod messages;
pub mod opsgenie;
pub mod otlp;
pub mod pagerduty;
mod quiet;
mod route;
#[cfg(test)]
pub(crate) mod sample;
mod settings;
mod single;
pub mod slack;
pub mod stdout;
pub mod syslog;
mod tactics;
pub mod teams;
mod text;
pub mod trial;
pub mod webhook;

pub use any::AnySink;
pub use quiet::{Day, Quiet};
pub use route::{Group, Route};
pub use settings::{Demands, FileSetting, Settings};

use std::future::Future;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::alert::{Alert, Evidence};

/// One place that alerts are sent to.
pub trait Sink: Send + 'static {
    /// Sends the alerts, oldest first. `Ok` means that every one of them is safe with the receiver.
    fn send(&mut self, alerts: &[Alert]) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Asks whether it would take alerts, without sending one, and says what was found.
    fn check(&self) -> impl Future<Output = anyhow::Result<String>> + Send;
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
        /// Why those in `retry` were not taken.
        cause: Option<anyhow::Error>,
    },
}

/// Least wait after an answer that only an operator can mend, such as a wrong token.
const SLOW: Duration = Duration::from_secs(60);

impl SendError {
    /// To be sent again soon, as nothing is known of the receiver's wishes.
    pub fn retry(cause: anyhow::Error) -> Self {
        Self::Retry { after: None, cause }
    }

    /// To be sent again, but not soon: waiting alone will not mend it.
    pub fn slow(cause: anyhow::Error) -> Self {
        Self::Retry { after: Some(SLOW), cause }
    }

    /// This error when no alert can have caused it: what would reject an alert is tried again slowly.
    fn blameless(self) -> Self {
        match self {
            Self::Reject(cause) => Self::slow(cause),
            other => other,
        }
    }

    /// This error of a later part of a batch of `count` alerts, when those before `index` were taken.
    fn after_index(self, index: usize, count: usize) -> Self {
        let (after, cause) = match self {
            Self::Retry { after, cause } => (after, cause),
            Self::Reject(cause) => (None, cause),
            Self::Partly { .. } => return self,
        };
        Self::Partly { rejected: Vec::new(), retry: (index..count).collect(), after, cause: Some(cause) }
    }
}

/// The alert with the event behind it left out and marked as cut. Anybody may have written parts of the event: nested
/// without end, keys given twice, longer than a receiver takes. An alert must not be kept out by what it is about.
fn without_event(alert: &Alert) -> Alert {
    let left_out =
        |evidence: &Evidence| Evidence { event: RawValue::NULL.to_owned(), cut: true, bytes: evidence.bytes };
    Alert { evidence: alert.evidence.as_ref().map(left_out), ..alert.clone() }
}

/// The alert as JSON on one line, the same bytes each time. Line breaks between the tokens of the evidence, which
/// is kept as it was logged, become spaces; inside a JSON string there are none.
pub(crate) fn json_line(alert: &Alert) -> serde_json::Result<String> {
    let json = serde_json::to_string(alert)?;
    Ok(if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json })
}
