//! What lies in `deploy/`: it can be read, its configurations are right, and its containers may do nothing they need not.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use gatecrier::config::Config;
use serde_json::{Value, json};

/// Where Secrets are mounted.
const SECRETS: &str = "/etc/gatecrier-secrets";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Every document of every manifest, with its file's name.
fn documents() -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")) {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => {
                for text in text.split("\n---\n") {
                    let read = serde_saphyr::from_str(text);
                    documents.push((name.clone(), read.unwrap_or_else(|error| panic!("{name}: {error}"))));
                }
            }
            Some("json") => documents.push((name.clone(), serde_json::from_str(&text).unwrap())),
            _ => {}
        }
    }
    assert!(documents.len() > 5, "deploy/ is not where it was");
    documents
}

/// What every pod is made from, with its file's name.
fn pods() -> Vec<(String, Value)> {
    let spec = |(name, document): (String, Value)| match document["kind"].as_str() {
        Some("Pod") => Some((name, document["spec"].clone())),
        Some("DaemonSet" | "Deployment" | "StatefulSet") => Some((name, document["spec"]["template"]["spec"].clone())),
        _ => None,
    };
    documents().into_iter().filter_map(spec).collect()
}

#[test]
fn configurations_in_config_maps_are_right() {
    let mut count = 0;
    for (name, document) in documents() {
        let Some(maps) = document["data"].as_object().filter(|_| document["kind"] == "ConfigMap") else { continue };
        for (key, text) in maps {
            let secrets = tempfile::tempdir().unwrap();
            let text = text.as_str().unwrap().replace(SECRETS, secrets.path().to_str().unwrap());
            // What the Secret that is mounted there holds.
            for file in ["tls.crt", "tls.key", "token"] {
                std::fs::write(secrets.path().join(file), "x").unwrap();
            }
            let config = Config::from_str(&text, key).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(config.state, Path::new("/var/lib/gatecrier"), "{name}");
            count += 1;
        }
    }
    assert!(count >= 3, "{count} configurations");
}

#[test]
fn containers_may_do_nothing_they_need_not() {
    let pods = pods();
    assert!(pods.len() >= 5);
    for (name, spec) in pods {
        let is_patch = name.contains("strategic");
        for container in spec["containers"].as_array().unwrap() {
            let of_container = &container["securityContext"];
            assert_eq!(of_container["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(of_container["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(of_container["capabilities"], json!({"drop": ["ALL"]}), "{name}");
            let seccomp = [&of_container["seccompProfile"], &spec["securityContext"]["seccompProfile"]];
            assert!(seccomp.contains(&&json!({"type": "RuntimeDefault"})), "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            assert!(container["readinessProbe"].is_object() && container["livenessProbe"].is_object(), "{name}");
            assert_eq!(container["args"], json!(["run", "-c", "/etc/gatecrier/gatecrier.yaml"]), "{name}");
        }
        // The patched pod is the API server's, which has its own.
        assert!(is_patch || spec["automountServiceAccountToken"] == false, "{name}");
        let reads_the_node = spec["volumes"].to_string().contains("hostPath");
        assert!(reads_the_node || spec["securityContext"]["runAsNonRoot"] == true, "{name}");
        for volume in spec["volumes"].as_array().unwrap().iter().filter(|volume| volume["hostPath"].is_object()) {
            let mounts = spec["containers"][0]["volumeMounts"].as_array().unwrap();
            let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap();
            let is_state = mount["mountPath"] == "/var/lib/gatecrier";
            assert!(is_state || mount["readOnly"] == true, "{name}: {mount}");
        }
    }
}

#[test]
fn what_is_mounted_is_there_and_the_log_is_where_it_is_read() {
    for (name, spec) in pods() {
        let mut volumes: Vec<&Value> =
            spec["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
        let state = json!("state");
        volumes.push(&state);
        let mounts = spec["containers"][0]["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().all(|mount| volumes.contains(&&mount["name"])), "{name}");
        let paths: Vec<&str> = mounts.iter().map(|mount| mount["mountPath"].as_str().unwrap()).collect();
        assert!(paths.contains(&"/etc/gatecrier") && paths.contains(&"/var/lib/gatecrier"), "{name}");
    }
}
