//! Takes the rules in `rules/` into the program, each file as it is, and without its tests: those are as long as all
//! the rest ten times over, and only commands about rules read them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=rules");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    find(&root.join("rules"), &mut files)?;
    files.sort();
    let mut code = "&[\n".to_owned();
    for path in files {
        let text = fs::read_to_string(&path)?;
        let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::trim).collect();
        // Writing to a string does not fail.
        _ = writeln!(
            code,
            "File {{ name: {name:?}, ids: &{ids:?}, rules: {:?}, whole: include_str!({:?}) }},",
            without_tests(&text),
            path.to_string_lossy()
        );
    }
    code.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("pack.rs"), code)
}

/// Adds the rule files of a folder and of those below it.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The text with empty lines in the place of its tests, so that every other line keeps its number.
fn without_tests(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_tests = false;
    for line in text.lines() {
        // Until a key, or another document, begins at the margin.
        let goes_on = line.is_empty() || line.starts_with([' ', '#']) || line.starts_with("- ");
        in_tests = line == "tests:" || in_tests && goes_on;
        kept.push_str(if in_tests { "" } else { line });
        kept.push('\n');
    }
    kept
}
