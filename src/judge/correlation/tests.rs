//! Correlations over cases: a rule, a second of event time, and values.

use std::sync::Arc;

use super::*;
use crate::detect::rules::{Lists, Sheet, load};

const RULES: &str = "\
title: Denied
name: denied
logsource: {product: kubernetes, service: audit}
detection: {s: {request.outcome: denied}, condition: s}
---
title: Minted
name: minted
logsource: {product: kubernetes, service: audit}
detection: {s: {request.action: mint-token}, condition: s}
---
title: Executed
name: executed
logsource: {product: kubernetes, service: audit}
detection: {s: {request.action: exec}, condition: s}
";

fn judge(correlations: &[&str]) -> Correlations {
    let mut text = RULES.to_owned();
    for (correlation, number) in correlations.iter().zip(1..) {
        text += &format!("---\ntitle: C{number}\nname: c{number}\nlevel: high\ncorrelation: {correlation}\n");
    }
    let sheet = Sheet { file: "rules.yml".to_owned(), text };
    let loaded = load(&[sheet], &Lists::new()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    Correlations::new(loaded.correlations)
}

fn case<'h>(time: Timestamp, observed: &'h [&'h Observation], event: &'h EventRef) -> Case<'h> {
    Case { time, who: "", success: true, event: Some(event), findings: &[], observed, added: &[] }
}

fn at(second: i64) -> Timestamp {
    Timestamp::default().plus_seconds(second)
}

/// What fires: `second title subject`. Events are `second rule actor values`, the values with commas between them.
fn fired(judge: &mut Correlations, events: &[(i64, &str, &str, &str)], until: i64) -> Vec<String> {
    let mut told = Vec::new();
    let tell = |time: i64, verdict: &mut Findings, told: &mut Vec<String>| {
        told.extend(verdict.take().iter().map(|finding| format!("{time} {} {}", finding.rule.title, finding.subject)));
    };
    let mut verdict = Findings::default();
    let pass = |judge: &mut Correlations, now: i64, verdict: &mut Findings, told: &mut Vec<String>| {
        while let Some(due) = judge.due().filter(|due| *due <= at(now)) {
            judge.tick(due, verdict);
            tell(due.micros() / 1_000_000, verdict, told);
        }
    };
    for (second, rule, actor, value) in events {
        pass(judge, *second, &mut verdict, &mut told);
        let names = value.split(',').map(|value| ("objectRef.name", value));
        let values = [("actor.name", *actor)].into_iter().chain(names).filter(|(_, value)| !value.is_empty());
        let values = values.map(|(name, value)| (name.into(), value.to_owned())).collect();
        let seen = Observation { what: observed_as(rule), values, once: None };
        let event =
            EventRef { audit_id: second.to_string(), stage: String::new(), time: at(*second), source: Arc::from("s") };
        judge.judge(&case(at(*second), &[&seen], &event), &mut verdict);
        tell(*second, &mut verdict, &mut told);
    }
    pass(judge, until, &mut verdict, &mut told);
    told
}

#[track_caller]
fn check(correlations: &[&str], events: &[(i64, &str, &str, &str)], expected: &[&str]) {
    assert_eq!(fired(&mut judge(correlations), events, 100_000), expected, "{correlations:?}");
}

/// The same event at these seconds.
fn each<'e>(
    seconds: impl IntoIterator<Item = i64>,
    rule: &'e str,
    actor: &'e str,
) -> Vec<(i64, &'e str, &'e str, &'e str)> {
    seconds.into_iter().map(|second| (second, rule, actor, "x")).collect()
}

#[test]
fn so_many_events_within_a_sliding_window_fire_once_and_then_cool_down() {
    let three = "{type: event_count, rules: [denied], group-by: [actor.name], timespan: 60s, condition: {gte: 3}}";
    check(&[three], &each([0, 30, 59], "denied", "eve"), &["59 C1 eve"]);
    check(&[three], &each([0, 30, 60], "denied", "eve"), &[]);
    check(&[three], &each([0, 50, 70, 80], "denied", "eve"), &["80 C1 eve"]);
    check(&[three], &each(0..=63, "denied", "eve"), &["2 C1 eve"]);
    check(&[three], &each(0..=70, "denied", "eve"), &["2 C1 eve", "64 C1 eve"]);
    let mut two_people = [each([0, 2], "denied", "eve"), each([1, 3], "denied", "bob")].concat();
    two_people.sort();
    check(&[three], &two_people, &[]);
    check(&[&three.replace("gte: 3", "gt: 3")], &each([0, 1, 2], "denied", "eve"), &[]);
    // Without a name there is no group; with no names there is one.
    check(&[three], &each([0, 1, 2], "denied", ""), &[]);
    check(&["{type: event_count, rules: [denied], timespan: 1m, condition: {gte: 3}}"], &two_people, &["2 C1 C1"]);
    // A little out of order.
    check(&[three], &each([59, 0, 30], "denied", "eve"), &["30 C1 eve"]);
}

#[test]
fn different_values_are_counted() {
    let names = "{type: value_count, rules: [denied], group-by: [actor.name], timespan: 1h, condition: {gte: 3, field: objectRef.name}}";
    let with = |values: &[&'static str]| {
        values.iter().zip(0..).map(|(value, second)| (second, "denied", "eve", *value)).collect::<Vec<_>>()
    };
    check(&[names], &with(&["a", "b", "b", "a"]), &[]);
    check(&[names], &with(&["a", "b", "b", "c"]), &["3 C1 eve"]);
    check(&[names], &with(&["a", "b", "", "c"]), &["3 C1 eve"]);
    let pairs = names.replace("field: objectRef.name", "field: [objectRef.name, actor.name]");
    check(&[&pairs], &with(&["a", "b", "c"]), &["2 C1 eve"]);
}

#[test]
fn every_value_of_an_event_is_counted() {
    let names = "{type: value_count, rules: [denied], group-by: [actor.name], timespan: 1h, condition: {gte: 3, field: objectRef.name}}";
    let one = |values| [(0, "denied", "eve", values)];
    check(&[names], &one("a,b"), &[]);
    check(&[names], &one("a,b,b"), &[]);
    check(&[names], &one("a,b,c"), &["0 C1 eve"]);
    // Nor do those that come after the one that suffices undo it.
    check(&[names], &one("a,b,c,d"), &["0 C1 eve"]);
    check(&[names], &[(0, "denied", "eve", "a"), (1, "denied", "eve", "b,c,d,e")], &["1 C1 eve"]);
    // Of several fields every pair.
    let pairs = names.replace("field: objectRef.name", "field: [actor.name, objectRef.name]");
    check(&[&pairs], &one("a,b"), &[]);
    check(&[&pairs], &one("a,b,c,d"), &["0 C1 eve"]);
    check(&[&names.replace("gte: 3", "lt: 3")], &one("a,b,c"), &[]);
    // An event has one mean.
    let mean = "{type: value_avg, rules: [denied], timespan: 1h, condition: {gte: 5, field: objectRef.name}}";
    check(&[mean], &one("9,1,1"), &[]);
    check(&[mean], &one("1,1,20"), &["0 C1 C1"]);
}

#[test]
fn a_group_that_was_forgotten_is_not_judged_at_the_end_it_had() {
    let few = "{type: event_count, rules: [denied], group-by: [actor.name], timespan: 60s, condition: {lt: 3}}";
    let others: Vec<_> = (0..=2 * GROUPS_MAX).map(|number| number.to_string()).collect();
    let mut events = vec![(0, "denied", "eve", "x"), (0, "denied", "eve", "x")];
    events.extend(others.iter().map(|other| (1, "denied", other.as_str(), "x")));
    // She begins anew at 50, and what she did before is not known any more.
    events.push((50, "denied", "eve", "x"));
    let told = fired(&mut judge(&[few]), &events, 100_000);
    let eve: Vec<_> = told.iter().filter(|told| told.ends_with(" eve")).collect();
    assert_eq!(eve, ["110 C1 eve"]);
}

#[test]
fn sums_means_and_percentiles_are_of_numbers() {
    let of = |kind: &str, condition: &str| {
        format!("{{type: {kind}, rules: [denied], timespan: 1h, condition: {{{condition}, field: objectRef.name}}}}")
    };
    let with = |values: &[&'static str]| {
        values.iter().zip(0..).map(|(value, second)| (second, "denied", "eve", *value)).collect::<Vec<_>>()
    };
    check(&[&of("value_sum", "gte: 10")], &with(&["4", "no", "5.5", "0.5"]), &["3 C1 C1"]);
    check(&[&of("value_avg", "gt: 4")], &with(&["2", "4", "9"]), &["2 C1 C1"]);
    check(&[&of("value_median", "gte: 5")], &with(&["1", "5", "9"]), &["2 C1 C1"]);
    check(&[&of("value_percentile", "gte: 9, percentile: 90")], &with(&["1", "1", "1", "9"]), &["3 C1 C1"]);
    check(&[&of("value_avg", "lt: 4")], &with(&["2", "9"]), &[]);
    check(&[&of("value_avg", "lt: 4")], &with(&["2", "3"]), &["3600 C1 C1"]);
}

#[test]
fn what_more_could_undo_is_judged_when_the_span_is_over() {
    let few = "{type: event_count, rules: [denied], group-by: [actor.name], timespan: 60s, condition: {gte: 2, lt: 4}}";
    check(&[few], &each([0, 1], "denied", "eve"), &["60 C1 eve"]);
    check(&[few], &each([0, 1, 2, 3], "denied", "eve"), &[]);
    check(&[few], &each([0, 1, 70, 75], "denied", "eve"), &["60 C1 eve", "130 C1 eve"]);
    let not = "{type: temporal, rules: [denied, minted, executed], group-by: [actor.name], timespan: 60s, condition: denied and minted and not executed}";
    check(&[not], &[(0, "denied", "eve", ""), (1, "minted", "eve", "")], &["60 C1 eve"]);
    check(&[not], &[(0, "denied", "eve", ""), (1, "minted", "eve", ""), (2, "executed", "eve", "")], &[]);
}

#[test]
fn several_rules_fire_together_and_in_order() {
    let any = "{type: temporal, rules: [denied, minted], group-by: [actor.name], timespan: 60s}";
    let ordered = any.replace("temporal", "temporal_ordered");
    let (denied, minted) = ((0, "denied", "eve", ""), (5, "minted", "eve", ""));
    check(&[any], &[denied, minted], &["5 C1 eve"]);
    check(&[any], &[denied, (5, "minted", "bob", "")], &[]);
    check(&[any], &[denied, (60, "minted", "eve", "")], &[]);
    check(&[&ordered], &[denied, minted], &["5 C1 eve"]);
    check(&[&ordered], &[(0, "minted", "eve", ""), (5, "denied", "eve", "")], &[]);
    check(&[&ordered], &[(0, "minted", "eve", ""), (5, "denied", "eve", ""), (6, "minted", "eve", "")], &["6 C1 eve"]);
    let two = "{type: temporal, rules: [denied, minted, executed], group-by: [actor.name], timespan: 60s, condition: {gte: 2}}";
    check(&[two], &[denied, (1, "denied", "eve", "")], &[]);
    check(&[two], &[denied, minted], &["5 C1 eve"]);
    let or = "{type: temporal, rules: [denied, minted, executed], group-by: [actor.name], timespan: 60s, condition: denied and (minted or executed)}";
    check(&[or], &[minted, (6, "executed", "eve", "")], &[]);
    check(&[or], &[denied, (6, "executed", "eve", "")], &["6 C1 eve"]);
}

#[test]
fn correlations_are_counted_by_others_and_aliases_name_other_fields() {
    let three = "{type: event_count, rules: [denied], group-by: [actor.name], timespan: 60s, condition: {gte: 3}}";
    let chain = "{type: temporal_ordered, rules: [c1, minted], group-by: [actor.name], timespan: 1h}";
    let events = [each([0, 1, 2], "denied", "eve"), vec![(10, "minted", "eve", "")]].concat();
    check(&[three, chain], &events, &["10 C2 eve"]);
    check(&[&chain.replace("c1", "c2"), three], &events, &["10 C1 eve"]);
    check(&[three, &chain.replace("timespan", "generate: true, timespan")], &events, &["2 C1 eve", "10 C2 eve"]);
    let alias = "{type: temporal, rules: [denied, minted], aliases: {who: {denied: actor.name, minted: objectRef.name}}, group-by: [who], timespan: 60s}";
    check(&[alias], &[(0, "denied", "eve", "x"), (1, "minted", "bob", "eve")], &["1 C1 eve"]);
}

#[test]
fn memory_is_saved_bounded_and_kept_where_nothing_changed() {
    let three = "{type: event_count, rules: [denied], group-by: [actor.name], timespan: 60s, condition: {gte: 3}}";
    let mut before = judge(&[three]);
    assert!(fired(&mut before, &each([0, 1], "denied", "eve"), 1).is_empty());
    let memory = before.save().unwrap();
    let mut after = judge(&[three]);
    after.load(&memory).unwrap();
    assert_eq!(fired(&mut after, &each([2], "denied", "eve"), 2), ["2 C1 eve"]);
    let mut changed = judge(&[&three.replace("60s", "61s")]);
    changed.load(&memory).unwrap();
    assert!(fired(&mut changed, &each([2], "denied", "eve"), 2).is_empty());

    let few = three.replace("gte: 3", "lt: 3");
    let mut many = judge(&[&few]);
    let mut verdict = Findings::default();
    for number in 0..3 * GROUPS_MAX {
        let seen = Observation {
            what: observed_as("denied"),
            values: vec![("actor.name".into(), number.to_string())],
            once: None,
        };
        let event = EventRef { audit_id: String::new(), stage: String::new(), time: at(0), source: Arc::from("s") };
        many.judge(&case(at(0), &[&seen], &event), &mut verdict);
    }
    assert!(many.0[0].memory.groups.len() <= 2 * GROUPS_MAX && many.0[0].memory.closings.len() <= CLOSINGS_MAX);
}
