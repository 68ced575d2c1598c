//! Where an address is, by MaxMind-format files of the user's own: country, autonomous system.
//!
//! Gatecrier ships no such file. The older it is the less it is worth, so its date goes with the answer.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use maxminddb::{PathElement, Reader, path};
use serde::Deserialize;

use super::scope;

/// Which files to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A country or city file.
    pub country: Option<PathBuf>,
    /// A file of autonomous systems.
    pub asn: Option<PathBuf>,
}

/// Where an address is, as far as the files know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// ISO 3166 code, two capital letters.
    pub country: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Its organisation, at most [`AS_ORG_CHARS_MAX`] characters of it.
    pub as_org: Option<String>,
}

/// Longest organisation kept. The rest is cut: it goes into every alert about the address.
pub const AS_ORG_CHARS_MAX: usize = 128;

/// Where the common files keep the country: MaxMind's own and DB-IP's nest it, IPinfo's are flat.
const COUNTRY_PATHS: [&[PathElement<'static>]; 3] = [
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];

/// The files, in memory whole.
#[derive(Debug, Default)]
pub struct Places {
    files: Vec<Reader<Vec<u8>>>,
}

impl Places {
    /// Reads the files that are named. Damage inside a record is not looked for; such a record has no place.
    ///
    /// # Errors
    /// A file that cannot be read or is no MaxMind-format file. Says which field named it.
    pub fn open(country: Option<&Path>, asn: Option<&Path>) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for (field, file) in [("country", country), ("asn", asn)] {
            let Some(file) = file else { continue };
            let shown = file.display();
            let bytes = std::fs::read(file).with_context(|| format!("read the `{field}` file {shown}"))?;
            let reader = Reader::from_source(bytes).map_err(|error| {
                anyhow!("the `{field}` file {shown} is damaged or not in MaxMind's format (.mmdb): {error}")
            })?;
            files.push(reader);
        }
        Ok(Self { files })
    }

    /// Where the address is. Either file may answer either question; what none knows stays open.
    pub fn lookup(&self, address: IpAddr) -> Place {
        let mut place = Place::default();
        for file in &self.files {
            // A file without IPv6 refuses the question: then it does not know.
            let Ok(found) = file.lookup(scope::unwrapped(address)) else { continue };
            let text = |path: &[PathElement<'_>]| found.decode_path::<&str>(path).ok().flatten();
            let number = |path: &[PathElement<'_>]| found.decode_path::<u32>(path).ok().flatten();
            let country = || COUNTRY_PATHS.iter().find_map(|path| text(path).filter(|code| is_country(code)));
            let asn = || number(&path!["autonomous_system_number"]).or_else(|| as_number(text(&path!["asn"])?));
            let as_org = || text(&path!["autonomous_system_organization"]).or_else(|| text(&path!["as_name"]));
            place.country = place.country.or_else(|| country().map(str::to_owned));
            place.asn = place.asn.or_else(asn);
            place.as_org = place.as_org.or_else(|| as_org().map(|org| org.chars().take(AS_ORG_CHARS_MAX).collect()));
        }
        place
    }

    /// Build date of the older file, `YYYY-MM-DD`; nothing without a file.
    pub fn date(&self) -> Option<String> {
        let oldest = self.files.iter().map(|file| file.metadata().build_epoch).min()?;
        let built = jiff::Timestamp::from_second(i64::try_from(oldest).ok()?).ok()?;
        Some(built.strftime("%F").to_string())
    }

    /// Whether no file was named: then no address has a place.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `AS13335` is 13335.
fn as_number(text: &str) -> Option<u32> {
    text.strip_prefix("AS")?.parse().ok()
}

#[cfg(test)]
mod mmdb;
#[cfg(test)]
mod tests;
