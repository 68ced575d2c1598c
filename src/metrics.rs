//! Every metric: name, help, type. The only file with metric names in it.
//!
//! Labels come from the configuration or from a fixed list of words, never from an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::{Registry, Unit};

/// Which source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySource {
    /// The source's name, from the configuration.
    pub source: String,
}

/// Which source, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySourceReason {
    /// The source's name, from the configuration.
    pub source: String,
    /// One of a fixed list of words.
    pub reason: &'static str,
}

/// Which source, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySourceResult {
    /// The source's name, from the configuration.
    pub source: String,
    /// One of a fixed list of words.
    pub result: &'static str,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByReason {
    /// One of a fixed list of words.
    pub reason: &'static str,
}

/// Which rule, how grave.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByRule {
    /// The rule's id.
    pub rule: String,
    /// The severity's word.
    pub severity: &'static str,
}

/// Which suppression, of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySuppression {
    /// Its label, from the configuration.
    pub suppression: String,
    /// The rule's id.
    pub rule: String,
}

/// Which sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySink {
    /// The sink's name, from the configuration.
    pub sink: String,
}

/// Which sink, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySinkResult {
    /// The sink's name, from the configuration.
    pub sink: String,
    /// `delivered`, `retried`, `parked`, `superseded`, or `folded` into a message that counts.
    pub result: &'static str,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByResult {
    /// `ok` or `failed`.
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;
type Count = Gauge<i64, AtomicI64>;

/// Declares the struct of all metrics and their registration from one table.
macro_rules! metrics {
    ($($field:ident: $kind:ty = $name:literal, $unit:expr, $help:literal;)*) => {
        /// All metrics. Cheap to clone; clones count together.
        #[derive(Debug, Clone)]
        pub struct Metrics {
            registry: Arc<Registry>,
            $(#[doc = $help] pub $field: $kind,)*
        }

        impl Metrics {
            /// A fresh set, all at zero.
            pub fn new() -> Self {
                let mut registry = Registry::with_prefix("gatecrier");
                $(
                    let $field = <$kind>::default();
                    let unit: Option<Unit> = $unit;
                    match unit {
                        Some(unit) => registry.register_with_unit($name, $help, unit, $field.clone()),
                        None => registry.register($name, $help, $field.clone()),
                    }
                )*
                let build = Family::<Build, Count>::default();
                build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
                registry.register("build_info", "The version running, always 1", build);
                Self { registry: Arc::new(registry), $($field,)* }
            }

            /// Names as a scraper sees them, without the suffix that its kind adds.
            pub fn names() -> Vec<String> {
                let mut names = vec!["gatecrier_build_info".to_owned()];
                $(
                    let unit: Option<Unit> = $unit;
                    let unit = unit.map_or(String::new(), |unit| format!("_{}", unit.as_str()));
                    names.push(format!("gatecrier_{}{unit}", $name));
                )*
                names
            }
        }
    };
}

metrics! {
    events: Family<BySource, Counter> = "events", None, "Audit events analyzed";
    read_bytes: Family<BySource, Counter> = "read", Some(Unit::Bytes), "Bytes read from sources, decompressed";
    lag_bytes: Family<BySource, Count> = "source_lag", Some(Unit::Bytes), "Bytes written to the source that are not read yet";
    lag_records: Family<BySource, Count> = "source_lag_records", None, "Records in the partition that are not read yet";
    lag_seconds: Family<BySource, Seconds> = "source_lag", Some(Unit::Seconds), "Age of the newest event read while the source is behind, 0 when it is not";
    attached: Family<BySource, Count> = "source_attached", None, "1 while the source can be read";
    held_files: Family<BySource, Count> = "source_held_files", None, "Rotated files kept open until what they hold is safe";
    source_errors: Family<BySourceReason, Counter> = "source_errors", None, "Failed attempts to read a source";
    spool_bytes: Family<BySource, Count> = "spool_size", Some(Unit::Bytes), "Bytes posted by the sender that are on disk until both snapshots are past them";
    forwarded: Counter = "forwarded_events", None, "Events that another Gatecrier has taken from us";
    forward_posts: Family<ByResult, Counter> = "forward_requests", None, "Requests to another Gatecrier by what came of them";
    posts: Family<BySourceResult, Counter> = "webhook_requests", None, "Requests to the audit webhook by what came of them";
    bodies_bytes: Family<BySource, Count> = "webhook_bodies", Some(Unit::Bytes), "Memory in use for bodies that are not on disk yet";
    malformed: Family<BySourceReason, Counter> = "malformed_records", None, "Records that could not be read whole; they are in the quarantine";
    passed: Family<BySourceReason, Counter> = "passed_records", None, "Records in an envelope that are not the API server's, never looked into";
    duplicates: Counter = "duplicate_records", None, "Records passed because they had been analyzed already";
    alerts: Family<ByRule, Counter> = "alerts", None, "Alerts opened";
    reloads: Family<ByResult, Counter> = "reload", None, "Times that the configuration was read again while running";
    stale: Count = "configuration_stale", None, "1 while the configuration at work is not the one on the disk: it cannot be used, or needs a restart";
    suppressed: Family<BySuppression, Counter> = "suppressed_findings", None, "Findings that a suppression of the configuration covers, each once a request";
    revisions: Counter = "alert_revisions", None, "Revisions of alerts written to the outbox";
    outbox_alerts: Count = "outbox_alerts", None, "Alerts in the outbox that some sink has not taken yet";
    outbox_bytes: Count = "outbox_size", Some(Unit::Bytes), "Bytes of the outbox on disk";
    outbox_age: Seconds = "outbox_oldest", Some(Unit::Seconds), "Age of the oldest alert that some sink has not taken yet";
    outbox_waits: Counter = "outbox_waits", None, "Times that alerts had to wait for room on the disk";
    backlog: Family<BySink, Count> = "sink_backlog_alerts", None, "Alerts the sink has not taken yet";
    deliveries: Family<BySinkResult, Counter> = "deliveries", None, "Alerts by sink and what came of sending them";
    circuit_open: Family<BySink, Count> = "sink_circuit_open", None, "1 while a failing sink is left alone between probes";
    dropped: Family<ByReason, Counter> = "dropped", None, "What was let go, with the reason; each is also told to a sink";
    snapshots: Family<ByResult, Counter> = "snapshots", None, "Snapshots of positions and memory saved";
    snapshot_time: Seconds = "snapshot_last_saved_timestamp", Some(Unit::Seconds), "When the newest snapshot was saved, Unix time";
}

impl Metrics {
    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_scraped_under_their_names() {
        let metrics = Metrics::new();
        metrics.duplicates.inc();
        metrics.read_bytes.get_or_create(&BySource { source: "file:audit.log".to_owned() }).inc_by(7);
        let text = metrics.encode().unwrap();
        assert!(text.contains("gatecrier_duplicate_records_total 1"), "{text}");
        assert!(text.contains("gatecrier_read_bytes_total{source=\"file:audit.log\"} 7"), "{text}");
        assert!(text.ends_with("# EOF\n"));
        let names = Metrics::names();
        for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
            let name = line.split(' ').next().unwrap();
            assert!(names.iter().any(|known| known == name), "{name} is not in names()");
        }
    }
}
