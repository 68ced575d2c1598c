//! What one source counts.

use std::io;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::batch::SourceId;
use crate::metrics::{BySource, BySourceReason, Metrics};

use super::identity::is_torn;

/// The metrics of one source.
pub struct Gauges {
    metrics: Metrics,
    source: String,
    read_bytes: Counter,
    lag_bytes: Gauge,
    attached: Gauge,
    held_files: Gauge,
}

impl Gauges {
    /// The metrics of `source`.
    pub fn new(metrics: Metrics, source: &SourceId) -> Self {
        let by = BySource { source: source.as_str().to_owned() };
        Self {
            source: source.as_str().to_owned(),
            read_bytes: metrics.read_bytes.get_or_create_owned(&by),
            lag_bytes: metrics.lag_bytes.get_or_create_owned(&by),
            attached: metrics.attached.get_or_create_owned(&by),
            held_files: metrics.held_files.get_or_create_owned(&by),
            metrics,
        }
    }

    /// So many bytes were read, so many are not.
    pub fn read(&self, bytes: usize, behind: u64) {
        self.read_bytes.inc_by(bytes as u64);
        self.lag_bytes.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    /// Whether the log can be read.
    pub fn attached(&self, attached: bool) {
        self.attached.set(i64::from(attached));
    }

    /// So many rotated files are held.
    pub fn held(&self, files: usize) {
        self.held_files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// Reading failed.
    pub fn failed(&self, error: &io::Error) {
        let by = BySourceReason { source: self.source.clone(), reason: reason(error) };
        self.metrics.source_errors.get_or_create(&by).inc();
    }
}

fn reason(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    match error.kind() {
        _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => "io",
        _ if is_torn(error) => "torn-gzip",
        io::ErrorKind::NotFound => "missing",
        io::ErrorKind::PermissionDenied => "denied",
        io::ErrorKind::StaleNetworkFileHandle => "stale",
        io::ErrorKind::Interrupted => "changing",
        _ => "other",
    }
}
