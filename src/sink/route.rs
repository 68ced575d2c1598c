//! Which alerts a sink is told, when, and how many at a time.

use std::time::Duration;

use serde::Deserialize;

use super::quiet::Quiet;
use super::tactics::{has_tactic, is_tactic};
use crate::alert::{Alert, Severity};

/// What of a sink's alerts goes where. Every list that is set must name something of the alert; one that is empty asks
/// for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Rules by their ids; one that ends in `*` stands for all that begin like it.
    pub rules: Vec<String>,
    /// ATT&CK tactics, such as `credential-access`.
    pub tactics: Vec<String>,
    /// The client's networks by name.
    pub zones: Vec<String>,
    /// Namespaces, likewise with `*`.
    pub namespaces: Vec<String>,
    /// Clusters, likewise with `*`.
    pub clusters: Vec<String>,
    /// When mild alerts wait.
    pub quiet: Option<Quiet>,
    /// How many alerts at a time.
    pub group: Option<Group>,
}

/// How many alerts at a time, and what becomes of more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// How long alerts wait for others to go with them.
    #[serde(deserialize_with = "crate::amount::duration")]
    pub window: Duration,
    /// Most alerts that are told one by one. When more have gathered, one message counts them.
    pub most: usize,
    /// From this severity on an alert does not wait. In a flood it is counted with others all the same.
    pub pass: Severity,
}

impl Default for Group {
    fn default() -> Self {
        Self { window: Duration::ZERO, most: 20, pass: Severity::Critical }
    }
}

impl Route {
    /// Whether the sink is to be told of this alert. One that no request raised is about the log or about ourselves:
    /// only its cluster counts, so that nobody fails to hear of a gap for a list of namespaces.
    pub fn takes(&self, alert: &Alert) -> bool {
        let named = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| matches(item, name));
        if !named(&self.clusters, &alert.cluster) {
            return false;
        }
        let Some(request) = &alert.request else { return true };
        let zone = alert.client.as_ref().and_then(|client| client.zone.as_deref()).unwrap_or_default();
        let is_rule = |reason: &crate::alert::Reason| named(&self.rules, &reason.rule);
        let has = |tactic: &String| alert.rule.techniques.iter().any(|technique| has_tactic(technique, tactic));
        (named(&self.rules, &alert.rule.id) || alert.reasons.iter().any(is_rule))
            && (self.tactics.is_empty() || self.tactics.iter().any(has))
            && named(&self.zones, zone)
            && named(&self.namespaces, &request.namespace)
    }

    /// A tactic that is named and does not exist.
    pub fn unknown_tactic(&self) -> Option<&str> {
        self.tactics.iter().map(String::as_str).find(|tactic| !is_tactic(tactic))
    }

    /// This route for a sink that people read as it comes: unless told otherwise, a flood is counted.
    #[must_use]
    pub(super) fn folding(mut self) -> Self {
        self.group.get_or_insert_default();
        self
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    #[track_caller]
    fn check(route: serde_json::Value, expected: bool) {
        let read: Route = serde_json::from_value(route.clone()).unwrap();
        assert_eq!(read.takes(&sample::alert("a", 1)), expected, "{route}");
    }

    #[test]
    fn every_list_must_name_something_of_the_alert() {
        use serde_json::json;
        check(json!({}), true);
        check(json!({"rules": ["outside-*"]}), true);
        check(json!({"rules": ["outside"]}), false);
        check(json!({"rules": ["forged-forwarding-header"]}), true);
        check(json!({"tactics": ["credential-access"]}), true);
        check(json!({"tactics": ["impact"]}), false);
        check(json!({"zones": ["office", "internet"]}), true);
        check(json!({"namespaces": ["pay*"]}), true);
        check(json!({"namespaces": ["kube-*"]}), false);
        check(json!({"clusters": ["prod"], "namespaces": ["payments"]}), true);
        check(json!({"clusters": ["test"], "namespaces": ["payments"]}), false);
    }

    #[test]
    fn an_alert_about_ourselves_passes_but_for_the_cluster() {
        let own = Alert { request: None, client: None, actor: None, ..sample::alert("a", 1) };
        let route = |text| serde_json::from_str::<Route>(text).unwrap();
        assert!(route(r#"{"namespaces": ["x"], "rules": ["y"], "zones": ["z"], "tactics": ["impact"]}"#).takes(&own));
        assert!(!route(r#"{"clusters": ["test"]}"#).takes(&own));
    }
}
