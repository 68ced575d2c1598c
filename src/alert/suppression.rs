//! What need not be told: an entry of the configuration's `suppressions`, and the one that an alert proposes of itself.
//!
//! Both are the same type, so what an alert proposes can be pasted as it stands.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Actor, Client, Request};
use crate::event::Timestamp;

/// Longest value of a proposed entry, characters. Of a request with a longer one none is proposed: nobody writes
/// such names, and only the beginning of one is known.
const PROPOSED_CHARS_MAX: usize = 256;

/// For how many days a proposed entry holds.
const PROPOSED_DAYS: i64 = 90;

/// What a proposed entry says where a person has to.
pub const REASON_ASKED: &str = "say why this is expected";

/// Likewise.
pub const AUTHOR_ASKED: &str = "say who decided it";

/// The cluster of a configuration that names none. One that does may well be called otherwise.
const UNNAMED_CLUSTER: &str = "default";

/// A zone for addresses in no named network.
pub const OUTSIDE: &str = "outside";

/// A zone for requests whose client the log does not show, or does not show for sure.
pub const UNKNOWN: &str = "unknown";

/// Findings that need not be told. A finding must fit every criterion that is set.
///
/// What a client chooses freely about itself, such as its user agent, is no criterion, and texts are compared as they
/// are: whoever wants to be passed over must be somebody, somewhere, doing something that was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// What metrics and summaries call it; see [`Suppression::label`] for one without.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The rule's id.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The cluster, where there are several.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The user name that was authenticated; empty for a request without any.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The user name acted as. Without it, who is named under `identity` must act as himself.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub impersonating: Option<String>,
    /// The verb as logged.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// What the verb comes to, such as `exec`.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The resource with its subresource, such as `pods/exec`; empty for other paths.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Its API group; empty for the core group.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub api_group: Option<String>,
    /// The namespace; empty when cluster-wide.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The named network of the client, [`OUTSIDE`] or [`UNKNOWN`].
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Why this is expected.
    pub reason: String,
    /// Who says so.
    pub author: String,
    /// The last day on which it holds, by the time of the events.
    pub until: Until,
}

/// A criterion that is there and says nothing would cover more than it looks like.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(Some)
        .ok_or_else(|| D::Error::custom("nothing stands here: write a text, or `\"\"` for an empty one"))
}

impl Suppression {
    /// Its criteria by their keys.
    pub fn criteria(&self) -> [(&'static str, Option<&str>); 10] {
        [
            ("rule", self.rule.as_deref()),
            ("cluster", self.cluster.as_deref()),
            ("identity", self.identity.as_deref()),
            ("impersonating", self.impersonating.as_deref()),
            ("verb", self.verb.as_deref()),
            ("action", self.action.as_deref()),
            ("resource", self.resource.as_deref()),
            ("api_group", self.api_group.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("zone", self.zone.as_deref()),
        ]
    }

    /// Its name; of one without, its rule and a checksum of what it covers, so that it stays the same when others come
    /// and go.
    pub fn label(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut sum = crc32fast::Hasher::new();
        for (key, value) in self.criteria() {
            // With its length, no value can pass for the next key.
            let told = value.map_or(format!("{key};"), |value| format!("{key}:{}:{value};", value.len()));
            sum.update(told.as_bytes());
        }
        let of = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let rule: String = self.rule.iter().flat_map(|rule| rule.chars()).filter(of).take(48).collect();
        let rule = if rule.is_empty() { "any" } else { &rule };
        format!("{rule}-{:08x}", sum.finalize())
    }

    /// What it covers, for people: `rule secret-read, identity alice`.
    pub fn covers(&self) -> String {
        let told = |(key, value): (&str, Option<&str>)| {
            let value = value?;
            Some(if value.is_empty() { format!("{key} \"\"") } else { format!("{key} {value}") })
        };
        self.criteria().into_iter().filter_map(told).collect::<Vec<_>>().join(", ")
    }

    /// The one that covers exactly what a rule found in a request at a moment; nothing where that cannot be written
    /// down. Without a request it is all that the rule finds.
    pub fn proposed(rule: &str, cluster: &str, request: Shown<'_>, time: Timestamp) -> Option<Self> {
        let Shown { client, actor, request } = request;
        let exactly = |value: &str| Some(escape(value));
        let entry = Self {
            name: None,
            rule: exactly(rule),
            cluster: exactly(cluster).filter(|cluster| cluster != UNNAMED_CLUSTER),
            identity: actor.and_then(|actor| exactly(&actor.name)),
            impersonating: actor.and_then(|actor| exactly(actor.impersonated.as_ref()?)),
            verb: request.and_then(|request| exactly(&request.verb)),
            // It follows from verb and resource, and may come to something else once the answer is known.
            action: None,
            resource: request.and_then(|request| exactly(&request.resource)),
            api_group: request.and_then(|request| exactly(&request.api_group)),
            namespace: request.and_then(|request| exactly(&request.namespace)),
            zone: client.and_then(|client| exactly(zone_of(client))),
            reason: REASON_ASKED.to_owned(),
            author: AUTHOR_ASKED.to_owned(),
            until: Until(day(time.plus_seconds(PROPOSED_DAYS * 24 * 3600))?),
        };
        let fits = |value: &str| value.chars().count() <= PROPOSED_CHARS_MAX;
        let all_fit = entry.criteria().into_iter().all(|(_, value)| value.is_none_or(fits));
        all_fit.then_some(entry)
    }
}

/// What an alert shows of a request; nothing of one that no request raised.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// From where.
    pub client: Option<&'a Client>,
    /// Who.
    pub actor: Option<&'a Actor>,
    /// What.
    pub request: Option<&'a Request>,
}

/// The zone a client counts as. Where the client-address logic is not sure, neither are we: an address that may be
/// forged is in no trusted network.
pub fn zone_of(client: &Client) -> &str {
    match &client.zone {
        _ if client.ip.is_none() || client.trusted == "unknown" || client.forwarded == "ambiguous" => UNKNOWN,
        Some(zone) => zone,
        None => OUTSIDE,
    }
}

/// A text as a pattern that fits nothing else: what an attacker writes must not become a `*`, and must be seen for
/// what it is. Characters that not every editor shows, or YAML refuses, are written as numbers.
pub fn escape(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '*' => pattern.extend(['\\', letter]),
            ' '..='~' => pattern.push(letter),
            letter if letter.is_alphanumeric() => pattern.push(letter),
            letter => pattern.extend(letter.escape_unicode()),
        }
    }
    pattern
}

/// A day, the last one on which something holds. Days are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Until(jiff::civil::Date);

impl Until {
    /// Whether it was over at a moment.
    pub fn is_over(self, at: Timestamp) -> bool {
        day(at).is_none_or(|day| day > self.0)
    }
}

fn day(at: Timestamp) -> Option<jiff::civil::Date> {
    let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let date = text.parse::<jiff::civil::Date>().ok().filter(|date| date.to_string() == text);
        date.map(Self).ok_or_else(|| format!("`{text}` is not a day: write one such as 2027-03-31"))
    }
}

impl Serialize for Until {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_last_day_counts_to_its_end() {
        let until: Until = "2027-03-31".parse().unwrap();
        assert!(!until.is_over(at("2027-03-31T23:59:59.999999Z")));
        assert!(until.is_over(at("2027-04-01T00:00:00.000000Z")));
        assert_eq!(until.to_string(), "2027-03-31");
        for wrong in ["", "2027-02-30", "31.03.2027", "20270331", "2027-03-31T10:00:00", "never"] {
            assert!(wrong.parse::<Until>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_names_what_is_covered_and_no_more() {
        let read = |more: &str| -> Suppression {
            serde_json::from_str(&format!(r#"{{"reason":"r","author":"a","until":"2027-01-01"{more}}}"#)).unwrap()
        };
        let (one, other) = (read(r#","rule":"secret-read","verb":"get""#), read(r#","rule":"secret-read""#));
        assert!(one.label().starts_with("secret-read-"), "{}", one.label());
        assert_ne!(one.label(), other.label());
        assert_ne!(read(r#","verb":"a;action:1:b""#).label(), read(r#","verb":"a","action":"b""#).label());
        assert_eq!(one.label(), Suppression { reason: "another".to_owned(), ..one.clone() }.label());
        assert!(read(r#","rule":"\u001b[31mx\" y""#).label().starts_with("31mxy-"));
        assert_eq!(read(r#","name":"mine","rule":"x""#).label(), "mine");
    }
}
