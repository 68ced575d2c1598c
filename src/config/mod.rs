//! One YAML file: puts the modules' own Configs together and checks what no part can check alone.
//!
//! Every mistake is told with file, line, column, the line itself, what is wrong and what to do.
//! Relative paths are relative to the configuration file.

mod cross;
mod envelopes;
mod error;
mod paths;
mod sinks;
mod sources;
mod suppressions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::alert::Suppression;
use crate::batch::Wrapping;
pub use crate::yaml::Problem;
use crate::yaml::{self, Outline};
use crate::{detect, enrich, forward, outbox, server, source};
pub use envelopes::{envelope, example as from_example, is_of_event};
pub use error::ConfigError;
pub use sinks::{Listed, Sinks};

/// Largest configuration file we read, bytes; a larger one is taken for a mistake. Long address lists
/// belong into files of their own (`networks.NAME.files`).
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Everything an administrator may set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The cluster's name in alerts.
    pub cluster: String,
    /// The state directory: snapshots, outbox, quarantine.
    pub state: PathBuf,
    /// What is read, by a name of one's choice.
    pub sources: BTreeMap<String, Source>,
    /// Named networks.
    pub networks: BTreeMap<String, enrich::trust::NetworkConfig>,
    /// Proxies that end TLS and append the address they saw.
    pub proxies: BTreeMap<String, enrich::trust::ProxyConfig>,
    /// Balancers and address translators that hide the client's address.
    pub hiding_hops: BTreeMap<String, enrich::trust::HidingHopConfig>,
    /// MaxMind-format files.
    pub places: enrich::place::Config,
    /// Who may come only from where.
    pub policies: Vec<enrich::policy::Config>,
    /// Thresholds.
    pub detection: detect::Config,
    /// Rules in files.
    pub rules: Rules,
    /// What is expected, and need not be told.
    pub suppressions: Vec<Suppression>,
    /// Where alerts go. None at all means standard output.
    pub sinks: Sinks,
    /// Health and metrics.
    pub server: server::Config,
    /// Where `forward` carries events to.
    pub forward: Option<forward::Config>,
    /// Alerts on disk.
    pub outbox: outbox::Config,
    /// What is allowed but probably not meant.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
    /// Its name and text, for those who find mistakes later, with what other files say.
    #[serde(skip)]
    pub origin: Origin,
}

/// What a configuration was read from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// What messages call the file.
    pub file: String,
    /// All of it.
    pub text: Arc<str>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: "default".to_owned(),
            state: PathBuf::from("/var/lib/gatecrier"),
            sources: BTreeMap::new(),
            networks: BTreeMap::new(),
            proxies: BTreeMap::new(),
            hiding_hops: BTreeMap::new(),
            places: enrich::place::Config::default(),
            policies: Vec::new(),
            detection: detect::Config::default(),
            rules: Rules::default(),
            suppressions: Vec::new(),
            sinks: Sinks::default(),
            server: server::Config::default(),
            forward: None,
            outbox: outbox::Config::default(),
            warnings: Vec::new(),
            origin: Origin::default(),
        }
    }
}

/// Rules: our own, and those in files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Our own rules are active.
    pub pack: bool,
    /// Ids of those of ours that are not.
    pub off: Vec<String>,
    /// Sigma rule files.
    pub files: Vec<PathBuf>,
    /// Folders: every `.yml` and `.yaml` file in them, and in theirs.
    pub folders: Vec<PathBuf>,
    /// What placeholders in Sigma rules stand for, by name.
    pub lists: BTreeMap<String, detect::rules::ListConfig>,
    /// Falco's.
    pub falco: detect::falco::Config,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pack: true,
            off: Vec::new(),
            files: Vec::new(),
            folders: Vec::new(),
            lists: BTreeMap::new(),
            falco: detect::falco::Config::default(),
        }
    }
}

/// One source: exactly one of its kinds is set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The cluster whose records these are, unless they are those of [`Config::cluster`]. A webhook has its own list.
    #[serde(default)]
    pub cluster: Option<String>,
    /// What stands around its records.
    #[serde(default)]
    pub envelope: Wrapping,
    /// What the API server's records say of where they come from: a key that the collector writes, and its text, in
    /// which `*` stands for any.
    #[serde(default)]
    pub from: BTreeMap<String, String>,
    /// A log file with its backups.
    #[serde(default)]
    pub file: Option<source::file::Config>,
    /// Topics of a Kafka cluster.
    #[serde(default)]
    pub kafka: Option<Kafka>,
    /// What API servers and other Gatecriers post.
    #[serde(default)]
    pub webhook: Option<server::audit::Config>,
}

/// The Kafka source's configuration, or what stands for it in a build without that source.
#[cfg(feature = "kafka")]
pub type Kafka = source::kafka::Config;

/// Stands for the Kafka source's configuration in a build without that source.
#[cfg(not(feature = "kafka"))]
pub type Kafka = serde::de::IgnoredAny;

impl Config {
    /// Reads and checks a configuration to run with. The error's text is the complete message for people.
    ///
    /// # Errors
    /// The file cannot be read, is not a configuration, names files that do not exist, or reads nothing.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        load(path, Purpose::Run)
    }

    /// Reads and checks a configuration to forward with.
    ///
    /// # Errors
    /// As [`Config::load`], and when nothing says where to.
    pub fn load_for_forward(path: &Path) -> Result<Self, ConfigError> {
        load(path, Purpose::Forward)
    }

    /// Like [`Config::load`] for commands that bring their own input: sources may be missing.
    ///
    /// # Errors
    /// As [`Config::load`], but for missing sources.
    pub fn load_without_sources(path: &Path) -> Result<Self, ConfigError> {
        load(path, Purpose::OwnInput)
    }

    /// Reads a configuration from its text. `file_name` is what messages call it, and its folder is where relative paths begin.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_str(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        from_text(text, Path::new(file_name), Purpose::Run)
    }

    /// Where its keys and values stand.
    pub fn outline(&self) -> Outline<'_> {
        Outline::new(&self.origin.text, self.origin.file.clone())
    }

    /// The sections that say whom to trust, as one. Paths in it are absolute, or relative to the current folder.
    pub fn trust(&self) -> enrich::trust::Config {
        enrich::trust::Config {
            networks: self.networks.clone(),
            proxies: self.proxies.clone(),
            hiding_hops: self.hiding_hops.clone(),
        }
    }
}

/// The line, from 1, that the value at `keys` stands on, for messages that point at it.
pub fn line_of(file: &Path, keys: &[&str]) -> Option<usize> {
    let text = std::fs::read_to_string(file).ok()?;
    Outline::new(&text, String::new()).problem(keys, "").line()
}

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To watch: something must be read.
    Run,
    /// To carry: something must be read, and sent somewhere.
    Forward,
    /// For a command that is told on its command line what to read.
    OwnInput,
}

fn load(path: &Path, purpose: Purpose) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display, advice: &str| {
        ConfigError::from(Problem::new(&name, format!("cannot read the configuration: {error}")).advise(advice))
    };
    let length = std::fs::metadata(path).map_err(|error| unreadable(&error, advice_for(&error)))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unreadable(
            &format!("it has {length} bytes, more than {FILE_BYTES_MAX}"),
            "is this the right file? Long address lists go into files of their own: `networks.NAME.files`",
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error, advice_for(&error)))?;
    from_text(&text, path, purpose)
}

fn advice_for(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "check the path after `-c`; docs/configuration.md begins with a file to copy",
        std::io::ErrorKind::PermissionDenied => "run as a user who may read it, or change its mode",
        std::io::ErrorKind::IsADirectory => "name the file, not its folder",
        std::io::ErrorKind::InvalidData => "save it as UTF-8 text",
        _ => "see that it can be read",
    }
}

fn from_text(text: &str, path: &Path, purpose: Purpose) -> Result<Config, ConfigError> {
    let outline = Outline::new(text, path.display().to_string());
    let mut config = parse(text, &outline)?;
    config.origin = Origin { file: path.display().to_string(), text: text.into() };
    let Config { cluster, sources, .. } = &mut config;
    for webhook in sources.values_mut().filter_map(|source| source.webhook.as_mut()) {
        if webhook.clusters.is_empty() {
            webhook.clusters.insert(cluster.clone(), server::audit::Sender::default());
        }
    }
    let base = path.parent().unwrap_or(Path::new(""));
    let mut problems = cross::errors(&config, &outline, purpose);
    config.warnings = cross::warnings(&config, &outline);
    problems.extend(paths::resolve(&mut config, base, &outline));
    problems.sort_by_key(Problem::line);
    config.warnings.sort_by_key(Problem::line);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
}

fn parse(text: &str, outline: &Outline<'_>) -> Result<Config, ConfigError> {
    if outline.is_empty() {
        return Ok(Config::default());
    }
    yaml::read(text, outline).map_err(ConfigError::from)
}
