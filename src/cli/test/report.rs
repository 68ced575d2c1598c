//! What came of tests, for people and for CI.

use std::fmt::Write as _;

use super::trials::Tried;
use crate::terminal::escape_terminal;

/// A line a rule, and what is wrong below it.
pub(super) fn text(all: &[Tried], require_tests: bool) -> String {
    let mut out = String::new();
    for tried in all {
        let word = if tried.is_well(require_tests) { "ok    " } else { "FAILED" };
        let tests = tried.head.tests.len();
        let mutants = if tried.mutants > 0 { format!(", {} changes", tried.mutants) } else { String::new() };
        // Writing to a string does not fail.
        _ = writeln!(out, "{word}  {}  ({tests} tests{mutants})", escape_terminal(&tried.head.title));
        for line in complaints(tried, require_tests) {
            _ = writeln!(out, "          {}", escape_terminal(&line));
        }
    }
    let failed = all.iter().filter(|tried| !tried.is_well(require_tests)).count();
    let tests: usize = all.iter().map(|tried| tried.head.tests.len()).sum();
    let untested = all.iter().filter(|tried| tried.head.tests.is_empty()).count();
    _ = writeln!(out, "\n{} rules, {tests} tests; {failed} rules failed, {untested} have no tests", all.len());
    out
}

fn complaints(tried: &Tried, require_tests: bool) -> Vec<String> {
    let tests = tried.head.tests.iter().zip(&tried.failures);
    let failed = tests.filter_map(|(test, failure)| Some(format!("{}: {}", test.name, failure.as_ref()?)));
    let survived = tried.survivors.iter().map(|change| format!("no test notices it {change}"));
    let untested = (require_tests && tried.head.tests.is_empty()).then(|| "it has no tests".to_owned());
    failed.chain(survived).chain(untested).collect()
}

/// JUnit's XML: a suite a rule, a case a test.
pub(super) fn junit(all: &[Tried], require_tests: bool) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for tried in all {
        let cases = cases(tried, require_tests);
        let failures = cases.iter().filter(|(_, failure)| failure.is_some()).count();
        let (name, id) = (xml(&tried.head.title), xml(&tried.head.id));
        _ = writeln!(out, "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\">", cases.len());
        for (case, failure) in cases {
            _ = write!(out, "    <testcase classname=\"{id}\" name=\"{}\"", xml(&case));
            _ = match failure {
                None => writeln!(out, "/>"),
                Some(failure) => writeln!(out, "><failure message=\"{}\"/></testcase>", xml(&failure)),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Every test, and what else can fail, with its failure.
fn cases(tried: &Tried, require_tests: bool) -> Vec<(String, Option<String>)> {
    let tests = tried.head.tests.iter().zip(&tried.failures);
    let mut cases: Vec<_> = tests.map(|(test, failure)| (test.name.clone(), failure.clone())).collect();
    if require_tests && tried.head.tests.is_empty() {
        cases.push(("has tests".to_owned(), Some("it has no tests".to_owned())));
    }
    if tried.mutants > 0 {
        let survivors = tried.survivors.join("; ");
        let failure = (!survivors.is_empty()).then(|| format!("no test notices it {survivors}"));
        cases.push(("every clause is tested".to_owned(), failure));
    }
    cases
}

/// Text in an attribute. What XML cannot hold is left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => out.push(other),
        }
    }
    out
}
