//! The analyzer at the end of a scan.

use std::collections::{BTreeMap, HashMap};

use super::Analyze;
use super::report::{Caller, Covered, Tally};
use crate::alert::Alert;
use crate::analyze::{Analyzer, Output};
use crate::batch::Input;
use crate::event::Timestamp;
use crate::suppress::Suppressed;

/// Keeps the last revision of each alert.
pub struct Analysis {
    analyzer: Analyzer,
    events: u64,
    malformed: u64,
    passed: BTreeMap<&'static str, u64>,
    alerts: HashMap<String, Alert>,
    suppressed: BTreeMap<Covered, u64>,
}

impl Analysis {
    /// From an analyzer that remembers nothing yet.
    pub fn new(analyzer: Analyzer) -> Self {
        let (passed, alerts, suppressed) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Self { analyzer: analyzer.with_census(), events: 0, malformed: 0, passed, alerts, suppressed }
    }

    fn keep(&mut self, out: Output) {
        self.events += out.events;
        self.malformed += out.quarantined.len() as u64;
        for Suppressed { by, rule } in &out.suppressed {
            let covered = Covered { suppression: by.to_string(), rule: rule.id.clone() };
            *self.suppressed.entry(covered).or_default() += 1;
        }
        for (reason, passed) in out.passed {
            *self.passed.entry(reason).or_default() += passed;
        }
        self.alerts.extend(out.alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
    }

    /// Callers by name and place; the analyzer may count the same one twice.
    fn callers(&self) -> Vec<Caller> {
        let mut callers = BTreeMap::new();
        for counted in self.analyzer.census().into_iter().flat_map(|census| census.callers()) {
            let ip = counted.origin.address.map(|address| address.to_string());
            let caller = callers.entry((counted.who.user.name.clone(), ip.clone(), counted.origin.hop.clone()));
            let caller = caller.or_insert_with(|| Caller {
                actor: counted.who.user.name.clone(),
                kind: counted.who.user.kind().word().to_owned(),
                ip,
                zone: counted.origin.zone.as_ref().map(|zone| zone.name.to_string()),
                trusted: counted.origin.trusted.word().to_owned(),
                events: 0,
            });
            caller.events += counted.events;
        }
        callers.into_values().collect()
    }
}

impl Analyze for Analysis {
    fn take(&mut self, input: Input, horizon: Timestamp) -> anyhow::Result<()> {
        let mut out = Output::default();
        self.analyzer.analyze(&input, &mut out);
        self.analyzer.settle(horizon, 0.0, &mut out);
        self.keep(out);
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Tally> {
        let mut out = Output::default();
        self.analyzer.finish(&mut out);
        self.keep(out);
        let exposure =
            self.alerts.values().flat_map(|alert| &alert.reasons).find(|reason| reason.rule == "api-server-exposed");
        let census = self.analyzer.census();
        Ok(Tally {
            events: self.events,
            malformed: self.malformed,
            passed: std::mem::take(&mut self.passed),
            first: census.and_then(|census| census.first),
            last: census.and_then(|census| census.last),
            exposure: exposure.map(|reason| reason.text.clone()),
            who: self.callers(),
            alerts: self.alerts.into_values().collect(),
            suppressed: self.suppressed,
        })
    }
}
