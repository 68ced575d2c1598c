//! The binary against the API server's own log writer, killed at random, on a full disk, and at chosen system calls.
//!
//! `GATECRIER_TEST_KILLS` says how often the long test kills, `GATECRIER_TEST_SEED` repeats one that failed.

// A test ends at its first failure, wherever that is, and says what it counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../lab/mod.rs"]
mod lab;

#[path = "kill/full_disk.rs"]
mod full_disk;
#[path = "kill/ledger.rs"]
mod ledger;
#[path = "kill/points.rs"]
mod points;
#[path = "kill/random.rs"]
mod random;
#[path = "kill/writer.rs"]
mod writer;
