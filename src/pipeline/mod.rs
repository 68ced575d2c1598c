//! Wires, spawns, stops. The only module that spawns what outlives a call.

mod build;

pub use build::{analyzer, enricher};
