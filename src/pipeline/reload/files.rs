//! The files that the configuration names and that are read into the analyzer, and whether they are what they were.
//!
//! What is true is found by looking: inode, length and times of each file behind all links, so that a Kubernetes
//! ConfigMap, which swaps a link, is seen to change as well as a file that is written in place.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::FILE_BYTES_MAX;
use crate::pipeline::rules;
use crate::yaml::Outline;

/// The keys under which such files and folders are named: networks, hops, rules, lists; and place files.
const KEYS: [&str; 4] = ["files", "folders", "country", "asn"];

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// All files, each with its state; nothing for one that is not there.
pub(super) type Seen = BTreeMap<PathBuf, Option<Stamp>>;

/// The configuration file, and those it names.
#[derive(Debug)]
pub(super) struct Files {
    config: PathBuf,
    stamp: Option<Stamp>,
    named: BTreeSet<PathBuf>,
}

impl Files {
    /// Nothing was looked at yet.
    pub(super) fn of(config: PathBuf) -> Self {
        Self { config, stamp: None, named: BTreeSet::new() }
    }

    /// The state of all files now.
    pub(super) fn look(&mut self) -> Seen {
        let now = stamp(&self.config);
        if now != self.stamp {
            self.stamp = now;
            // While it cannot be read, those it named before may still be the ones that mend it.
            self.named = named(&self.config).unwrap_or_else(|| std::mem::take(&mut self.named));
        }
        let mut seen = Seen::from([(self.config.clone(), now)]);
        for path in &self.named {
            let mut below = BTreeSet::new();
            if path.is_dir() {
                // What could be listed counts; what could not is told when it is read.
                let _ = rules::find(path, 0, &mut below);
            }
            seen.insert(path.clone(), stamp(path));
            seen.extend(below.into_iter().map(|file| (file.clone(), stamp(&file))));
        }
        seen
    }
}

/// The folders in which changes of these files are to be seen.
pub(super) fn folders(seen: &Seen) -> BTreeSet<PathBuf> {
    let of = |path: &PathBuf| if path.is_dir() { Some(path.clone()) } else { path.parent().map(Path::to_path_buf) };
    seen.keys().filter_map(of).map(|folder| if folder.as_os_str().is_empty() { ".".into() } else { folder }).collect()
}

/// The files that a configuration names, whether it is right or not; nothing when it is no YAML.
fn named(config: &Path) -> Option<BTreeSet<PathBuf>> {
    let fits = std::fs::metadata(config).ok()?.len() <= FILE_BYTES_MAX;
    let text = fits.then(|| std::fs::read_to_string(config).ok()).flatten()?;
    let base = config.parent().unwrap_or(Path::new(""));
    let outline = Outline::new(&text, String::new());
    let texts = outline.texts_under(&KEYS)?;
    Some(texts.into_iter().map(|path| base.join(path)).collect())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        length: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_every_file_is_seen() {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| lab.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
        std::fs::create_dir_all(at("rules/deeper")).unwrap();
        write(
            "c.yaml",
            "networks: { o: { files: [o.txt] } }\nplaces: { country: c.mmdb }\nrules: { folders: [rules], lists: { l: { files: [l.txt] } } }\n",
        );
        let mut files = Files::of(at("c.yaml"));
        let mut last = files.look();
        let mut check = |what: &str, changes: bool| {
            let now = files.look();
            assert_eq!(now != last, changes, "{what}");
            last = now;
        };
        check("nothing", false);
        for file in ["o.txt", "c.mmdb", "rules/deeper/a.yml", "l.txt"] {
            write(file, "x");
            check(file, true);
            // Of the same length, and as old as before.
            let old = std::fs::metadata(at(file)).unwrap().modified().unwrap();
            write(file, "y");
            std::fs::File::options().write(true).open(at(file)).unwrap().set_modified(old).unwrap();
            check(file, true);
        }
        write("rules/notes.txt", "x");
        check("the folder", true);
        write("other.txt", "x");
        check("a file that is not named", false);
        write("c.yaml", "networks: { o: { files: [other.txt] ");
        check("a configuration that cannot be read", true);
        write("o.txt", "longer");
        check("a file that it named before", true);
        write("c.yaml", "networks: { o: { files: [other.txt] } }\nunknown: [");
        check("still none", true);
        write("c.yaml", "networks: { o: { files: [other.txt], unknown: 1 } }");
        check("another configuration", true);
        write("other.txt", "longer");
        check("a file that a wrong one names", true);
        std::fs::remove_file(at("other.txt")).unwrap();
        check("it is gone", true);
    }
}
