use super::*;
use crate::alert::{Actor, Client, Request};

/// All that an entry goes by.
#[derive(Clone)]
struct Hit {
    client: Option<Client>,
    actor: Option<Actor>,
    request: Option<Request>,
    cluster: Arc<str>,
    time: Timestamp,
}

impl Hit {
    fn shown(&self) -> Shown<'_> {
        Shown { client: self.client.as_ref(), actor: self.actor.as_ref(), request: self.request.as_ref() }
    }
}

fn covering(entries: &Suppressions, rule: &str, hit: &Hit) -> bool {
    entries.covering(rule, hit.shown(), &hit.cluster, hit.time).is_some()
}

/// One request: who, as whom, from which zone, and what.
fn hit() -> Hit {
    let time = Timestamp::parse(b"2026-11-22T12:00:00.000000Z").unwrap();
    let client = Client {
        ip: Some("198.51.100.7".to_owned()),
        zone: Some("office".to_owned()),
        trusted: "true".to_owned(),
        scope: "public".to_owned(),
        forwarded: "none".to_owned(),
        peer: None,
        country: None,
        asn: None,
        as_org: None,
        place_date: None,
    };
    let actor = Actor {
        kind: "human".to_owned(),
        name: "alice".to_owned(),
        groups: Vec::new(),
        credential: None,
        impersonated: None,
        user_agent: Some("velero/1.14".to_owned()),
    };
    let text = str::to_owned;
    let request = Request {
        verb: text("get"),
        action: text("get"),
        resource: text("secrets"),
        api_group: String::new(),
        namespace: text("shop"),
        name: text("db"),
        uri: text("/api/v1/namespaces/shop/secrets/db"),
        outcome: text("success"),
        code: Some(200),
        command: None,
    };
    Hit { client: Some(client), actor: Some(actor), request: Some(request), cluster: "prod".into(), time }
}

fn entry(criteria: &str) -> Suppression {
    let yaml = format!("{{ {criteria}, reason: tried, author: bob, until: 2027-01-01 }}");
    serde_saphyr::from_str(&yaml).unwrap()
}

fn covers(criteria: &str, hit: &Hit) -> bool {
    covering(&Suppressions::new(&[entry(criteria)]).unwrap(), "secret-read", hit)
}

#[track_caller]
fn check(criteria: &str, hit: &Hit, expected: bool) {
    assert_eq!(covers(criteria, hit), expected, "{criteria}");
}

#[test]
fn every_criterion_must_fit() {
    let hit = hit();
    for fitting in [
        "rule: secret-read",
        "rule: secret-*, identity: alice, verb: get, action: get, resource: secrets, api_group: ''",
        "namespace: shop, zone: office, cluster: prod",
        "namespace: 'sh*', zone: 'off*'",
    ] {
        check(fitting, &hit, true);
    }
    for other in [
        "rule: secret-reads",
        "rule: Secret-read",
        "rule: secret-read, identity: Alice",
        "identity: ''",
        "verb: list",
        "action: list",
        "resource: secrets/status",
        "resource: secret",
        "api_group: apps",
        "namespace: ''",
        "namespace: sho",
        "zone: outside",
        "zone: unknown",
        "cluster: test",
        "impersonating: '*'",
    ] {
        check(other, &hit, false);
    }
}

#[test]
fn an_entry_ends_with_its_last_day() {
    let late = Hit { time: Timestamp::parse(b"2027-01-02T00:00:00.000000Z").unwrap(), ..hit() };
    check("rule: secret-read", &late, false);
}

#[test]
fn where_the_client_is_not_sure_it_is_in_no_network() {
    let at = |change: fn(&mut Client)| {
        let mut hit = hit();
        hit.client.as_mut().map(change);
        hit
    };
    let hidden = at(|client| (client.ip, client.zone, client.trusted) = (None, None, "unknown".to_owned()));
    let ambiguous = at(|client| client.forwarded = "ambiguous".to_owned());
    let unsure = at(|client| client.trusted = "unknown".to_owned());
    for hit in [&hidden, &ambiguous, &unsure] {
        check("zone: office", hit, false);
        check("zone: '*'", hit, false);
        check("zone: 'u*'", hit, false);
        check("zone: outside", hit, false);
        check("zone: unknown", hit, true);
    }
    let outside = at(|client| (client.zone, client.trusted) = (None, "false".to_owned()));
    check("zone: outside", &outside, true);
    check("zone: 'o*'", &outside, false);
    check("zone: unknown", &outside, false);
}

#[test]
fn who_acts_as_another_is_covered_only_where_that_is_named() {
    let mut acting = hit();
    acting.actor.as_mut().unwrap().impersonated = Some("system:admin".to_owned());
    check("identity: alice", &acting, false);
    check("identity: alice, impersonating: 'system:*'", &acting, true);
    check("identity: alice, impersonating: bob", &acting, false);
    check("rule: secret-read", &acting, true);
}

#[test]
fn what_no_request_raised_fits_no_criterion_of_requests() {
    let own = Hit { client: None, actor: None, request: None, ..hit() };
    check("rule: secret-read", &own, true);
    for criterion in ["identity: '*'", "verb: '*'", "resource: '*'", "namespace: '*'", "zone: '*'", "zone: unknown"] {
        check(criterion, &own, false);
    }
}

/// What a proposed entry covers of other hits.
fn proposed(hit: &Hit) -> Suppression {
    Suppression::proposed("secret-read", &hit.cluster, hit.shown(), hit.time).unwrap()
}

/// Changes one thing that an entry goes by.
type Change = fn(&mut Hit, &str);

const CHANGES: [Change; 7] = [
    |hit, text| hit.actor.as_mut().unwrap().name = text.to_owned(),
    |hit, text| hit.actor.as_mut().unwrap().impersonated = Some(text.to_owned()),
    |hit, text| hit.request.as_mut().unwrap().verb = text.to_owned(),
    |hit, text| hit.request.as_mut().unwrap().resource = text.to_owned(),
    |hit, text| hit.request.as_mut().unwrap().api_group = text.to_owned(),
    |hit, text| hit.request.as_mut().unwrap().namespace = text.to_owned(),
    |hit, text| hit.cluster = text.into(),
];

#[test]
fn a_proposed_entry_covers_its_own_and_nothing_else_whatever_was_written() {
    let hostile = [
        "*",
        "a*",
        "\\*",
        "a\\",
        "",
        "'",
        "\"",
        "}, rule: '*'",
        "# x",
        "a: b",
        "- x",
        "null",
        "~",
        "true",
        "12",
        "a\nb",
        "\t",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{fffd}",
        "😀",
        "%YAML",
        "&a",
        "*a",
        "!!str",
        "|",
        ">",
        "---",
    ];
    for text in hostile {
        for change in CHANGES {
            let mut odd = hit();
            change(&mut odd, text);
            let json = serde_json::to_string(&[proposed(&odd)]).unwrap();
            // As it is pasted: JSON is YAML.
            let pasted: Vec<Suppression> =
                serde_saphyr::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            let entries = Suppressions::new(&pasted).unwrap();
            assert!(covering(&entries, "secret-read", &odd), "{json}");
            assert!(!covering(&entries, "another", &odd), "{json}");
            for other in CHANGES {
                let mut elsewhere = odd.clone();
                other(&mut elsewhere, "another one");
                assert!(!covering(&entries, "secret-read", &elsewhere), "{json}");
            }
        }
    }
}

#[test]
fn what_is_longer_than_names_are_is_not_proposed() {
    let mut long = hit();
    long.actor.as_mut().unwrap().name = "x".repeat(300);
    assert_eq!(Suppression::proposed("secret-read", "prod", long.shown(), long.time), None);
}
