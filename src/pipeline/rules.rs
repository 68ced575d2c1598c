//! Rule files, from the disk to rules that can be run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, Rules};
use crate::detect::rules::{ListConfig, Lists, Loaded, Pack, Sheet, load_over};
use crate::judge::anomaly::Anomaly;
use crate::yaml::Problem;

use super::unusual;

/// Largest rule file or list read, bytes. A larger one is taken for a mistake and refused.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Deepest folder looked into. What lies deeper is refused, as links may lead in a circle.
const DEPTH_MAX: usize = 16;

/// All that rule files and we ourselves bring.
pub(super) struct Read {
    pub(super) loaded: Loaded,
    /// Documents about unusual values.
    pub(super) unusual: Vec<Anomaly>,
}

/// Reads our own rules, without their tests, and every rule file that is configured.
///
/// # Errors
/// Everything that is wrong in them, and files that cannot be read.
pub fn read(config: &Rules) -> Result<Loaded, ConfigError> {
    read_all(config).map(|read| read.loaded)
}

/// The same with the documents about unusual values.
///
/// # Errors
/// As [`read`].
pub(super) fn read_all(config: &Rules) -> Result<Read, ConfigError> {
    read_over(Pack::new, config)
}

/// The same with the tests of our own rules.
///
/// # Errors
/// As [`read`].
pub fn read_with_tests(config: &Rules) -> Result<Loaded, ConfigError> {
    read_over(Pack::with_tests, config).map(|read| read.loaded)
}

fn read_over(pack: fn() -> Pack, config: &Rules) -> Result<Read, ConfigError> {
    let pack = if config.pack { pack() } else { Pack::default() };
    let pack = Pack { off: config.off.clone(), ..pack };
    let mut problems = Vec::new();
    let sheets = sheets(config, &mut problems);
    let unusual = unusual::of(&sheets);
    let sheets: Vec<_> = sheets.iter().map(|sheet| unusual::split(sheet).0).collect();
    let lists = lists(config, &mut problems);
    match (load_over(&pack, &sheets, &lists), unusual) {
        (Ok(loaded), Ok(unusual)) if problems.is_empty() => Ok(Read { loaded, unusual }),
        (loaded, unusual) => {
            problems.extend(unusual.err().unwrap_or_default());
            problems.extend(loaded.err().unwrap_or_default());
            Err(ConfigError(problems))
        }
    }
}

/// Every rule file that is configured, as text.
pub(super) fn sheets(config: &Rules, problems: &mut Vec<Problem>) -> Vec<Sheet> {
    let mut paths: BTreeSet<PathBuf> = config.files.iter().cloned().collect();
    for folder in &config.folders {
        problems.extend(find(folder, 0, &mut paths).err());
    }
    let mut sheets = Vec::new();
    for path in &paths {
        match text(path) {
            Ok(text) => sheets.push(Sheet { file: path.display().to_string(), text }),
            Err(problem) => problems.push(problem),
        }
    }
    sheets
}

/// Adds the rule files in a folder and in those below it.
pub(super) fn find(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> Result<(), Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("cannot read this folder of rules: {error}");
        Problem::new(&folder.display().to_string(), message)
            .advise("correct the path, or see that this user may read it")
    };
    if depth > DEPTH_MAX {
        return Err(wrong(&format!("folders lie deeper than {DEPTH_MAX}")));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(&error))? {
        let path = entry.map_err(|error| wrong(&error))?.path();
        // What Kubernetes mounts of a ConfigMap lies there twice, once in hidden folders.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_rule = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        match path.is_dir() {
            _ if hidden => {}
            true => find(&path, depth + 1, found)?,
            false if is_rule => {
                found.insert(path);
            }
            false => {}
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, Problem> {
    let wrong = |error: &dyn std::fmt::Display, advice: &str| {
        Problem::new(&path.display().to_string(), format!("cannot read it: {error}")).advise(advice)
    };
    let advice = "correct the path, see that this user may read it, and that it is UTF-8 text";
    let length = std::fs::metadata(path).map_err(|error| wrong(&error, advice))?.len();
    if length > FILE_BYTES_MAX {
        let message = format!("it has {length} bytes, more than {FILE_BYTES_MAX}");
        return Err(wrong(&message, "is this the right file? Cut a large one into several"));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(&error, advice))
}

fn lists(config: &Rules, problems: &mut Vec<Problem>) -> Lists {
    let mut lists = Lists::new();
    for (name, ListConfig { values, files }) in &config.lists {
        let list = lists.entry(name.clone()).or_default();
        list.extend(values.iter().cloned());
        for file in files {
            match text(file) {
                Ok(text) => {
                    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                    list.extend(lines.map(str::to_owned));
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_looked_through_and_lists_read() {
        let lab = tempfile::tempdir().unwrap();
        let rule = |title: &str| {
            format!(
                "title: {title}\nlogsource: {{product: kubernetes, service: audit}}\ndetection: {{a: {{user.username|expand: '%admins%'}}, condition: a}}\n"
            )
        };
        std::fs::create_dir_all(lab.path().join("deeper/..data")).unwrap();
        for (path, text) in [
            ("a.yml", rule("A")),
            ("deeper/b.yaml", rule("B")),
            ("deeper/notes.txt", "no: [rule".to_owned()),
            ("deeper/..data/b.yaml", rule("B")),
            ("admins.txt", "# who may\nroot\n\n alice \n".to_owned()),
        ] {
            std::fs::write(lab.path().join(path), text).unwrap();
        }
        let list = ListConfig { values: Vec::new(), files: vec![lab.path().join("admins.txt")] };
        let config = Rules {
            folders: vec![lab.path().to_owned()],
            files: vec![lab.path().join("a.yml")],
            lists: [("admins".to_owned(), list)].into(),
            pack: false,
            ..Rules::default()
        };
        let titles: Vec<_> = read(&config).unwrap().heads().map(|head| head.title.clone()).collect();
        assert_eq!(titles, ["A", "B"]);
        let config = Rules { files: vec![lab.path().join("missing.yml")], ..config };
        let error = read(&config).unwrap_err().to_string();
        assert!(error.contains("missing.yml: cannot read it"), "{error}");
    }
}
