//! Which alerts a pager was called for a moment ago.
//!
//! A pager that is told of a beginning and of the end within seconds may wake nobody. So what came late and is over
//! already is left open for a person to end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::alert::{Alert, Status};

/// How long after the call an end is still passed over.
const LATELY: Duration = Duration::from_secs(10 * 60);
/// Most calls remembered. Beyond it all are forgotten, and an end may follow its beginning at once.
const CALLS_MAX: usize = 10_000;

/// What to tell a pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Somebody must look.
    Begin,
    /// It is over by itself.
    End,
    /// Nothing: somebody is being called for it.
    Nothing,
}

/// The calls of late.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<String, Instant>);

impl Calls {
    /// What to tell of this alert. One that was closed from its beginning ends by hand.
    pub(super) fn call(&mut self, alert: &Alert, now: Instant) -> Call {
        self.0.retain(|_, called| now.duration_since(*called) < LATELY);
        match alert.status {
            Status::Closed if alert.revision > 1 && self.0.contains_key(&alert.id) => Call::Nothing,
            Status::Closed if alert.revision > 1 => Call::End,
            Status::Open | Status::Closed => Call::Begin,
        }
    }

    /// The pager took the call.
    pub(super) fn called(&mut self, alert: &Alert, now: Instant) {
        if self.0.len() >= CALLS_MAX {
            self.0.clear();
        }
        self.0.entry(alert.id.clone()).or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    #[test]
    fn an_end_counts_unless_it_follows_the_call_at_once() {
        let (mut calls, began) = (Calls::default(), Instant::now());
        let open = sample::alert("a", 1);
        let closed = Alert { status: Status::Closed, ..sample::alert("a", 2) };
        assert_eq!(calls.call(&open, began), Call::Begin);
        calls.called(&open, began);
        assert_eq!(calls.call(&closed, began + Duration::from_secs(60)), Call::Nothing);
        assert_eq!(calls.call(&closed, began + LATELY), Call::End);
        assert_eq!(Calls::default().call(&closed, began), Call::End);
        let own = Alert { status: Status::Closed, ..open };
        assert_eq!(calls.call(&own, began), Call::Begin);
    }
}
