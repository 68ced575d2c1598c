//! Every path a configuration can hold, in one table: made absolute against the configuration file's
//! folder, and, where the file must be there already, looked for.

use std::path::{Path, PathBuf};

use super::{Config, Rules, Sinks};
use crate::forward;
use crate::server;
use crate::yaml::{Outline, Problem};

/// A path in the configuration and the keys that lead to it.
struct Entry<'a> {
    keys: Vec<String>,
    path: &'a mut PathBuf,
    must_exist: bool,
}

impl<'a> Entry<'a> {
    fn needed(keys: &[&str], path: &'a mut PathBuf) -> Self {
        Self { must_exist: true, ..Self::later(keys, path) }
    }

    /// A file or folder that may appear later.
    fn later(keys: &[&str], path: &'a mut PathBuf) -> Self {
        Self { keys: keys.iter().map(|key| (*key).to_owned()).collect(), path, must_exist: false }
    }
}

/// Makes paths absolute against `base` and tells of the files that are missing.
pub fn resolve(config: &mut Config, base: &Path, outline: &Outline<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in entries(config) {
        *entry.path = base.join(&*entry.path);
        if !entry.must_exist {
            continue;
        }
        if let Err(error) = std::fs::File::open(&*entry.path) {
            let keys: Vec<&str> = entry.keys.iter().map(String::as_str).collect();
            let shown = entry.path.display();
            let advice = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "create it, or correct the path; relative paths begin at the configuration file's folder"
                }
                _ => "see that this user may read it",
            };
            problems.push(outline.problem(&keys, format!("cannot read `{shown}`: {error}")).advise(advice));
        }
    }
    problems
}

fn entries(config: &mut Config) -> Vec<Entry<'_>> {
    let mut all = vec![Entry::later(&["state"], &mut config.state)];
    for (name, source) in &mut config.sources {
        if let Some(file) = &mut source.file {
            all.push(Entry::later(&["sources", name, "file", "path"], &mut file.path));
        }
        if let Some(webhook) = &mut source.webhook {
            all.extend(webhook_entries(["sources", name, "webhook"], webhook));
        }
    }
    all.extend(config.networks.iter_mut().flat_map(|(name, entry)| lists("networks", name, &mut entry.files)));
    all.extend(config.proxies.iter_mut().flat_map(|(name, entry)| lists("proxies", name, &mut entry.files)));
    all.extend(config.hiding_hops.iter_mut().flat_map(|(name, entry)| lists("hiding_hops", name, &mut entry.files)));
    all.extend(rule_entries(&mut config.rules));
    let places = [("country", &mut config.places.country), ("asn", &mut config.places.asn)];
    for (key, path) in places {
        all.extend(path.as_mut().map(|path| Entry::needed(&["places", key], path)));
    }
    if let Some(tls) = &mut config.server.tls {
        all.push(Entry::needed(&["server", "tls", "cert_file"], &mut tls.cert_file));
        all.push(Entry::needed(&["server", "tls", "key_file"], &mut tls.key_file));
    }
    if let Some(forward) = &mut config.forward {
        all.extend(forward_entries(forward));
    }
    all.extend(sink_entries(&mut config.sinks));
    all
}

fn webhook_entries<'a>(keys: [&str; 3], webhook: &'a mut server::audit::Config) -> Vec<Entry<'a>> {
    let mut all = Vec::new();
    for (cluster, sender) in &mut webhook.clusters {
        let token = sender.token_file.as_mut();
        all.extend(token.map(|path| Entry::needed(&[&keys[..], &["clusters", cluster, "token_file"]].concat(), path)));
    }
    if let Some(tls) = &mut webhook.tls {
        all.push(Entry::needed(&[&keys[..], &["tls", "cert_file"]].concat(), &mut tls.cert_file));
        all.push(Entry::needed(&[&keys[..], &["tls", "key_file"]].concat(), &mut tls.key_file));
        let authorities = tls.client_ca_file.as_mut();
        all.extend(authorities.map(|path| Entry::needed(&[&keys[..], &["tls", "client_ca_file"]].concat(), path)));
    }
    all
}

fn forward_entries(forward: &mut forward::Config) -> Vec<Entry<'_>> {
    let (auth, tls) = (&mut forward.auth, &mut forward.tls);
    let files = [
        (["auth", "password_file"], &mut auth.password_file),
        (["auth", "token_file"], &mut auth.token_file),
        (["auth", "api_key_file"], &mut auth.api_key_file),
        (["tls", "ca_file"], &mut tls.ca_file),
        (["tls", "cert_file"], &mut tls.cert_file),
        (["tls", "key_file"], &mut tls.key_file),
    ];
    let set = files.into_iter().filter_map(|(below, path)| Some((below, path.as_mut()?)));
    set.map(|(below, path)| Entry::needed(&[&["forward"], &below[..]].concat(), path)).collect()
}

fn lists<'a>(section: &'a str, name: &'a str, files: &'a mut [PathBuf]) -> impl Iterator<Item = Entry<'a>> {
    let files = files.iter_mut().enumerate();
    files.map(move |(at, file)| Entry::needed(&[section, name, "files", &at.to_string()], file))
}

/// Sigma files that are missing are told of when the rules are read.
fn rule_entries(rules: &mut Rules) -> Vec<Entry<'_>> {
    let named = |key: &'static str| move |(at, path)| Entry::later(&["rules", key, &usize::to_string(&at)], path);
    let mut all: Vec<_> = rules.files.iter_mut().enumerate().map(named("files")).collect();
    all.extend(rules.folders.iter_mut().enumerate().map(named("folders")));
    let falco = rules.falco.files.iter_mut().enumerate();
    all.extend(falco.map(|(at, file)| Entry::needed(&["rules", "falco", "files", &at.to_string()], file)));
    for (name, list) in &mut rules.lists {
        let files = list.files.iter_mut().enumerate();
        all.extend(files.map(|(at, file)| Entry::later(&["rules", "lists", name, "files", &at.to_string()], file)));
    }
    all
}

/// The files that sinks name.
fn sink_entries(sinks: &mut Sinks) -> Vec<Entry<'_>> {
    let mut all = Vec::new();
    for (sink, settings) in sinks.list_mut() {
        let files = settings.files().into_iter();
        all.extend(files.map(|file| Entry {
            must_exist: file.must_exist,
            ..Entry::later(&[sink.as_slice(), &file.keys].concat(), file.path)
        }));
    }
    all
}
