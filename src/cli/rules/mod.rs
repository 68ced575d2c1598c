//! `gatecrier rules`, and what all commands about rules have in common.

mod coverage;
mod list;
mod show;

use std::path::PathBuf;

pub(super) use show::unknown;

use anyhow::bail;
use clap::Subcommand;

use super::{Optional, Outcome};
use crate::config::{Config, ConfigError, Rules};
use crate::detect::rules::{Head, Loaded, Whose};
use crate::pipeline;

/// Which rules a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct Chosen {
    /// Rule files, or folders of them, besides those of the configuration.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    optional: Optional,
}

impl Chosen {
    /// The rules at these paths, with the placeholders of a configuration.
    pub(super) fn new(paths: Vec<PathBuf>, optional: Optional) -> Self {
        Self { paths, optional }
    }

    /// The configuration, and all rules: ours, and those that it and the paths name.
    pub(super) fn load(&self) -> anyhow::Result<(Config, Loaded)> {
        self.load_by(pipeline::rules::read)
    }

    /// The same with the tests of our own rules, which takes longer.
    pub(super) fn load_with_tests(&self) -> anyhow::Result<(Config, Loaded)> {
        self.load_by(pipeline::rules::read_with_tests)
    }

    fn load_by(&self, read: fn(&Rules) -> Result<Loaded, ConfigError>) -> anyhow::Result<(Config, Loaded)> {
        let mut config = match &self.optional.config {
            Some(path) => Config::load_without_sources(path)?,
            None => Config::default(),
        };
        let (folders, files) = self.paths.iter().cloned().partition::<Vec<_>, _>(|path| path.is_dir());
        config.rules.folders.extend(folders);
        config.rules.files.extend(files);
        let loaded = read(&config.rules)?;
        Ok((config, loaded))
    }

    /// The same, for commands that have nothing to do without rules.
    pub(super) fn load_some(&self) -> anyhow::Result<(Config, Loaded)> {
        let (config, loaded) = self.load()?;
        if loaded.heads().next().is_none() {
            bail!("find rules: name rule files or folders; the configuration has switched ours off, and has none");
        }
        Ok((config, loaded))
    }

    /// The rules that a command is to judge: the user's, or ours where he names none.
    pub(super) fn meant(loaded: &Loaded) -> impl Fn(&Head) -> bool {
        let own = loaded.heads().any(|head| head.whose != Whose::Ours);
        move |head| !own || head.whose != Whose::Ours
    }
}

/// Lists rules, shows one, says what they cover.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    thing: Thing,
}

#[derive(Debug, Subcommand)]
enum Thing {
    List(list::Options),
    Show(show::Options),
    Coverage(coverage::Options),
}

/// Answers on stdout.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    match &options.thing {
        Thing::List(options) => list::run(options),
        Thing::Show(options) => show::run(options),
        Thing::Coverage(options) => coverage::run(options),
    }
}
