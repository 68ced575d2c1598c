//! What people are shown of an alert beside its sentence, in the order in which they ask.

use crate::alert::{Actor, Alert, Client, Request, Status};

/// Other reasons that are shown. Beyond it they are counted.
const REASONS_MAX: usize = 3;

/// A name and what is to be said, as the alert has it: shaping it is each format's business.
pub(super) type Fact = (&'static str, String);

/// The facts, those that say nothing left out.
pub(super) fn facts(alert: &Alert) -> Vec<Fact> {
    let facts = [
        ("Who", alert.actor.as_ref().map(who)),
        ("From", alert.client.as_ref().map(from)),
        ("What", alert.request.as_ref().map(what)),
        ("Cluster", Some(alert.cluster.clone())),
        ("Rule", Some(rule(alert))),
        ("Also", also(alert)),
        ("Requests", Some(alert.count.to_string())),
        ("First seen", Some(alert.first_seen.to_string())),
        ("Last seen", Some(alert.last_seen.to_string())),
        ("Alert", Some(alert.id.clone())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).filter(|(_, value)| !value.is_empty()).collect()
}

/// How this revision differs from the first one, in a word or two; nothing of a first one.
pub(super) fn turn(alert: &Alert) -> Option<&'static str> {
    match alert.status {
        _ if alert.revision <= 1 => None,
        Status::Closed => Some("over"),
        Status::Open => Some("goes on"),
    }
}

/// Whether it says that an alert is over, and nothing else: its opening was told before.
pub(super) fn is_closing(alert: &Alert) -> bool {
    alert.status == Status::Closed && alert.revision > 1
}

fn who(actor: &Actor) -> String {
    let name = if actor.name.is_empty() { "nobody the API server knew" } else { &actor.name };
    let acted = actor.impersonated.as_ref().map_or(String::new(), |name| format!(", acting as {name}"));
    format!("{name} ({}){acted}", actor.kind)
}

fn from(client: &Client) -> String {
    let more = [&client.zone, &client.country, &client.as_org].into_iter().flatten();
    let more: Vec<&str> = more.map(String::as_str).filter(|text| !text.is_empty()).collect();
    let ip = client.ip.as_deref().unwrap_or("an address the log does not show");
    if more.is_empty() { ip.to_owned() } else { format!("{ip} ({})", more.join(", ")) }
}

fn what(request: &Request) -> String {
    let place = [&request.namespace, &request.name].map(String::as_str).into_iter().filter(|part| !part.is_empty());
    let object = if request.resource.is_empty() { &request.uri } else { &request.resource };
    let place: Vec<&str> = place.collect();
    let place = if place.is_empty() { String::new() } else { format!(" {}", place.join("/")) };
    let code = request.code.map_or(String::new(), |code| format!(" ({code})"));
    format!("{} {object}{place}: {}{code}", request.action, request.outcome)
}

fn rule(alert: &Alert) -> String {
    let techniques = alert.rule.techniques.join(", ");
    if techniques.is_empty() { alert.rule.id.clone() } else { format!("{} ({techniques})", alert.rule.id) }
}

fn also(alert: &Alert) -> Option<String> {
    let others = alert.reasons.get(1..).unwrap_or_default();
    let mut texts: Vec<&str> = others.iter().take(REASONS_MAX).map(|reason| reason.text.as_str()).collect();
    let more = others.len().saturating_sub(REASONS_MAX);
    let more = format!("{more} more");
    if others.len() > REASONS_MAX {
        texts.push(&more);
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    #[test]
    fn facts_say_who_from_where_and_what() {
        let facts = facts(&sample::alert("a", 1));
        let said: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(said[0], ("Who", "eve (human), acting as system:admin"));
        assert_eq!(said[1], ("From", "203.0.113.7 (internet, NL, Example Transit)"));
        assert_eq!(said[2], ("What", "list secrets payments: success (200)"));
        assert_eq!(said[4], ("Rule", "outside-trusted-networks (T1078.004, T1552.007)"));
        assert_eq!(said[5], ("Also", "203.0.113.7 sent a forwarding header that names 10.0.0.1"));
    }

    #[test]
    fn an_alert_that_no_request_raised_has_facts_too() {
        let bare = Alert { actor: None, client: None, request: None, reasons: vec![], ..sample::alert("a", 1) };
        assert_eq!(facts(&bare)[0].0, "Cluster");
        assert_eq!(turn(&bare), None);
    }
}
