//! The whole road, from a log file to delivered alerts, through everything that can happen on the way.

// A test ends at its first failure, wherever that is.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../lab/mod.rs"]
mod lab;

mod grouping;
mod outages;
mod poison;
mod reload;
mod restarts;
mod secrets;
