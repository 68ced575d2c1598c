//! Alerts that wait: for quiet hours to end, or for others to go with them.
//!
//! While something waits, the sink's cursor stays where it is, so that after a crash all of it comes again. What waits
//! is bounded: a few alerts are kept whole, the others are counted.

use std::time::Duration;

use tokio::time::Instant;

use super::digest::Digest;
use crate::alert::{Alert, Status};
use crate::sink::Route;

/// Longest a flood that does not end is waited for. Beyond it, what has gathered is told.
const FLOOD_MAX: Duration = Duration::from_secs(5);
/// Most alerts that are kept whole. Beyond it they are counted, also where nobody asked for counts: what waits for the
/// morning must have room.
const KEPT_MAX: usize = 1000;
/// Quiet hours are looked at again this often: the clock may have been set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What becomes of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is not for this sink.
    Never,
    /// It goes at once, by itself.
    Now,
    /// It goes with what else there is to be read now.
    Soon,
    /// It waits.
    Later,
}

/// Whether it is time for what waits.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// These are to be told, and stand for so many alerts.
    Now(Vec<Alert>, usize),
    /// Not before so long.
    In(Duration),
}

/// What waits for one sink.
#[derive(Debug)]
pub(super) struct Hold {
    route: Route,
    soon: Gathered,
    later: Gathered,
}

/// Alerts that go together.
#[derive(Debug, Default)]
struct Gathered {
    /// When the first of them came.
    since: Option<Instant>,
    /// Those that would be told one by one, unless more come.
    kept: Vec<Alert>,
    /// All of them, counted.
    digest: Digest,
    /// The last revisions of alerts that were told before.
    closings: Vec<Alert>,
}

impl Hold {
    pub(super) fn new(route: Route) -> Self {
        Self { route, soon: Gathered::default(), later: Gathered::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.soon.since.is_none() && self.later.since.is_none()
    }

    /// What becomes of an alert, by a wall clock that says `now`.
    pub(super) fn turn(&self, alert: &Alert, now: jiff::Timestamp) -> Turn {
        if !self.route.takes(alert) {
            return Turn::Never;
        }
        let quiet = self.route.quiet.as_ref().filter(|quiet| quiet.until(now).is_some());
        if quiet.is_some_and(|quiet| alert.severity < quiet.pass) {
            return Turn::Later;
        }
        match &self.route.group {
            None => Turn::Now,
            // What is grave enough for quiet hours does not wait for others in them.
            Some(group) if quiet.is_none() && alert.severity < group.pass && !group.window.is_zero() => Turn::Later,
            Some(_) => Turn::Soon,
        }
    }

    /// Keeps an alert until its turn comes.
    pub(super) fn add(&mut self, alert: Alert, turn: Turn) {
        let most = self.most();
        let gathered = if turn == Turn::Later { &mut self.later } else { &mut self.soon };
        gathered.add(alert, most);
    }

    /// Whether it is time for what waits; asked only when something does. `drained` says that no more is there to be
    /// read.
    pub(super) fn due(&mut self, drained: bool, now: jiff::Timestamp) -> Due {
        let most = self.most();
        let waits = [
            self.soon.since.map(|since| left(since, Duration::ZERO, drained)),
            self.later
                .since
                .map(|since| self.until_quiet_ends(now).unwrap_or_else(|| left(since, self.window(), drained))),
        ];
        match waits {
            [Some(Duration::ZERO), _] => self.soon.take(most),
            [_, Some(Duration::ZERO)] => self.later.take(most),
            _ => Due::In(waits.into_iter().flatten().min().unwrap_or_default()),
        }
    }

    fn until_quiet_ends(&self, now: jiff::Timestamp) -> Option<Duration> {
        let end = self.route.quiet.as_ref()?.until(now)?;
        let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
        Some(left.clamp(Duration::from_millis(1), LOOK_EVERY))
    }

    fn window(&self) -> Duration {
        self.route.group.as_ref().map_or(Duration::ZERO, |group| group.window)
    }

    fn most(&self) -> usize {
        self.route.group.as_ref().map_or(KEPT_MAX, |group| group.most).clamp(1, KEPT_MAX)
    }
}

/// How much of a window is left.
fn left(since: Instant, window: Duration, drained: bool) -> Duration {
    let window = if drained { window } else { window.max(FLOOD_MAX) };
    window.saturating_sub(since.elapsed())
}

impl Gathered {
    fn add(&mut self, alert: Alert, most: usize) {
        self.since.get_or_insert_with(Instant::now);
        if alert.status == Status::Closed && alert.revision > 1 {
            // An end is not news. In a flood only so many are told of.
            if self.closings.len() < most {
                self.closings.push(alert);
            }
            return;
        }
        self.digest.add(&alert);
        if self.kept.len() <= most {
            self.kept.push(alert);
        }
    }

    fn take(&mut self, most: usize) -> Due {
        let Self { kept, digest, closings, .. } = std::mem::take(self);
        let count = digest.count();
        let mut told = if kept.len() > most { digest.into_alert().into_iter().collect() } else { kept };
        told.extend(closings);
        Due::Now(told, count)
    }
}
