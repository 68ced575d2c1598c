//! What the configuration of any sink tells those who know no kinds.

use std::fmt;
use std::path::PathBuf;

use super::http::{Auth, Tls};
use super::{AnySink, Route};
use crate::alert::Severity;

/// A sink's configuration.
pub trait Settings: fmt::Debug + Send + Sync {
    /// Where it sends to, for people: nothing secret.
    fn to(&self) -> String;

    /// What it wants of the outbox.
    fn demands(&self) -> Demands;

    /// The files it names.
    fn files(&mut self) -> Vec<FileSetting<'_>>;

    /// Makes the sink ready to send.
    ///
    /// # Errors
    /// A file or a setting that it cannot work with.
    fn build(&self) -> anyhow::Result<AnySink>;
}

/// [`Settings`] of a `Config`: what `to` makes of it, and the lists of its files.
macro_rules! settings {
    ($sink:ident, to: $to:expr, files: $($files:tt)*) => {
        $crate::sink::settings::settings!(@ $sink, |route| route, $to, $($files)*);
    };
    // People read it as it comes: unless told otherwise, a flood is counted.
    ($sink:ident, folds, to: $to:expr, files: $($files:tt)*) => {
        $crate::sink::settings::settings!(@ $sink, $crate::sink::Route::folding, $to, $($files)*);
    };
    (@ $sink:ident, $route:expr, $to:expr, |$config:ident| [$($files:expr),* $(,)?]) => {
        impl $crate::sink::Settings for Config {
            fn to(&self) -> String {
                let to: fn(&Self) -> String = $to;
                to(self)
            }

            fn demands(&self) -> $crate::sink::Demands {
                let route: fn($crate::sink::Route) -> $crate::sink::Route = $route;
                let Self { min_severity, required, .. } = *self;
                $crate::sink::Demands { min_severity, required, route: route(self.route.clone()) }
            }

            fn files(&mut self) -> Vec<$crate::sink::FileSetting<'_>> {
                let $config = self;
                std::iter::empty()$(.chain($files))*.collect()
            }

            fn build(&self) -> anyhow::Result<$crate::sink::AnySink> {
                Ok($crate::sink::AnySink::new($sink::new(self)?))
            }
        }
    };
}
pub(super) use settings;

/// What a sink wants of the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// Mildest severity to send; nothing sends all.
    pub min_severity: Option<Severity>,
    /// Whether reading the logs pauses rather than lose an alert for this sink when the outbox is full.
    pub required: bool,
    /// Which alerts, when, and how many at a time.
    pub route: Route,
}

/// A file that a setting names.
#[derive(Debug)]
pub struct FileSetting<'a> {
    /// The keys that lead to it, below the sink's name.
    pub keys: Vec<&'static str>,
    /// Its path.
    pub path: &'a mut PathBuf,
    /// Whether it must be there already.
    pub must_exist: bool,
}

impl<'a> FileSetting<'a> {
    /// The file at `key`, when it is set.
    pub(super) fn at(key: &'static str, path: &'a mut Option<PathBuf>) -> Option<Self> {
        Some(Self { keys: vec![key], path: path.as_mut()?, must_exist: true })
    }

    /// The file that is always set.
    pub(super) fn always(key: &'static str, path: &'a mut PathBuf) -> Option<Self> {
        Some(Self { keys: vec![key], path, must_exist: true })
    }

    /// The file that is always set and that we make.
    pub(super) fn later(key: &'static str, path: &'a mut PathBuf) -> Option<Self> {
        Some(Self { keys: vec![key], path, must_exist: false })
    }

    pub(super) fn of_auth(auth: &'a mut Auth) -> Vec<Self> {
        let Auth { username: _, password_file, token_file, api_key_file } = auth;
        let files = [("password_file", password_file), ("token_file", token_file), ("api_key_file", api_key_file)];
        Self::below("auth", files)
    }

    pub(super) fn of_tls(tls: &'a mut Tls) -> Vec<Self> {
        let Tls { ca_file, cert_file, key_file } = tls;
        Self::below("tls", [("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)])
    }

    fn below<const N: usize>(section: &'static str, files: [(&'static str, &'a mut Option<PathBuf>); N]) -> Vec<Self> {
        let set = files.into_iter().filter_map(|(key, path)| Some((key, path.as_mut()?)));
        set.map(|(key, path)| Self { keys: vec![section, key], path, must_exist: true }).collect()
    }
}
