//! Sigma rules: what they match, and what is said about those that cannot be run.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod mistakes;
mod semantics;
mod sigmahq;

use gatecrier::batch::Framing;
use gatecrier::config::Config;
use gatecrier::decode::{Record, decode};
use gatecrier::detect::rules::{Lists, Loaded, Rules, Sheet, load};
use gatecrier::detect::{Detector, Finding, Findings};
use gatecrier::pipeline;

/// The rules of some texts, each a file `rule-N.yml`.
fn loaded(texts: &[&str], lists: &Lists) -> Result<Loaded, String> {
    let sheets: Vec<_> = texts
        .iter()
        .zip(1..)
        .map(|(text, number): (_, u32)| Sheet { file: format!("rule-{number}.yml"), text: (*text).to_owned() })
        .collect();
    let told = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    load(&sheets, lists).map_err(told)
}

/// What rules find in an event.
fn findings(rules: &Rules, event: &str) -> Vec<Finding> {
    let mut enricher = pipeline::enricher(&Config::default()).unwrap();
    let mut findings = Findings::default();
    let mut events = 0;
    decode(event.as_bytes(), Framing::Lines, &mut |record| {
        let Record::Event(event) = record else { panic!("no event: {record:?}") };
        events += 1;
        rules.inspect(&enricher.facts(&event), &mut findings);
    });
    assert_eq!(events, 1, "{event}");
    findings.take()
}
