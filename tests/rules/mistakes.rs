//! Rules that cannot be run, and what is said about them.

use super::loaded;
use gatecrier::detect::rules::Lists;

const GOOD: &str = "title: A rule\nlogsource: {product: kubernetes, service: audit}\ndetection:\n  s:\n    verb: create\n  condition: s\n";

/// The place, a part of what is wrong, and a part of the way out.
#[track_caller]
fn check(text: &str, place: &str, message: &str, advice: &str) {
    let lists = Lists::from([("admins".to_owned(), vec!["root".to_owned()]), ("nobody".to_owned(), Vec::new())]);
    let Err(error) = loaded(&[text], &lists) else { panic!("it loads:\n{text}") };
    let expected = format!("rule-1.yml:{place}: ");
    assert!(error.starts_with(&expected), "{expected}\n{error}");
    assert!(error.contains(message), "{message}\n{error}");
    assert!(error.contains(advice), "{advice}\n{error}");
}

#[track_caller]
fn item(item: &str, column: u32, message: &str, advice: &str) {
    check(&GOOD.replace("verb: create", item), &format!("5:{column}"), message, advice);
}

#[test]
fn items_that_could_never_match_are_refused() {
    for (written, column, message, advice) in [
        ("verbs: create", 5, "there is no field `verbs`", "did you mean `verb`?"),
        ("verb|contain: create", 10, "no modifier `contain`", "did you mean `contains`?"),
        ("verb|contains|frobnicate: create", 19, "no modifier `frobnicate`", "modifiers: contains"),
        ("verb|re: '('", 14, "no regular expression", "regex crate"),
        ("verb|re: 'a(?=b)'", 14, "look-around", "no look-around"),
        ("verb|contains|re: a", 19, "has to come first", "right behind"),
        ("verb|i: a", 10, "flag of `re`", "write `re` before"),
        ("sourceIPs|cidr: 10.0.0.0/33", 21, "is no network", "203.0.113.0/24"),
        ("sourceIPs|cidr: 10.0.0.1/8", 21, "address within a network", "write `10.0.0.0/8`"),
        ("verb|gt: many", 14, "no number", "write a number"),
        ("verb|exists: maybe", 18, "wants `true` or `false`", "write one"),
        ("verb|exists|contains: true", 17, "stands alone", "take the other"),
        ("verb|contains|base64: a", 19, "comes too late", "before `contains`"),
        ("verb|wide: a", 10, "two bytes a character", "base64"),
        ("verb|base64: 'a*'", 18, "wildcards cannot be encoded", "backslash"),
        ("verb|expand: '%admin%'", 18, "no list `admin`", "did you mean `%admins%`?"),
        ("verb|expand: '%nobody%'", 18, "list `nobody` is empty", "could never match"),
        ("verb|fieldref: verbs", 20, "no field `verbs`", "did you mean"),
        ("verb: []", 11, "no value stands here", "write one"),
        ("verb: [create, null]", 20, "one of several values", "selection of its own"),
        ("verb: {a: b}", 11, "keys with values where a value belongs", "sigma-version: 3"),
        ("verb|lt|gt: 3", 13, "another way to compare", "keep one"),
        ("verb|cidr|contains: 10.0.0.0/8", 15, "no parts", "take the other"),
    ] {
        item(written, column, message, advice);
    }
}

#[test]
fn documents_that_could_never_match_are_refused() {
    for (from, to, place, message, advice) in [
        ("title: A rule\n", "", "1:1", "`title` is missing", "add a short title"),
        ("condition: s", "condition: t", "6:14", "no selection `t`", "selections of this rule: s"),
        ("condition: s", "condition: 1 of t*", "6:19", "no selection is like", "selections of this rule: s"),
        ("condition: s", "condition: s | count() > 5", "6:16", "no longer part of Sigma", "event_count"),
        ("  condition: s\n", "", "4:3", "`condition` is missing", "condition: selection"),
        ("service: audit", "service: sysmon", "2:43", "no audit log is that", "correct its `logsource`"),
        ("product: kubernetes", "product: windows", "2:22", "no audit log is that", "do not load it"),
        ("logsource: {product: kubernetes, service: audit}\n", "", "1:1", "`logsource` is missing", "write `logsource"),
        ("title: A rule", "title: A rule\ntilte: B", "2:1", "unknown key `tilte`", "did you mean `title`"),
        ("title: A rule", "title: A rule\nlevel: hihg", "2:8", "no level `hihg`", "did you mean `high`?"),
        ("title: A rule", "title: A rule\nsigma-version: 4", "2:16", "not known here", "write 2 or 3"),
        ("title: A rule", "title: A rule\ntaxonomy: ecs", "2:11", "taxonomy `ecs`", "write `sigma`"),
        ("title: A rule", "title: A rule\nid: a b", "2:5", "is no id", "write a UUID"),
        ("detection:", "correlation: {type: event_count}\ndetection:", "1:1", "one of detection", "`---`"),
        ("  s:\n    verb: create\n", "  s: {}\n", "4:6", "is empty", "write what is wanted"),
        ("  s:\n    verb: create\n", "  s: []\n", "4:6", "is empty", "write what is wanted"),
        ("  s:\n", "  timeframe: 5m\n  s:\n", "4:3", "`timeframe` is no longer", "timespan"),
        ("    verb: create", "    verb: create\n    verb: delete", "6:5", "twice", "keep one of them"),
        ("    verb: create", "    verb: [create", "6:12", "not YAML", "brackets"),
        (
            "title: A rule",
            "title: A rule\ntests: [{name: x, match: maybe, events: [{}]}]",
            "2:26",
            "neither",
            "a test has",
        ),
        ("title: A rule", "title: A rule\ntests: [{name: x, match: true}]", "2:9", "`events` is missing", "a test has"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        check(&GOOD.replace(from, to), place, message, advice);
    }
    check("a: b\n", "1:1", "says nothing to look for", "add `detection:`");
}

#[test]
fn blocks_say_what_is_wrong_within() {
    let block = |item: &str| GOOD.replace("title:", "sigma-version: 3\ntitle:").replace("verb: create", item);
    check(&block("sourceIPs[some]: x"), "6:5", "says nothing of elements", "write `[any]`");
    check(&block("sourceIPs[any: x"), "6:5", "`]` is missing", "write `[any]`");
    check(&block("user.groups[any]: {'.|contain': x}"), "6:27", "no modifier", "did you mean");
}

#[test]
fn rules_have_to_be_told_apart_and_filters_to_find_theirs() {
    let lists = Lists::new();
    let error = loaded(&[GOOD, GOOD], &lists).unwrap_err();
    assert!(error.starts_with("rule-2.yml:1:1: a rule with the id `a-rule` stands in rule-1.yml already"), "{error}");
    let filter =
        "title: F\nlogsource: {product: kubernetes}\nfilter: {rules: [b-rule], s: {verb: x}, condition: not s}\n";
    let error = loaded(&[GOOD, filter], &lists).unwrap_err();
    assert!(error.starts_with("rule-2.yml:3:18: no rule has the id or name `b-rule`"), "{error}");
}

#[test]
fn correlations_that_could_never_fire_are_refused() {
    let good = "title: C\nname: c\ncorrelation:\n  type: event_count\n  rules: [a-rule]\n  group-by: [actor.name]\n  timespan: 5m\n  condition: {gte: 3}\n";
    let check = |from: &str, to: &str, place: &str, message: &str, advice: &str| {
        assert!(good.contains(from), "{from}");
        let error = loaded(&[GOOD, &good.replace(from, to)], &Lists::new()).unwrap_err();
        let expected = format!("rule-2.yml:{place}: ");
        assert!(
            error.starts_with(&expected) && error.contains(message) && error.contains(advice),
            "{expected}\n{error}"
        );
    };
    assert!(loaded(&[GOOD, good], &Lists::new()).is_ok());
    check("event_count", "event_cuont", "4:9", "no correlation of type", "did you mean `event_count`?");
    check("[a-rule]", "[b-rule]", "5:11", "no rule has the id or name `b-rule`", "did you mean `a-rule`?");
    check("[a-rule]", "[c]", "1:1", "counts itself", "take it out");
    check("actor.name", "actor.nmae", "6:14", "no field `actor.nmae`", "did you mean `actor.name`?");
    check("5m", "five", "7:13", "no span of time", "`5m`");
    check("5m", "2y", "7:13", "from a second to a year", "`7d`");
    check("{gte: 3}", "{gte: 3, filed: x}", "8:23", "unknown key `filed`", "did you mean `field`?");
    check("{gte: 3}", "{gte: 3, field: verb}", "8:30", "counts no values", "take `field` out");
    check("{gte: 3}", "{gte: many}", "8:20", "no number", "to compare with");
    check("{gte: 3}", "{gte: 20000}", "1:1", "no more than 10000", "ask for fewer");
    check("{gte: 3}", "a-rule and b-rule", "8:14", "only temporal", "gte: 10");
    check("event_count", "value_count", "8:14", "whose values are counted", "field: objectRef.name");
    check("  timespan: 5m\n", "", "4:3", "`timespan` is missing", "docs/rules.md");
    check("group-by", "group_by", "6:3", "unknown key `group_by`", "did you mean `group-by`?");
}

#[test]
fn every_bad_document_is_told_at_once() {
    let bad = GOOD.replace("verb:", "verbs:");
    let error = loaded(&[&format!("{bad}---\n{}", GOOD.replace("A rule", "B rule")), &bad], &Lists::new()).unwrap_err();
    assert_eq!(error.matches("there is no field").count(), 2, "{error}");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    for (from, to, message) in [
        ("verb: create", "sourceIPs|cidr: 10.0.0.0/8", "what the client wrote"),
        ("verb: create", "user.username|neq: root", "in any case of letters"),
        ("verb: create", "user.username: '%admins%'", "without `expand`"),
        ("  condition: s", "  t: {verb: x}\n  condition: s", "does not use `t`"),
    ] {
        let warnings = loaded(&[&GOOD.replace(from, to)], &Lists::new()).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.to_string().contains(message)), "{to}: {warnings:?}");
    }
    assert!(loaded(&[GOOD], &Lists::new()).unwrap().warnings.is_empty());
}
