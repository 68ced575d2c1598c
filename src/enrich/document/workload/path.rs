//! Paths on a node, and what having them means.

/// What the folders and sockets of a node give to who has them, with the word for it.
const RISKS: &[(&str, &str)] = &[
    ("/run/docker.sock", "runtime-socket"),
    ("/run/dockershim.sock", "runtime-socket"),
    ("/run/cri-dockerd.sock", "runtime-socket"),
    ("/run/containerd", "runtime-socket"),
    ("/run/k3s/containerd", "runtime-socket"),
    ("/run/crio", "runtime-socket"),
    ("/run/podman", "runtime-socket"),
    ("/var/lib/docker", "runtime-data"),
    ("/var/lib/containerd", "runtime-data"),
    ("/var/lib/containers", "runtime-data"),
    ("/var/lib/kubelet", "kubelet"),
    ("/etc/kubernetes", "kubernetes"),
    ("/var/lib/rancher", "kubernetes"),
    ("/var/lib/etcd", "etcd"),
    ("/root", "home"),
    ("/home", "home"),
    ("/etc", "etc"),
    ("/proc", "kernel"),
    ("/sys", "kernel"),
    ("/dev", "kernel"),
    ("/boot", "kernel"),
    ("/bin", "programs"),
    ("/sbin", "programs"),
    ("/usr", "programs"),
    ("/lib/systemd", "programs"),
    ("/opt/cni", "programs"),
    ("/var/spool/cron", "programs"),
    // Links in it lead the kubelet, which reads logs as root, to any file.
    ("/var/log", "logs"),
];

/// Below the above, and harmless: time zones, certificates that everybody trusts.
const HARMLESS: &[&str] = &[
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/pki/ca-trust",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// The path without double and trailing slashes and dot segments.
pub(super) fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// What having a normal path means. What is above a dangerous place holds it too; `/` holds them all.
pub(super) fn risks(path: &str) -> Vec<&'static str> {
    let mut words = Vec::new();
    if path == "/" {
        words.push("root");
    }
    let path = match path.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/run{rest}"),
        _ => path.to_owned(),
    };
    if HARMLESS.iter().any(|harmless| within(&path, harmless)) {
        return words;
    }
    let found = RISKS.iter().filter(|(risky, _)| within(&path, risky) || within(risky, &path));
    words.extend(found.map(|(_, word)| word));
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether a path is a folder or in it.
fn within(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_through() {
        for (path, expected, words) in [
            ("/etc/", "/etc", vec!["etc", "kubernetes"]),
            ("//etc", "/etc", vec!["etc", "kubernetes"]),
            ("/proc/../etc/kubernetes/./pki", "/etc/kubernetes/pki", vec!["etc", "kubernetes"]),
            ("/var/run/docker.sock", "/var/run/docker.sock", vec!["runtime-socket"]),
            ("/var/run", "/var/run", vec!["runtime-socket"]),
            ("/run/containerd/containerd.sock", "/run/containerd/containerd.sock", vec!["runtime-socket"]),
            ("/etc/localtime", "/etc/localtime", vec![]),
            ("/etcetera", "/etcetera", vec![]),
            ("/data", "/data", vec![]),
            ("/var/lib", "/var/lib", vec!["etcd", "kubelet", "kubernetes", "runtime-data"]),
        ] {
            let normal = normal(path);
            assert_eq!((&*normal, risks(&normal)), (expected, words), "{path}");
        }
        assert!(risks(&normal("/../")).contains(&"root") && risks("/").contains(&"etcd"));
    }
}
