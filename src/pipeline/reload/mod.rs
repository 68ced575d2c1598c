//! Reads the configuration again when it changes, and lets every cluster think by it.
//!
//! A new analyzer for each cluster is built from the files as they are now; only when all could be built does each take
//! over the memory of the one at work, between two batches, just as a restart would from a snapshot. If anything is wrong
//! the old ones stay, and it is said: in the log, in a metric, and once in an alert.

mod files;
mod wake;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::renew::Renewal;
use super::{Build, falco, own, suppressions};
use crate::alert::Alert;
use crate::analyze::Analyzer;
use crate::batch::ClusterId;
use crate::config::{Config, ConfigError};
use crate::metrics::{ByResult, Metrics};
use crate::outbox::{AppendError, Outbox};
use crate::yaml::Problem;
use files::{Files, Seen, folders};
use wake::Wake;

/// How often we look at the files when nothing wakes us.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Least time between two looks that something wakes us for: the log may lie beside the configuration.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// How long files must stay as they are: who writes several is waited for.
const SETTLED: Duration = Duration::from_millis(300);

/// Most looks until files that change all the time are read as they are.
const LOOKS_MAX: usize = 10;

/// Most mistakes of a configuration that an alert names. The log has all.
const MISTAKES_TOLD_MAX: usize = 3;

/// The sections that are read again. What changes in others needs a restart.
const RELOADED: [&str; 8] =
    ["networks", "proxies", "hiding_hops", "places", "policies", "detection", "rules", "suppressions"];

/// The rule of the alert about a configuration that cannot be used.
const RULE: &str = "reload-failed";

/// Everything that is told of a new configuration, and what tells about it.
pub(super) struct Reloader {
    /// The configuration at work.
    config: Arc<Config>,
    /// The sections it was started with.
    started: BTreeMap<String, serde_json::Value>,
    build: Build,
    worlds: Vec<(ClusterId, Renewal)>,
    outbox: Outbox,
    metrics: Metrics,
    /// It was told that the changed configuration cannot be used.
    told: bool,
    /// An alert for which there is no room yet.
    untold: Option<Alert>,
    /// Labels of the suppressions of which it was said that they are over.
    over: BTreeSet<String>,
}

/// What a changed configuration comes to.
struct New {
    config: Config,
    /// One for each cluster, in their order.
    analyzers: Vec<Analyzer>,
    warnings: Vec<Problem>,
}

impl Reloader {
    pub(super) fn new(
        config: &Arc<Config>,
        build: Build,
        worlds: Vec<(ClusterId, Renewal)>,
        outbox: Outbox,
        metrics: Metrics,
    ) -> Self {
        let (config, started) = (Arc::clone(config), config.outline().sections());
        Self { config, started, build, worlds, outbox, metrics, told: false, untold: None, over: BTreeSet::new() }
    }

    /// Watches until stopped.
    ///
    /// # Errors
    /// The outbox can no longer be written: the process must stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut asked = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        let (mut files, mut wake) = (Files::of(PathBuf::from(&self.config.origin.file)), Wake::new());
        let mut at_work;
        (files, at_work) = look(files).await?;
        // It may have changed since it was read, before anybody looked.
        let mut changed = self.is_another_text().await;
        loop {
            self.say_what_is_over();
            self.tell().await?;
            wake.arm(folders(&at_work));
            let sent = match changed {
                true => false,
                false => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    sent = hung_up(&mut asked) => sent,
                    () = wake.wait(LOOK_EVERY) => false,
                },
            };
            tokio::time::sleep(LOOK_PAUSE).await;
            let seen;
            (files, seen) = settled(files, &at_work).await?;
            if !sent && !changed && seen == at_work {
                continue;
            }
            (at_work, changed) = (seen, false);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                reloaded = self.reload() => self.judge(reloaded),
            }
        }
    }

    /// Whether the file no longer holds what is at work.
    async fn is_another_text(&self) -> bool {
        let (file, text) = (self.config.origin.file.clone(), Arc::clone(&self.config.origin.text));
        let differs = move || std::fs::read_to_string(file).is_ok_and(|now| *now != *text);
        spawn_blocking(differs).await.unwrap_or(false)
    }

    /// Builds what the files say now, and has every cluster take it over. The sections that need a restart.
    async fn reload(&mut self) -> anyhow::Result<Vec<String>> {
        let (file, build) = (PathBuf::from(&self.config.origin.file), self.build);
        let clusters: Vec<_> = self.worlds.iter().map(|(cluster, _)| cluster.clone()).collect();
        let new =
            spawn_blocking(move || prepare(&file, build, &clusters)).await.context("read the configuration")??;
        for warning in &new.warnings {
            tracing::warn!("{}", warning.in_one_line());
        }
        let config = Arc::new(new.config);
        let offered = self.worlds.iter().zip(new.analyzers);
        let answers: Vec<_> = offered.map(|((_, renewal), analyzer)| renewal.offer(&config, analyzer)).collect();
        self.config = config;
        let mut anew = BTreeSet::new();
        for answer in answers {
            // Who ended meanwhile begins its next life by the new configuration.
            if let Ok(taken) = answer.await {
                anew.extend(taken?);
            }
        }
        if !anew.is_empty() {
            let rules = anew.into_iter().collect::<Vec<_>>().join(", ");
            tracing::warn!(rules, "rules have changed: what they had learnt is forgotten");
        }
        Ok(self.changed_for_a_restart())
    }

    fn changed_for_a_restart(&self) -> Vec<String> {
        let now = self.config.outline().sections();
        let names: BTreeSet<_> = now.keys().chain(self.started.keys()).collect();
        let changed = |name: &&&String| now.get(**name) != self.started.get(**name);
        let others = names.iter().filter(|name| !RELOADED.contains(&name.as_str())).filter(changed);
        others.map(|name| (*name).clone()).collect()
    }

    /// Says what came of it.
    fn judge(&mut self, reloaded: anyhow::Result<Vec<String>>) {
        let result = if reloaded.is_ok() { "ok" } else { "failed" };
        self.metrics.reloads.get_or_create(&ByResult { result }).inc();
        let stale = reloaded.as_ref().map_or(true, |restart| !restart.is_empty());
        self.metrics.stale.set(i64::from(stale));
        match reloaded {
            Ok(restart) => {
                tracing::info!(file = self.config.origin.file, "the configuration was read again and is at work");
                for section in restart {
                    tracing::warn!(section, "`{section}` has changed: it needs a restart, and is as it was until then");
                }
                (self.told, self.untold) = (false, None);
            }
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&mut self, error: &anyhow::Error) {
        let mistakes = mistakes(error);
        for mistake in &mistakes {
            tracing::error!("the changed configuration cannot be used, the one before stays at work: {mistake}");
        }
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let mut named = mistakes.iter().take(MISTAKES_TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
        if mistakes.len() > MISTAKES_TOLD_MAX {
            named.push_str(&format!("; and {} more", mistakes.len() - MISTAKES_TOLD_MAX));
        }
        let text = format!("the changed configuration cannot be used, the one before stays at work: {named}");
        self.untold = Some(own::alert(&self.config.cluster, RULE, "configuration", text, own::now()));
    }

    /// Writes the alert that waits, once there is room.
    async fn tell(&mut self) -> anyhow::Result<()> {
        let Some(alert) = self.untold.clone() else { return Ok(()) };
        let outbox = self.outbox.clone();
        match spawn_blocking(move || outbox.append(&mut [alert])).await.context("join the writing of an alert")? {
            Ok(_) => self.untold = None,
            Err(AppendError::Full) => {}
            Err(fatal) => return Err(fatal).context("write the outbox"),
        }
        Ok(())
    }

    /// Says once of each suppression that it is over.
    fn say_what_is_over(&mut self) {
        let over = self.config.suppressions.iter().filter(|entry| suppressions::is_over(entry));
        let labels: BTreeSet<_> = over.map(|entry| entry.label()).collect();
        if labels.is_subset(&self.over) {
            return;
        }
        for (label, problem) in suppressions::expired(&self.config) {
            if self.over.insert(label) {
                tracing::warn!("{}", problem.in_one_line());
            }
        }
    }
}

async fn look(mut files: Files) -> anyhow::Result<(Files, Seen)> {
    let looked = move || {
        let seen = files.look();
        (files, seen)
    };
    spawn_blocking(looked).await.context("look at the configuration's files")
}

/// The state of the files once they have stayed as they are for a moment, unless they are what they were.
async fn settled(files: Files, before: &Seen) -> anyhow::Result<(Files, Seen)> {
    let (mut files, mut seen) = look(files).await?;
    for _ in 0..LOOKS_MAX {
        if seen == *before {
            break;
        }
        tokio::time::sleep(SETTLED).await;
        let now;
        (files, now) = look(files).await?;
        if std::mem::replace(&mut seen, now) == seen {
            break;
        }
    }
    Ok((files, seen))
}

/// Waits for SIGHUP.
async fn hung_up(asked: &mut Signal) -> bool {
    asked.recv().await;
    true
}

fn prepare(file: &Path, build: Build, clusters: &[ClusterId]) -> anyhow::Result<New> {
    let mut config = Config::load(file)?;
    let mut warnings = std::mem::take(&mut config.warnings);
    warnings.extend(falco::read(&config.rules.falco)?.warnings);
    let analyzers = clusters.iter().map(|cluster| build(&config, cluster)).collect::<anyhow::Result<_>>()?;
    Ok(New { config, analyzers, warnings })
}

/// What is wrong, a line each.
fn mistakes(error: &anyhow::Error) -> Vec<String> {
    match error.downcast_ref::<ConfigError>() {
        Some(ConfigError(problems)) => problems.iter().map(Problem::in_one_line).collect(),
        None => vec![crate::terminal::escape_terminal(&format!("{error:#}")).into_owned()],
    }
}
