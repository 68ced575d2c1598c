//! SigmaHQ's Kubernetes audit rules, unmodified: each finds what its title says, and nothing beside it.

use std::path::{Path, PathBuf};

use super::{findings, loaded};
use gatecrier::detect::rules::{Lists, Rules};

/// The rules, when they are at hand; they keep their own licence and stay outside this repository.
fn rules() -> Option<Rules> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("GATECRIER_SHARED").map(PathBuf::from);
    let mut near = here.ancestors().map(|folder| folder.join("shared"));
    let folder = shared.or_else(|| near.find(|shared| shared.join("peers").is_dir()))?.join("peers/sigmahq/rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<_> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts.len(), 16);
    Some(Rules::new(&loaded(&texts, &Lists::new()).unwrap_or_else(|error| panic!("{error}"))))
}

/// An event of this verb, resource with subresource, group, and more of it.
fn event(verb: &str, what: &str, group: &str, more: &str) -> String {
    let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
    let subresource = if subresource.is_empty() { String::new() } else { format!(r#","subresource":"{subresource}""#) };
    let group = if group.is_empty() { String::new() } else { format!(r#","apiGroup":"{group}""#) };
    let more = match more {
        "" => r#""responseStatus":{"metadata":{},"code":200}"#.to_owned(),
        more if more.contains("responseStatus") => more.to_owned(),
        more => format!(r#"{more},"responseStatus":{{"metadata":{{}},"code":200}}"#),
    };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/x","verb":"{verb}","user":{{"username":"eve","groups":["system:authenticated"]}},"sourceIPs":["203.0.113.7"],"objectRef":{{"resource":"{resource}","namespace":"kube-system","name":"x"{group},"apiVersion":"v1"{subresource}}},{more},"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z"}}"#
    )
}

#[test]
fn each_finds_what_its_title_says_and_nothing_beside_it() {
    let Some(rules) = rules() else {
        assert!(std::env::var_os("CI").is_none(), "the rules are missing: set GATECRIER_SHARED");
        eprintln!("skipped: SigmaHQ's rules are not at hand, set GATECRIER_SHARED to the folder that holds `peers/`");
        return;
    };
    let allow = |more: &str| format!(r#"{more}"annotations":{{"authorization.k8s.io/decision":"allow"}}"#);
    let pod = |spec: &str| format!(r#""requestObject":{{"kind":"Pod","spec":{{{spec}}}}}"#);
    let in_system = "Creation Of Pod In System Namespace";
    let enumeration = "Kubernetes Potential Enumeration Activity";
    let cases: &[(String, &[&str])] = &[
        (
            event("patch", "validatingwebhookconfigurations", "admissionregistration.k8s.io", ""),
            &["Kubernetes Admission Controller Modification"],
        ),
        (
            event("deletecollection", "mutatingwebhookconfigurations", "admissionregistration.k8s.io", ""),
            &["Kubernetes Admission Controller Modification"],
        ),
        (event("get", "validatingwebhookconfigurations", "admissionregistration.k8s.io", ""), &[]),
        (event("create", "cronjobs", "batch", ""), &["Kubernetes CronJob/Job Modification"]),
        (event("update", "jobs/status", "batch", ""), &[]),
        (event("delete", "deployments", "apps", ""), &["Deployment Deleted From Kubernetes Cluster"]),
        (event("deletecollection", "deployments", "apps", ""), &["Deployment Deleted From Kubernetes Cluster"]),
        (event("delete", "events", "", ""), &["Kubernetes Events Deleted"]),
        (event("deletecollection", "events", "", ""), &["Kubernetes Events Deleted"]),
        (event("create", "pods/exec", "", ""), &["Potential Remote Command Execution In Pod Container"]),
        (event("get", "pods/exec", "", ""), &["Potential Remote Command Execution In Pod Container"]),
        (event("get", "pods/log", "", ""), &[]),
        (
            event("create", "pods", "", &pod(r#""volumes":[{"hostPath":{"path":"/"}}]"#)),
            &["Container With A hostPath Mount Created", in_system],
        ),
        (
            event("create", "pods", "", &pod(r#""containers":[{"securityContext":{"capabilities":{"add":["BPF"]}}}]"#)),
            &["Privileged Container Deployed", in_system],
        ),
        (event("create", "pods", "", &pod(r#""volumes":[{"emptyDir":{}}],"containers":[{"name":"x"}]"#)), &[in_system]),
        (event("create", "pods", "", "").replace("kube-system", "web"), &[]),
        (event("create", "pods/binding", "", ""), &[]),
        (event("create", "pods/eviction", "", ""), &[]),
        (
            event("get", "pods/exec", "", &allow("")).replace(
                "\"/x\"",
                r#""/api/v1/namespaces/kube-system/pods/x/exec?command=%2Fbin%2Fsh\u0026stdin=true""#,
            ),
            &["Potential Remote Command Execution In Pod Container", enumeration],
        ),
        (event("get", "namespaces", "", &allow(r#""userAgent":"TruffleHog","#)), &[enumeration]),
        (event("get", "namespaces", "", &allow(r#""userAgent":"kubectl","#)), &[]),
        (
            event(
                "get",
                "namespaces",
                "",
                r#""userAgent":"TruffleHog","annotations":{"authorization.k8s.io/decision":"forbid"}"#,
            ),
            &[],
        ),
        (
            event("create", "selfsubjectrulesreviews", "authorization.k8s.io", ""),
            &["RBAC Permission Enumeration Attempt"],
        ),
        (event("create", "rolebindings", "rbac.authorization.k8s.io", ""), &["Kubernetes Rolebinding Modification"]),
        (event("list", "rolebindings", "rbac.authorization.k8s.io", ""), &[]),
        (event("list", "secrets", "", ""), &["Kubernetes Secrets Enumeration"]),
        (event("patch", "secrets", "", ""), &["Kubernetes Secrets Modified or Deleted"]),
        (event("get", "secrets", "", ""), &[]),
        (event("create", "serviceaccounts", "", ""), &["New Kubernetes Service Account Created"]),
        (event("create", "serviceaccounts/token", "", ""), &[]),
        (event("patch", "deployments", "apps", ""), &["Potential Sidecar Injection Into Running Deployment"]),
        (event("patch", "deployments/status", "apps", ""), &[]),
        (event("update", "deployments/scale", "apps", ""), &[]),
        (
            event("get", "pods", "", r#""responseStatus":{"metadata":{},"code":403}"#),
            &["Kubernetes Unauthorized or Unauthenticated Access"],
        ),
        (event("get", "pods", "", r#""responseStatus":{"metadata":{},"code":404}"#), &[]),
    ];
    let mut fired = std::collections::BTreeSet::new();
    for (event, expected) in cases {
        let found = findings(&rules, event);
        let mut titles: Vec<_> = found.iter().map(|finding| finding.rule.title.as_str()).collect();
        titles.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(titles, expected, "{event}");
        for finding in &found {
            fired.insert(finding.rule.title.clone());
            assert!(finding.rule.credit.author.is_some(), "the licence wants the author named");
            assert!(
                !finding.rule.techniques.is_empty()
                    || finding.rule.title.contains("Modif")
                    || finding.rule.title.contains("Unauth"),
                "{finding:?}"
            );
        }
    }
    assert_eq!(fired.len(), 16, "{fired:?}");
}
