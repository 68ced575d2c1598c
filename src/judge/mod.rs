//! What remembers: judges, the stage between detectors and the throttle.
//!
//! A detector looks at one event and forgets it. A judge sees what was found and observed in one request after the
//! other, in the order of event time, and may add findings of its own: the same credential in two networks, a value
//! never seen before, one thing after another. It may also speak when nothing comes, at a moment of event time that it
//! names beforehand. So what it says depends on the events alone, however they were dealt out over files.
//!
//! A judge never sees a copy of a record, and what was found or observed in a request only once, whatever stages the
//! request has. Its memory is bounded, and saved under its id together with the hash of what shapes it.

pub mod anomaly;
mod audit_id;
mod certificate;
mod chains;
mod correlation;
mod judges;
mod minted;
mod nodes;
mod once;
mod recent;
mod risk;
mod sighting;
mod silence;
mod storm;
#[cfg(test)]
mod tests;
mod two_networks;

use serde_json::value::RawValue;

use crate::alert::{EventRef, Severity};
use crate::detect::needs::Needs;
use crate::detect::observation::Observation;
use crate::detect::{self, Finding, Findings};
use crate::event::Timestamp;

pub use correlation::Correlations;
pub use judges::{Judges, Memory};

/// Every built-in judge.
pub fn built_in(config: &detect::Config) -> Vec<Box<dyn Judge>> {
    vec![
        Box::new(two_networks::TwoNetworks::default()),
        Box::new(minted::Minted::default()),
        Box::new(nodes::Nodes::default()),
        Box::new(storm::SuccessAfterStorm::new(&config.storm)),
        Box::new(certificate::SelfApproved::default()),
        Box::new(audit_id::ReusedAuditId::default()),
        Box::new(silence::Silence::default()),
        Box::new(chains::Chains::default()),
    ]
}

/// What adds up all that the others find: to be asked last.
pub fn last() -> Vec<Box<dyn Judge>> {
    vec![Box::new(risk::Risk::default())]
}

/// Every rule of the built-in judges by its id, and what it must be shown.
pub fn needs(config: &detect::Config) -> Vec<(String, Needs)> {
    built_in(config).iter().flat_map(|judge| judge.needs()).collect()
}

/// What a judge sees of one request at once: what is new at this stage of it.
#[derive(Debug)]
pub struct Case<'h> {
    /// Event time.
    pub time: Timestamp,
    /// Who asked, as findings name him; empty when he had no credential, or no request raised it.
    pub who: &'h str,
    /// What the request did was done.
    pub success: bool,
    /// The event; nothing when no request raised it.
    pub event: Option<&'h EventRef>,
    findings: &'h [&'h Finding],
    observed: &'h [&'h Observation],
    /// What earlier judges have added.
    added: &'h [Finding],
}

impl<'h> Case<'h> {
    /// What was found, by detectors and by the judges before this one.
    pub fn findings(&self) -> impl Iterator<Item = &'h Finding> {
        self.findings.iter().copied().chain(self.added)
    }

    /// Whether nothing grave was found in it, so that it may be learnt from. What only counts is not grave yet, and what
    /// is suppressed is expected.
    pub fn is_innocent(&self) -> bool {
        self.findings().all(|finding| {
            finding.severity < Severity::Medium || finding.rule.threshold.is_some() || finding.covered.is_some()
        })
    }

    /// What was observed under this name.
    pub fn observed(&self, what: &str) -> impl Iterator<Item = &'h Observation> {
        self.observed.iter().copied().filter(move |observation| &*observation.what == what)
    }
}

/// Remembers, and says what only memory can say.
pub trait Judge: Send {
    /// What its memory is saved under: the id of its rule.
    fn id(&self) -> &str;

    /// All that shapes its memory: fields, windows, and a number that rises with its form. A memory of another shape
    /// is not taken over.
    fn shape(&self) -> String;

    /// The ids of its rules, and what each must be shown: every request, unless it says otherwise.
    fn needs(&self) -> Vec<(String, Needs)> {
        vec![(self.id().to_owned(), Needs::everything())]
    }

    /// The ids of the rules by which it raises findings.
    fn rules(&self) -> Vec<String> {
        self.needs().into_iter().map(|(id, _)| id).collect()
    }

    /// Looks at one case and raises what it finds. Cases come in the order of event time, but for those that came
    /// too late to be put in order.
    fn judge(&mut self, case: &Case<'_>, verdict: &mut Findings);

    /// When it wants to speak if nothing comes.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// Event time has reached the moment it named. What it raises is dated so; afterwards it must name a later one,
    /// or none.
    fn tick(&mut self, _now: Timestamp, _verdict: &mut Findings) {}

    /// What it remembers.
    ///
    /// # Errors
    /// A value that JSON cannot hold; none is known.
    fn save(&self) -> serde_json::Result<Box<RawValue>>;

    /// Takes over what it remembered.
    ///
    /// # Errors
    /// It is not what [`Judge::save`] writes.
    fn load(&mut self, memory: &RawValue) -> serde_json::Result<()>;
}
