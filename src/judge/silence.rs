//! The pulse of the cluster stops: no lease is renewed any more, or none of a kind that was renewed every minute.
//!
//! The API server is down, its log is written elsewhere, or a changed audit policy has made it blind.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Case, Judge};
use crate::alert::Severity;
use crate::detect::heartbeat::HEARTBEAT;
use crate::detect::{Findings, Rule};
use crate::event::Timestamp;

/// Minutes in which a lease must have been renewed before its silence means anything.
const LEARNT_MINUTES: u32 = 10;

/// So many seconds without any renewal are a silence of the log.
const LOG_SECONDS: i64 = 300;

/// So many without a renewal of one kind are a silence of that one. Longer, so that a silence of all comes first.
const LEASE_SECONDS: i64 = 480;

/// Leases that are watched one by one: those of this namespace are the cluster's own.
const OF_CLUSTER: &str = "kube-system/";

/// Leases without which no cluster lives.
const VITAL: [&str; 3] = ["kube-system/kube-scheduler", "kube-system/kube-controller-manager", "kube-node-lease"];

/// Most leases remembered. Beyond it new ones are passed over.
const LEASES_MAX: usize = 1024;

/// One lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Beat {
    last: Timestamp,
    /// Minutes in a row in which it was renewed.
    minutes: u32,
    /// It is silent, and that was said.
    told: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    leases: BTreeMap<String, Beat>,
    due: Option<Timestamp>,
}

/// Remembers when each lease was renewed.
pub(super) struct Silence {
    log: Arc<Rule>,
    lease: Arc<Rule>,
    memory: Memory,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            log: Rule::new("log-silent", "The audit log has fallen silent", &["T1562.008"]),
            lease: Rule::new("heartbeat-silent", "A part of the cluster has fallen silent", &["T1562.008", "T1489"]),
            memory: Memory::default(),
        }
    }
}

impl Judge for Silence {
    fn id(&self) -> &str {
        &self.log.id
    }

    fn rules(&self) -> Vec<String> {
        vec![self.log.id.clone(), self.lease.id.clone()]
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn judge(&mut self, case: &Case<'_>, _: &mut Findings) {
        for renewed in case.observed(HEARTBEAT) {
            let lease = renewed.value("lease").unwrap_or_default();
            let room = self.memory.leases.len() < LEASES_MAX;
            match self.memory.leases.get_mut(lease) {
                Some(beat) => beat.renew(case.time),
                None if room => {
                    self.memory.leases.insert(lease.to_owned(), Beat { last: case.time, minutes: 1, told: false });
                }
                None => continue,
            }
            self.memory.due = self.next();
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.memory.due
    }

    fn tick(&mut self, now: Timestamp, verdict: &mut Findings) {
        if self.log_due().is_some_and(|due| due <= now) {
            self.tell_log(verdict);
        }
        let leases = self.memory.leases.iter_mut();
        for (lease, beat) in leases.filter(|(lease, beat)| beat.lease_due(lease).is_some_and(|due| due <= now)) {
            beat.told = true;
            // One API server of several may go, and so may an add-on; all schedulers, controllers or nodes do not.
            let vital = VITAL.iter().any(|vital| lease == vital);
            let severity = if vital { Severity::Medium } else { Severity::Low };
            let text = format!(
                "the lease {lease} was renewed every minute and has not been since {}: its holder is down, or no longer logged",
                beat.last
            );
            verdict.tell(&self.lease, lease.clone(), severity, text);
        }
        self.memory.due = self.next();
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.memory)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.memory = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

impl Silence {
    /// When the silence of all is worth a word.
    fn log_due(&self) -> Option<Timestamp> {
        let usual = self.memory.leases.values().filter(|beat| beat.minutes >= LEARNT_MINUTES && !beat.told);
        usual.clone().next()?;
        Some(self.memory.leases.values().map(|beat| beat.last).max()?.plus_seconds(LOG_SECONDS))
    }

    fn tell_log(&mut self, verdict: &mut Findings) {
        let leases = &mut self.memory.leases;
        let usual = leases.values().filter(|beat| beat.minutes >= LEARNT_MINUTES).count();
        let last = leases.values().map(|beat| beat.last).max().unwrap_or_default();
        leases.values_mut().for_each(|beat| beat.told = true);
        let text = format!(
            "no lease has been renewed since {last}, though {usual} were every minute: the API server is down, or its audit \
             log is no longer written or read"
        );
        verdict.tell(&self.log, "the audit log".to_owned(), Severity::High, text);
    }

    fn next(&self) -> Option<Timestamp> {
        let leases = self.memory.leases.iter().filter_map(|(lease, beat)| beat.lease_due(lease));
        leases.chain(self.log_due()).min()
    }
}

impl Beat {
    fn renew(&mut self, time: Timestamp) {
        // One minute may be missed.
        let goes_on = time.minute() - self.last.minute() <= 2;
        self.minutes = if goes_on { self.minutes.saturating_add(1) } else { 1 };
        self.last = self.last.max(time);
        self.told = false;
    }

    fn lease_due(&self, lease: &str) -> Option<Timestamp> {
        let watched = lease.starts_with(OF_CLUSTER) || !lease.contains('/');
        (watched && self.minutes >= LEARNT_MINUTES && !self.told).then(|| self.last.plus_seconds(LEASE_SECONDS))
    }
}
