//! One thing after another, by one identity: harmless alone, an incident in this order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::recent::Recent;
use super::{Case, Judge};
use crate::alert::{EventRef, Severity};
use crate::detect::needs::Needs;
use crate::detect::steps::STEP;
use crate::detect::{Finding, Findings, Rule};
use crate::event::Timestamp;

/// Steps in their order.
struct Chain {
    rule: Arc<Rule>,
    steps: &'static [&'static str],
    /// From the first to the last, seconds.
    window: i64,
    severity: Severity,
    /// What it says, after the name.
    says: &'static str,
}

/// Identities of one generation. Beyond it those idle longest begin anew.
const IDENTITIES_MAX: usize = 4096;

/// Most steps remembered of one identity. Beyond it the oldest is forgotten.
const STEPS_MAX: usize = 64;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    step: String,
    time: Timestamp,
    event: Option<EventRef>,
}

/// Remembers the steps of each identity.
pub(super) struct Chains {
    chains: Vec<Chain>,
    identities: Recent<Vec<Step>>,
}

impl Default for Chains {
    fn default() -> Self {
        let chain = |id, title, techniques: &[&str], steps, window, severity, says| Chain {
            rule: Rule::new(id, title, techniques),
            steps,
            window,
            severity,
            says,
        };
        use Severity::{High, Low};
        let chains = vec![
            chain(
                "unguarded-then-dangerous",
                "A guard was taken away, and a dangerous workload made",
                &["T1562.001", "T1611"],
                &["unguarded", "dangerous"][..],
                1800,
                High,
                "changed or removed an admission or network guard, and then made a workload that is dangerous to its node",
            ),
            chain(
                "dangerous-then-entered",
                "A dangerous workload was made, and entered",
                &["T1610", "T1611"],
                &["dangerous", "entered"],
                600,
                High,
                "made a workload that is dangerous to its node, and then ran a command in a pod",
            ),
            chain(
                "entered-then-erased",
                "A pod was entered, and events were erased",
                &["T1070"],
                &["entered", "erased"],
                1800,
                High,
                "ran a command in a pod, and then deleted events",
            ),
            chain(
                "granted-then-ran",
                "Rights were granted, and a workload made",
                &["T1098.006"],
                &["granted", "ran"],
                300,
                Low,
                "granted rights, and then made a workload, as installing something does",
            ),
            chain(
                "one-off-pod",
                "A pod was made, entered and removed",
                &["T1610"],
                &["ran", "entered", "removed"],
                1800,
                Low,
                "made a workload, ran a command in a pod, and then removed a pod",
            ),
        ];
        Self { chains, identities: Recent::new(IDENTITIES_MAX) }
    }
}

impl Judge for Chains {
    fn id(&self) -> &str {
        "chains"
    }

    fn shape(&self) -> String {
        "1".to_owned()
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        self.chains.iter().map(|chain| (chain.rule.id.clone(), Needs::everything())).collect()
    }

    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings) {
        for observed in case.observed(STEP) {
            let step = observed.value("step").unwrap_or_default();
            let steps = self.identities.entry(case.who, Vec::new);
            if steps.len() >= STEPS_MAX {
                steps.remove(0);
            }
            steps.push(Step { step: step.to_owned(), time: case.time, event: case.event.cloned() });
            for chain in self.chains.iter().filter(|chain| chain.steps.last() == Some(&step)) {
                if let Some(way) = chain.way(steps, case.time) {
                    let text = format!("{} {}", case.who, chain.says);
                    let mut finding = Finding::new(&chain.rule, case.who.to_owned(), chain.severity, text);
                    finding.events = way;
                    verdict.push(finding);
                }
            }
        }
    }

    fn save(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.identities)
    }

    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()> {
        self.identities = serde_json::from_str(memory.get())?;
        Ok(())
    }
}

impl Chain {
    /// The events of the steps before the last one, if all were made in time and in order.
    fn way(&self, steps: &[Step], now: Timestamp) -> Option<Vec<EventRef>> {
        let begin = now.plus_seconds(-self.window);
        let (_, before) = self.steps.split_last()?;
        let mut rest = steps.split_last()?.1.iter().rev().filter(|step| step.time >= begin);
        let mut way = Vec::new();
        for wanted in before.iter().rev() {
            way.extend(rest.find(|step| step.step == *wanted)?.event.clone());
        }
        way.reverse();
        Some(way)
    }
}
