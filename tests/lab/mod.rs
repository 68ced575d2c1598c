//! What tests of the whole road stand on: a folder with a log and a configuration, the binary, a webhook's receiver.

// Each test that includes this uses its own part of it.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod dice;
mod events;
mod folder;
pub mod poster;
mod process;
mod receiver;

use std::time::{Duration, Instant};

pub use dice::Dice;
pub use events::{Attack, Clock};
pub use folder::{Folder, mode, webhook};
pub use process::Process;
pub use receiver::{Mood, Receiver};

/// Longest that anything is waited for. Only a failing test gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so, and says what was waited for when it never is.
#[track_caller]
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
