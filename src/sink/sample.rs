//! Alerts for tests.

use crate::alert::Alert;

/// A full alert with every field set.
pub(crate) fn alert(id: &str, revision: u32) -> Alert {
    let text = include_str!("../../tests/alerts/full.json");
    let mut alert: Alert = serde_json::from_str(text).unwrap();
    alert.id = id.to_owned();
    alert.revision = revision;
    alert
}

/// Full alerts with the ids `0`, `1`, ….
pub(crate) fn alerts(count: usize) -> Vec<Alert> {
    (0..count).map(|number| alert(&number.to_string(), 1)).collect()
}
