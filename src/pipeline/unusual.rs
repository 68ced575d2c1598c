//! Documents about unusual values: those that come with the program, and those in rule files.

use crate::config::{ConfigError, Rules};
use crate::detect::rules::Sheet;
use crate::judge::anomaly::{self, Anomaly};
use crate::yaml::Problem;

use super::rules;

/// What separates the documents of a file.
const SEPARATOR: &str = "---";

/// Every such document of the rule files that are configured, and ours.
///
/// # Errors
/// As [`of`], and files that cannot be read.
pub(super) fn read(config: &Rules) -> Result<Vec<Anomaly>, ConfigError> {
    let mut problems = Vec::new();
    let sheets = rules::sheets(config, &mut problems);
    match of(&sheets) {
        Ok(all) if problems.is_empty() => Ok(all),
        all => {
            problems.extend(all.err().unwrap_or_default());
            Err(ConfigError(problems))
        }
    }
}

/// Every such document: those in these files, and ours but for those that they replace.
///
/// # Errors
/// Documents that are wrong, and two with one id.
pub(super) fn of(sheets: &[Sheet]) -> Result<Vec<Anomaly>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut all: Vec<Anomaly> = Vec::new();
    for sheet in sheets {
        for document in split(sheet).1 {
            match anomaly::Anomaly::read(&document, &sheet.file) {
                Ok(anomaly) if all.iter().any(|known| known.id() == anomaly.id()) => {
                    let message = format!("two documents about unusual values have the id `{}`", anomaly.id());
                    problems.push(Problem::new(&sheet.file, message).advise("give each an `id` of its own"));
                }
                Ok(anomaly) => all.push(anomaly),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let ours = anomaly::built_in().map_err(|problem| vec![problem])?;
    let replaced = |document: &Anomaly| all.iter().any(|own| own.id() == document.id());
    let kept: Vec<_> = ours.into_iter().filter(|document| !replaced(document)).collect();
    all.extend(kept);
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// A file's rules and its documents about unusual values. In each text the lines of all others are empty, so that
/// what is said of a line is said of the right one.
pub(super) fn split(sheet: &Sheet) -> (Sheet, Vec<String>) {
    let (mut rules, mut unusual) = (String::new(), Vec::new());
    let mut line = 0;
    for document in documents(&sheet.text) {
        let count = document.lines().count();
        if document.lines().any(|line| line == "anomaly:" || line.starts_with("anomaly: ")) {
            let own = document.lines().map(|line| if line.starts_with(SEPARATOR) { "" } else { line });
            unusual.push("\n".repeat(line) + &own.collect::<Vec<_>>().join("\n"));
            rules.push_str(&"\n".repeat(count));
        } else {
            rules.push_str(document);
        }
        line += count;
    }
    (Sheet { file: sheet.file.clone(), text: rules }, unusual)
}

/// The documents of a file, each with the separator before it.
fn documents(text: &str) -> Vec<&str> {
    let mut begins = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        // A separator is one only at the beginning of a line, and there it is one even within a text.
        if at > 0 && (line.trim_end() == SEPARATOR || line.starts_with("--- ")) {
            begins.push(at);
        }
        at += line.len();
    }
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    begins.iter().zip(ends).map(|(begin, end)| &text[*begin..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_unusual_values_is_taken_out_of_a_file_and_lines_keep_their_numbers() {
        let text = "title: a\nlevel: low\n---\nid: b\nanomaly:\n  kind: rare\n---\ntitle: c\n";
        let (rules, unusual) = split(&Sheet { file: "f".to_owned(), text: text.to_owned() });
        assert_eq!(rules.text, "title: a\nlevel: low\n\n\n\n\n---\ntitle: c\n");
        assert_eq!(unusual, ["\n\n\nid: b\nanomaly:\n  kind: rare"]);
    }

    fn read_text(text: &str) -> Result<Vec<Anomaly>, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.yaml"), text).unwrap();
        read(&Rules { folders: vec![folder.path().to_owned()], ..Rules::default() })
    }

    const OWN: &str = "title: Ours\nlevel: low\nanomaly: { kind: first_seen, of: [actor.tool] }\n";

    #[test]
    fn a_document_of_the_user_joins_ours_or_replaces_one() {
        let ours = anomaly::built_in().unwrap().len();
        assert_eq!(read_text(&format!("id: own\n{OWN}")).unwrap().len(), ours + 1);
        assert_eq!(read_text(&format!("id: many-logs\n{OWN}")).unwrap().len(), ours);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let told = |text: String| read_text(&text).unwrap_err().to_string();
        let unknown = told(format!("# ours\n---\nid: own\n{}", OWN.replace("actor.tool", "actor.tol")));
        assert!(unknown.contains("own.yaml:6:") && unknown.contains("did you mean `actor.tool`?"), "{unknown}");
        let twice = told(format!("id: own\n{OWN}---\nid: own\n{OWN}"));
        assert!(twice.contains("two documents about unusual values have the id `own`"), "{twice}");
    }
}
