//! `--envelope` and `--from`: what stands around the records of a scan.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::batch::{Envelope, Wrapping};
use crate::config::{from_example, is_of_event};
use crate::yaml::nearest;

/// What stands around the records.
#[derive(Debug, clap::Args)]
pub(super) struct Wrapped {
    /// What stands around the records: plain, eks, aks, gke, openshift, cri, docker, fluent-bit, vector, filebeat, otlp.
    #[arg(long, value_name = "NAME", value_parser = wrapping, default_value = "plain", hide_default_value = true)]
    envelope: Wrapping,

    /// Takes only records that say this of where they come from; `*` in the text stands for any. May be given several
    /// times.
    #[arg(long, value_name = "KEY=TEXT", value_parser = origin)]
    from: Vec<(String, String)>,
}

impl Wrapped {
    pub(super) fn envelope(&self) -> anyhow::Result<Envelope> {
        let wrapping = self.envelope;
        if wrapping.needs_origin() && self.from.is_empty() {
            let (key, text) = from_example(wrapping);
            bail!(
                "tell whose records they are: `--envelope {}` carries the lines of every container. Say which are the API \
                 server's by a key that the collector writes, such as `--from '{key}={text}'`",
                wrapping.word()
            );
        }
        if !wrapping.has_origin() && !self.from.is_empty() {
            bail!("go by `--from`: records of `--envelope {}` do not say where they come from", wrapping.word());
        }
        if let Some((key, _)) = self.from.iter().find(|(key, _)| is_of_event(key, wrapping)) {
            bail!("go by `--from {key}=…`, which whoever printed the line has written: name a key of the collector");
        }
        Ok(Envelope::new(wrapping, &self.from.iter().cloned().collect()))
    }
}

fn wrapping(word: &str) -> Result<Wrapping, String> {
    let known = Wrapping::ALL.map(Wrapping::word);
    let found = Wrapping::ALL.into_iter().find(|wrapping| wrapping.word() == word);
    found.ok_or_else(|| match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.join(", ")),
    })
}

fn origin(text: &str) -> Result<(String, String), String> {
    let (key, pattern) = text.split_once('=').ok_or("write KEY=TEXT")?;
    Ok((key.to_owned(), pattern.to_owned()))
}

/// What was passed over, for people.
pub(super) fn passed_over(passed: &BTreeMap<&'static str, u64>) -> Option<String> {
    let counts: Vec<_> = passed.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    (!counts.is_empty())
        .then(|| format!("Records that are not the API server's were passed over: {}.", counts.join(", ")))
}
