//! What is unusual, for whom: anomaly documents.
//!
//! A document names requests, the fields whose values are looked at, and whose habits count. One detector observes for
//! all of them; each has a judge that learns.

mod breadth;
mod clause;
mod document;
mod habits;
mod novelty;
mod pause;
mod spike;
mod watch;

pub use document::{Anomaly, Kind, Whom};

use super::Judge;
use crate::detect::Detector;
use crate::yaml::Problem;

/// The documents that come with the program.
const BUILT_IN: &str = include_str!("built_in.yaml");

/// Reads several documents, between `---`.
///
/// # Errors
/// As [`Anomaly::read`], for the first one that is wrong.
pub fn read(text: &str, file: &str) -> Result<Vec<Anomaly>, Problem> {
    let documents = text
        .split("\n---\n")
        .filter(|document| document.lines().any(|line| !line.starts_with('#') && !line.is_empty()));
    documents.map(|document| Anomaly::read(document, file)).collect()
}

/// The documents that come with the program.
///
/// # Errors
/// None: a test reads them.
pub fn built_in() -> Result<Vec<Anomaly>, Problem> {
    read(BUILT_IN, "built_in.yaml")
}

/// What observes for these documents.
pub fn detector(documents: &[Anomaly]) -> Box<dyn Detector> {
    Box::new(watch::Watch::new(documents))
}

/// What learns for them. `learning`: how long before they speak, seconds.
pub fn judges(documents: &[Anomaly], learning: i64) -> Vec<Box<dyn Judge>> {
    let judge = |document: &Anomaly| -> Box<dyn Judge> {
        let document = document.clone();
        match document.kind {
            Kind::FirstSeen | Kind::Rare => Box::new(novelty::Novelty::new(document, learning)),
            Kind::ManyDistinct => Box::new(breadth::Breadth::new(document, learning)),
            Kind::Spike => Box::new(spike::Spike::new(document, learning)),
            Kind::Silence => Box::new(pause::Pause::new(document, learning)),
        }
    };
    documents.iter().map(judge).collect()
}
