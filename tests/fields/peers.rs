//! Events of others: Falco's traces, most of them by the schema of 2018.

#![allow(clippy::print_stderr)]

use std::path::PathBuf;

use gatecrier::enrich::field::Field;
use serde_json::json;

use super::{values, with_facts};

/// Falco's traces, or nothing, said, when they are not there. In CI they must be.
fn traces() -> Option<PathBuf> {
    let named = std::env::var_os("GATECRIER_SHARED").map(PathBuf::from);
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|folder| folder.join("shared"));
    let found =
        named.into_iter().chain(beside).map(|shared| shared.join("peers/falco/traces")).find(|traces| traces.is_dir());
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "shared/peers/falco is missing");
        eprintln!("passed over: there is no shared/peers/falco beside the repository");
    }
    found
}

#[test]
fn traces_mean_what_they_are_named_for() {
    let Some(traces) = traces() else { return };
    for (trace, field, expected) in [
        ("create_nginx_pod_privileged", "workload.privileged", json!([true])),
        ("create_nginx_pod_privileged_2nd_container", "workload.privileged", json!([true])),
        ("create_nginx_pod_unprivileged", "workload.privileged", json!([false])),
        ("create_nginx_pod_hostnetwork", "workload.host_network", json!([true])),
        ("create_nginx_pod_nohostnetwork", "workload.host_network", json!([false])),
        ("create_nginx_pod_sensitive_mount", "workload.host_path_risks", json!(["etc", "kubernetes"])),
        ("create_nginx_pod_sensitive_mount_2nd_container", "workload.host_path_risks", json!(["etc", "kubernetes"])),
        ("create_nginx_pod_unsensitive_mount", "workload.host_path_risks", json!([])),
        ("create_cluster_role_pod_exec", "grant.powers", json!(["exec"])),
        ("attach_cluster_admin_role", "grant.powers", json!(["everything"])),
        ("create_nginx_service_nodeport", "service.type", json!(["NodePort"])),
        ("create_nginx_service_nonodeport", "service.type", json!(["ClusterIP"])),
        ("exec_pod", "request.action", json!(["exec"])),
        ("attach_pod", "request.action", json!(["attach"])),
        ("create_deployment", "workload.kind", json!(["Deployment"])),
    ] {
        let text = std::fs::read(traces.join(format!("{trace}.json"))).unwrap();
        with_facts(&text, &mut |facts| {
            let found = values(&Field::named(field).unwrap(), facts);
            assert_eq!(serde_json::Value::from(found), expected, "{field} of {trace}");
        });
    }
}
