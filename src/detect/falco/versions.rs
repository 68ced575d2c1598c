//! `required_engine_version` and `required_plugin_versions`.
//!
//! What a newer engine would understand and we do not is refused where it is used, with its place; so an engine
//! version only has to be one. A plugin that we do not stand for is said.

use super::fault::{Fault, Spot};
use super::keys::Keys;
use super::yaml::{Node, Value};

/// Plugins whose fields we have, with the versions they were taken from.
const PLUGINS: &[(&str, [u64; 3])] = &[
    ("k8saudit", [0, 18, 0]),
    ("k8saudit-aks", [0, 6, 0]),
    ("k8saudit-eks", [0, 12, 0]),
    ("k8saudit-gke", [0, 9, 0]),
    ("k8saudit-ovh", [0, 6, 0]),
    ("json", [0, 7, 4]),
];

/// Checks an engine version.
pub(super) fn engine(spot: Spot, version: &Node) -> Result<(), Fault> {
    let text = version.text().unwrap_or_default();
    if text.parse::<u64>().is_ok() || parse(text).is_some() {
        return Ok(());
    }
    Err(Fault::new(spot, "`required_engine_version` is no version").advise("write a number, or three such as `0.31.0`"))
}

/// Says which plugins we do not stand for.
pub(super) fn plugins(plugins: &Node) -> Result<Vec<Fault>, Fault> {
    let Value::List(entries) = &plugins.value else {
        return Err(plugins.wrong("`required_plugin_versions`", "write a list of items with `name` and `version`"));
    };
    let mut warnings = Vec::new();
    for entry in entries {
        let mut wanted = vec![plugin(entry)?];
        let alternatives = Keys::new(entry).map(|keys| keys.list("alternatives")).transpose()?.flatten();
        for alternative in alternatives.unwrap_or_default() {
            wanted.push(plugin(alternative)?);
        }
        if !wanted.iter().any(|(name, version)| PLUGINS.iter().any(|(ours, has)| ours == name && version <= has)) {
            let wanted: Vec<_> = wanted.iter().map(|(name, [a, b, c])| format!("{name} {a}.{b}.{c}")).collect();
            let message = format!("these rules ask for {}", wanted.join(" or "));
            warnings.push(Fault::new(entry.spot, message).advise(
                "Gatecrier has the fields of k8saudit 0.18.0 and json 0.7.4; a rule that uses others is refused",
            ));
        }
    }
    Ok(warnings)
}

fn plugin(entry: &Node) -> Result<(&str, [u64; 3]), Fault> {
    let wrong = || Fault::new(entry.spot, "a plugin needs `name` and `version`").advise("such as `version: 0.18.0`");
    let keys = Keys::new(entry).ok_or_else(wrong)?;
    let name = keys.text("name")?.ok_or_else(wrong)?;
    let version = keys.text("version")?.and_then(|text| parse(text.as_str())).ok_or_else(wrong)?;
    Ok((name.as_str(), version))
}

fn parse(text: &str) -> Option<[u64; 3]> {
    let core = text.split(['-', '+']).next()?;
    let numbers: Vec<u64> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}
