//! Which alerts are worth writing, and under which revision.

use std::collections::HashMap;
use std::io;

use super::books::{Key, key_of};
use super::{AppendError, Shared};
use crate::alert::{Alert, Severity, Status};
use crate::state::lock;

/// An alert that will be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) key: Key,
    pub(super) revision: u32,
    pub(super) severity: Severity,
    pub(super) status: Status,
    pub(super) payload: Vec<u8>,
}

impl Shared {
    /// Gives the alerts their revisions and leaves out what adds nothing to the last one of its id.
    pub(super) fn draft(&self, alerts: &mut [Alert]) -> Result<Vec<Draft>, AppendError> {
        let mut drafts = Vec::with_capacity(alerts.len());
        // Where in this group the newest revision of an id stands.
        let mut in_group: HashMap<Key, usize> = HashMap::new();
        for index in 0..alerts.len() {
            let (before, rest) = alerts.split_at_mut(index);
            let Some(alert) = rest.first_mut() else { break };
            let key = key_of(&alert.id);
            let adds = match in_group.get(&key) {
                Some(&earlier) => revise(alert, before[earlier].revision, Some(&before[earlier])),
                None => self.revise_held(alert, key)?,
            };
            if adds {
                in_group.insert(key, index);
                drafts.push(draft(alert, key).map_err(|error| self.fatal("write an alert to", error))?);
            }
        }
        Ok(drafts)
    }

    fn revise_held(&self, alert: &mut Alert, key: Key) -> Result<bool, AppendError> {
        let newest = lock(&self.books).newest(key).cloned();
        let Some(entry) = newest else { return Ok(revise(alert, 0, None)) };
        let held = self.view.pick(entry.spot.seq, entry.spot.offset).map_err(|error| self.fatal("read", error))?;
        // One that cannot be read any more is said again, as a newer revision.
        let held = held.and_then(|payload| serde_json::from_slice::<Alert>(&payload).ok());
        Ok(revise(alert, entry.revision, held.as_ref()))
    }

    pub(super) fn fatal(&self, doing: &'static str, error: impl Into<io::Error>) -> AppendError {
        AppendError::fatal(doing, self.state.path(), error.into())
    }
}

/// Gives the revision after `last`, or `last` itself when the alert adds nothing to `held`. True when it adds something.
fn revise(alert: &mut Alert, last: u32, held: Option<&Alert>) -> bool {
    let adds = held.is_none_or(|held| alert.adds_to(held));
    alert.revision = if adds { alert.revision.max(last.saturating_add(1)) } else { last };
    adds
}

fn draft(alert: &Alert, key: Key) -> serde_json::Result<Draft> {
    let payload = serde_json::to_vec(alert)?;
    Ok(Draft { key, revision: alert.revision, severity: alert.severity, status: alert.status, payload })
}
