//! Where alerts go: every kind of sink, each a map of sinks by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::sink::{self, Settings};

/// Where alerts go. None at all means standard output.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sinks {
    /// Standard output.
    #[serde(deserialize_with = "present")]
    pub stdout: Option<sink::stdout::Config>,
    /// Webhooks by name.
    pub webhook: BTreeMap<String, sink::webhook::Config>,
    /// Loki servers by name.
    pub loki: BTreeMap<String, sink::loki::Config>,
    /// Elasticsearch or OpenSearch clusters by name.
    pub elasticsearch: BTreeMap<String, sink::elasticsearch::Config>,
    /// Alertmanagers by name, each with all its replicas.
    pub alertmanager: BTreeMap<String, sink::alertmanager::Config>,
    /// PagerDuty integrations by name.
    pub pagerduty: BTreeMap<String, sink::pagerduty::Config>,
    /// Slack webhooks by name.
    pub slack: BTreeMap<String, sink::slack::Config>,
    /// Microsoft Teams' webhooks by name.
    pub teams: BTreeMap<String, sink::teams::Config>,
    /// Discord's webhooks by name.
    pub discord: BTreeMap<String, sink::discord::Config>,
    /// Opsgenie integrations by name.
    pub opsgenie: BTreeMap<String, sink::opsgenie::Config>,
    /// Receivers of Falco's events by name.
    pub falcosidekick: BTreeMap<String, sink::falcosidekick::Config>,
    /// Files by name.
    pub file: BTreeMap<String, sink::file::Config>,
    /// Syslog receivers by name.
    pub syslog: BTreeMap<String, sink::syslog::Config>,
    /// OTLP collectors by name.
    pub otlp: BTreeMap<String, sink::otlp::Config>,
    /// Kafka topics by name.
    pub kafka: BTreeMap<String, Kafka>,
}

/// A key with nothing behind it means the defaults, not that the key is missing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<T>::deserialize(deserializer).map(|value| Some(value.unwrap_or_default()))
}

/// One sink of the configuration.
#[derive(Debug)]
pub struct Listed<'c> {
    /// Its kind, as the configuration calls it.
    pub kind: &'static str,
    /// Nothing of the one sink that has no name.
    pub name: Option<&'c str>,
    /// What is set.
    pub settings: &'c dyn Settings,
}

impl<'c> Listed<'c> {
    /// What there is when no sink is named: standard output.
    pub fn default_stdout(config: &'c sink::stdout::Config) -> Self {
        Self { kind: "stdout", name: None, settings: config }
    }

    /// Kind and name, with something between them.
    pub fn label(&self, between: char) -> String {
        self.name.map_or_else(|| self.kind.to_owned(), |name| format!("{}{between}{name}", self.kind))
    }
}

/// The sinks of one kind.
fn named<'c, C: Settings>(kind: &'static str, sinks: &'c BTreeMap<String, C>) -> impl Iterator<Item = Listed<'c>> {
    sinks.iter().map(move |(name, config)| Listed { kind, name: Some(name), settings: config })
}

/// A sink's keys in the configuration and what is set there.
type ListedMut<'c> = (Vec<&'c str>, &'c mut dyn Settings);

fn named_mut<'c, C: Settings>(
    kind: &'static str,
    sinks: &'c mut BTreeMap<String, C>,
) -> impl Iterator<Item = ListedMut<'c>> {
    sinks.iter_mut().map(move |(name, config)| (vec!["sinks", kind, name.as_str()], config as &mut dyn Settings))
}

/// The Kafka sink's configuration, or what stands for it in a build without that sink.
#[cfg(feature = "kafka")]
pub type Kafka = sink::kafka::Config;

/// Stands for the Kafka sink's configuration in a build without that sink.
#[cfg(not(feature = "kafka"))]
pub type Kafka = serde::de::IgnoredAny;

/// Says `$each!(kind, sinks of it by name)` for every kind that has names. A new kind of sink is a field above and a
/// word here.
macro_rules! for_each_kind {
    ($sinks:expr, $each:ident) => {{
        let Sinks {
            stdout: _,
            webhook,
            loki,
            elasticsearch,
            alertmanager,
            pagerduty,
            slack,
            teams,
            discord,
            opsgenie,
            falcosidekick,
            file,
            syslog,
            otlp,
            kafka,
        } = $sinks;
        $each!(webhook, loki, elasticsearch, alertmanager, pagerduty, slack, teams, discord, opsgenie, falcosidekick);
        $each!(file, syslog, otlp);
        #[cfg(feature = "kafka")]
        $each!(kafka);
        #[cfg(not(feature = "kafka"))]
        let _ = kafka;
    }};
}

impl Sinks {
    /// The sinks that are named, in the order of their kinds.
    pub fn list(&self) -> Vec<Listed<'_>> {
        let mut all: Vec<Listed<'_>> = self.stdout.iter().map(Listed::default_stdout).collect();
        macro_rules! each { ($($kind:ident),*) => { $(all.extend(named(stringify!($kind), $kind));)* } }
        for_each_kind!(self, each);
        all
    }

    /// Likewise, to be changed.
    pub(super) fn list_mut(&mut self) -> Vec<ListedMut<'_>> {
        let mut all: Vec<ListedMut<'_>> = Vec::new();
        macro_rules! each { ($($kind:ident),*) => { $(all.extend(named_mut(stringify!($kind), $kind));)* } }
        for_each_kind!(self, each);
        all
    }

    /// What the kinds are called.
    pub fn kinds() -> Vec<&'static str> {
        let mut all = vec!["stdout"];
        macro_rules! each { ($($kind:ident),*) => { $(let _ = $kind; all.push(stringify!($kind));)* } }
        for_each_kind!(Self::default(), each);
        all
    }

    /// Whether no sink is named.
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }
}
