//! Parts from the configuration.

use std::path::Path;

use anyhow::Context;

use crate::analyze::Analyzer;
use crate::batch::ClusterId;
use crate::config::Config;
use crate::detect;
use crate::detect::needs::Needs;
use crate::detect::rules::Rules;
use crate::enrich::Enricher;
use crate::enrich::place::Places;
use crate::enrich::policy::Policies;
use crate::enrich::trust::Trust;
use crate::judge::{self, Correlations, anomaly};
use crate::pipeline::{falco, rules, suppressions, unusual};

/// An analyzer that remembers nothing yet, with every built-in detector and judge, and the rules of the configuration.
///
/// # Errors
/// A list or place file that cannot be read, networks that contradict each other, a rule that cannot be run, a
/// suppression of a rule that does not exist.
pub fn analyzer(config: &Config) -> anyhow::Result<Analyzer> {
    let analyzer = unsuppressed(config)?;
    let suppressions = suppressions::read(config, &analyzer.rules())?;
    Ok(analyzer.with_suppressions(suppressions))
}

/// The same without suppressions.
pub(super) fn unsuppressed(config: &Config) -> anyhow::Result<Analyzer> {
    let cluster = ClusterId::new(config.cluster.as_str());
    let mut detectors = detect::built_in(&config.detection);
    let rules::Read { loaded, unusual } = rules::read_all(&config.rules)?;
    let rules = Rules::new(&loaded);
    if !rules.is_empty() {
        detectors.push(Box::new(rules));
    }
    let mut judges = judge::built_in(&config.detection);
    if !loaded.correlations.is_empty() {
        judges.push(Box::new(Correlations::new(loaded.correlations)));
    }
    let falco = falco::read(&config.rules.falco)?.falco;
    if !falco.is_empty() {
        detectors.push(Box::new(falco));
    }
    detectors.push(anomaly::detector(&unusual));
    judges.extend(anomaly::judges(&unusual, config.detection.learning.seconds()));
    judges.extend(judge::last());
    Ok(Analyzer::new(cluster, enricher(config)?, detectors).with_judges(judges))
}

/// The same for one of several clusters.
///
/// # Errors
/// As [`analyzer`].
pub fn analyzer_of(config: &Config, cluster: &ClusterId) -> anyhow::Result<Analyzer> {
    Ok(analyzer(config)?.of_cluster(cluster))
}

/// Every rule that such an analyzer goes by, by its id, and what it must be shown.
pub fn needs(config: &Config) -> Vec<(String, Needs)> {
    let mut needs = detect::needs(&config.detection);
    needs.extend(judge::needs(&config.detection));
    needs
}

/// The ids of the documents about unusual values.
///
/// # Errors
/// Documents in rule files that are wrong.
pub fn anomaly_ids(config: &Config) -> anyhow::Result<Vec<String>> {
    Ok(unusual::read(&config.rules)?.iter().map(|document| document.id().to_owned()).collect())
}

/// What works out facts, as configured.
///
/// # Errors
/// As [`analyzer`].
pub fn enricher(config: &Config) -> anyhow::Result<Enricher> {
    let trust = Trust::load(&config.trust(), Path::new("")).context("read the networks")?;
    let places = Places::open(config.places.country.as_deref(), config.places.asn.as_deref())?;
    let kinds = config.networks.values().map(|network| network.kind);
    Ok(Enricher::new(trust, places, Policies::new(config.policies.clone(), kinds)))
}
