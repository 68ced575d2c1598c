//! Audit policies: every recorded decision of the API server's own tests, and the policies people have.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use gatecrier::config::Config;
use gatecrier::detect::needs::{Callers, Kind, Needs, Requests, Targets};
use gatecrier::policy::{self, Grade, Mistake, Policy, Request, Target, Verdict};
use gatecrier::yaml::Outline;
use gatecrier::{event, pipeline};
use serde_json::Value;

/// A sample from the folder beside the repository; nothing when it is not there, which is a failure where CI runs.
fn sample(name: &str) -> Option<String> {
    let above = PathBuf::from(std::env::var_os("GATECRIER_SHARED").unwrap_or("../shared".into()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root.ancestors().map(|folder| folder.join(&above)).find(|shared| shared.join("samples").is_dir());
    let beside = || root.ancestors().map(|folder| folder.join("shared")).find(|shared| shared.join("samples").is_dir());
    let Some(shared) = found.or_else(beside) else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the samples are missing: name their folder in GATECRIER_SHARED"
        );
        eprintln!("skipped: no folder with samples beside the repository");
        return None;
    };
    Some(std::fs::read_to_string(shared.join("samples").join(name)).unwrap())
}

#[track_caller]
fn parse(text: &str) -> (Policy, Vec<Mistake>) {
    policy::parse(text, &Outline::new(text, "policy.yaml".to_owned())).unwrap_or_else(|problem| panic!("{problem}"))
}

fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value[key].as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn every_recorded_decision_of_the_api_server_is_ours() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/policy_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 627);
    let mut read = std::collections::BTreeMap::new();
    for (index, vector) in vectors.iter().enumerate() {
        let policy = match vector["policy"].as_str() {
            Some(name) => {
                let known = read.entry(name.to_owned()).or_insert_with(|| sample(name).map(|text| parse(&text).0));
                let Some(policy) = known else { continue };
                policy.clone()
            }
            None => {
                let mut policy = vector["policy"].clone();
                policy["apiVersion"] = "audit.k8s.io/v1".into();
                policy["kind"] = "Policy".into();
                let (policy, mistakes) = parse(&policy.to_string());
                assert!(mistakes.is_empty(), "{mistakes:?}");
                policy
            }
        };
        let attributes = &vector["attrs"];
        let text = |key: &str| attributes[key].as_str().unwrap_or_default();
        let groups = texts(&attributes["user"], "groups");
        let target = match attributes["resourceRequest"].as_bool().unwrap() {
            true => Target::Resource {
                group: text("apiGroup"),
                resource: text("resource"),
                subresource: text("subresource"),
                namespace: text("namespace"),
                name: text("name"),
            },
            false => Target::Path(text("path")),
        };
        let request =
            Request { user: attributes["user"]["name"].as_str(), groups: &groups, verb: text("verb"), target };
        let decision = policy.decide(&request);
        assert_eq!(decision.level.word(), vector["expected_level"].as_str().unwrap(), "vector {index}: {request:?}");
    }
}

/// How the rules fare under a policy, by their ids.
fn sights(policy: &Policy) -> Vec<(String, policy::Coverage)> {
    let (ids, needs): (Vec<_>, Vec<_>) = pipeline::needs(&Config::default()).into_iter().unzip();
    ids.into_iter().zip(policy::coverage(policy, &needs)).collect()
}

#[track_caller]
fn sight(policy: &str, rule: &str) -> policy::Coverage {
    let (policy, mistakes) = parse(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{policy}"));
    assert!(mistakes.is_empty(), "{mistakes:?}");
    sights(&policy).into_iter().find(|(id, _)| id == rule).unwrap().1
}

#[test]
fn a_rule_sees_all_a_part_or_nothing_of_what_it_needs() {
    let all = "rules: [{level: Metadata}]";
    assert_eq!(sight(all, "unauthenticated-storm").verdict, Verdict::Always);
    assert_eq!(sight(all, "outside-trusted-networks").verdict, Verdict::Always);

    let no_start = "omitStages: [ResponseStarted]\nrules: [{level: Metadata}]";
    let storm = sight(no_start, "unauthenticated-storm");
    assert_eq!(storm.verdict, Verdict::Never, "a 401 has no other stage");
    assert!(storm.dark[0].stage_omitted);
    let outside = sight(no_start, "outside-trusted-networks");
    assert_eq!(outside.verdict, Verdict::Partial);
    assert_eq!(outside.dark[0].callers.some, ["callers whose authentication failed"]);
    assert_eq!(sight(no_start, "forbidden-storm").verdict, Verdict::Always, "long-running requests end as well");

    let no_kubelets = "rules: [{level: None, userGroups: ['system:nodes'], verbs: [get]}, {level: Metadata}]";
    let outside = sight(no_kubelets, "outside-trusted-networks");
    assert_eq!(outside.verdict, Verdict::Partial);
    assert_eq!((outside.dark[0].rule, &outside.dark[0].verbs.some[..]), (Some(0), &["get".to_owned()][..]));
    assert_eq!(sight(no_kubelets, "anonymous-success").verdict, Verdict::Always);

    let nobody = "rules: [{level: Metadata, users: [bob]}]";
    assert_eq!(sight(nobody, "anonymous-success").verdict, Verdict::Never);
    assert_eq!(sight(nobody, "unauthenticated-storm").verdict, Verdict::Never, "who fails to authenticate is nobody");
    assert_eq!(sight(nobody, "outside-trusted-networks").verdict, Verdict::Partial);

    let no_health = "rules: [{level: None, nonResourceURLs: [/livez, '/healthz/*']}, {level: Metadata}]";
    assert!(
        sight(no_health, "anonymous-success").dark.iter().all(|dark| dark.verbs.some.iter().all(|verb| verb != "get"))
    );
}

#[test]
fn under_the_generated_policy_every_rule_sees_all_and_no_credential_is_logged() {
    let rules: Vec<_> = pipeline::needs(&Config::default());
    let text = policy::generate(&rules);
    let outline = Outline::new(&text, "generated".to_owned());
    let (policy, mistakes) = parse(&text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert!(policy::lint(&policy, &outline).is_empty(), "{text}");
    for (id, coverage) in sights(&policy) {
        assert_eq!(coverage.verdict, Verdict::Always, "{id} under\n{text}");
    }
}

/// Rules on bodies, as rule files will have them.
#[test]
fn bodies_are_generated_for_the_rules_that_read_them_and_never_for_credentials() {
    let kind = |resource: &str, subresource: Option<&str>| Kind {
        group: None,
        resource: resource.to_owned(),
        subresource: subresource.map(str::to_owned),
    };
    let bodies = |kinds: Vec<Kind>, level: event::Level| {
        let verbs = ["create", "update", "patch"].map(str::to_owned).to_vec();
        let stages = vec![event::Stage::ResponseComplete];
        Needs(vec![Requests { callers: Callers::Anyone, verbs, targets: Targets::Resources(kinds), level, stages }])
    };
    let rules = [
        ("privileged-pod", bodies(vec![kind("pods", Some("")), kind("deployments", Some(""))], event::Level::Request)),
        ("new-role", bodies(vec![kind("clusterroles", None)], event::Level::RequestResponse)),
        ("secret-contents", bodies(vec![kind("secrets", Some(""))], event::Level::Request)),
        ("everything", Needs::everything()),
    ]
    .map(|(id, needs)| (id.to_owned(), needs));
    let text = policy::generate(&rules);
    let (policy, mistakes) = parse(&text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let needs: Vec<_> = rules.iter().map(|(_, needs)| needs.clone()).collect();
    let verdicts: Vec<_> = policy::coverage(&policy, &needs).into_iter().map(|coverage| coverage.verdict).collect();
    assert_eq!(verdicts, [Verdict::Always, Verdict::Always, Verdict::Never, Verdict::Always], "{text}");
    let told = policy::lint(&policy, &Outline::new(&text, "generated".to_owned()));
    assert!(told.iter().all(|mistake| mistake.check == "apply-with-bodies"), "{told:#?}");
}

#[test]
fn the_policies_people_have_are_judged_without_false_alarm() {
    let check = |name: &str, text: Option<String>, expected: &[(&str, &str)]| {
        let Some(text) = text else { return };
        let outline = Outline::new(&text, name.to_owned());
        let (policy, mut mistakes) = policy::parse(&text, &outline).unwrap();
        mistakes.extend(policy::lint(&policy, &outline));
        let mut found: Vec<_> = mistakes
            .iter()
            .filter(|mistake| mistake.grade != Grade::Note)
            .map(|mistake| (mistake.check, mistake.problem.line().unwrap().to_string()))
            .collect();
        found.sort();
        let found: Vec<_> = found.iter().map(|(check, line)| (*check, line.as_str())).collect();
        assert_eq!(found, expected, "{name}");
    };
    check("gce", sample("policies/gce_configure-helper.yaml"), &[("hidden-discovery", "41")]);
    // It means the core group's deployments, which do not exist, and logs ConfigMaps and tokens with their contents.
    let falco = [
        ("logged-credentials", "51"),
        ("logged-credentials", "60"),
        ("logged-credentials", "72"),
        ("resource-spelling", "13"),
    ];
    check("falco", sample("policies/falco_k8saudit.yaml"), &falco);
    let openshift =
        sample("policies/openshift_base-policy.yaml").zip(sample("policies/openshift_writerequestbodies-rules.yaml"));
    let openshift = openshift.map(|(base, rules)| base.replace("\n    ", "\n").trim_start().to_owned() + "\n" + &rules);
    let expected =
        [("hidden-discovery", "10"), ("logged-credentials", "39"), ("resource-spelling", "33"), ("unknown-key", "37")];
    check("openshift", openshift, &expected);
    let plain = sample("policies/kubespray.yaml.j2");
    let plain = plain.map(|text| {
        text.lines().filter(|line| !line.contains("{%") && !line.contains("{{")).collect::<Vec<_>>().join("\n")
    });
    check("kubespray", plain, &[("hidden-discovery", "57")]);
}
