//! `workload.*`: pods and everything that makes pods.

use crate::enrich::document::Document;
use crate::event::Level;

use super::{Entry, Kind, below};

const RISKS: &[&str] = &[
    "root",
    "runtime-socket",
    "runtime-data",
    "kubelet",
    "kubernetes",
    "etcd",
    "home",
    "etc",
    "kernel",
    "programs",
    "logs",
];

pub(super) fn rows() -> Vec<Entry> {
    let mut rows = Vec::new();
    for part in [what(), rights(), node(), contents(), containers()] {
        rows.extend(below(Document::Workload, Level::Request, part));
    }
    for entry in &mut rows {
        entry.values = match entry.name {
            "workload.from" => &["request", "patch", "response"],
            "workload.host_path_risks" => RISKS,
            "workload.unconfined" | "workload.containers.unconfined" => {
                &["seccomp", "apparmor", "selinux", "proc-mount"]
            }
            "workload.containers.kind" => &["container", "init", "ephemeral"],
            _ => &[],
        };
    }
    rows
}

type Rows = Vec<(&'static str, Kind, &'static str, &'static str)>;

fn what() -> Rows {
    use Kind::{Flag, Map, Number, Objects, Text};
    vec![
        (
            "workload.kind",
            Text,
            "DaemonSet",
            "the kind that is created, updated or patched: Pod, Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet, Job, CronJob, PodTemplate, PersistentVolume, or a custom kind with a pod template",
        ),
        (
            "workload.from",
            Text,
            "request",
            "where the pod spec was found: in the body, in a patch (what it writes only), or in the answer, which shows the whole of what a patch changed",
        ),
        ("workload.labels", Map, "app: web", "the object's labels"),
        ("workload.annotations", Map, "kubernetes.io/config.mirror: x", "the object's annotations"),
        ("workload.pod_labels", Map, "app: web", "the labels of the pods it makes"),
        ("workload.pod_annotations", Map, "sidecar.istio.io/inject: true", "the annotations of the pods it makes"),
        ("workload.owners", Objects, "kind: ReplicaSet", "what owns it"),
        ("workload.owners.kind", Text, "ReplicaSet", "the owner's kind"),
        ("workload.owners.name", Text, "web-7d9f", "the owner's name"),
        ("workload.owners.controller", Flag, "true", "the owner controls it"),
        ("workload.controlled", Flag, "false", "a controller made it and keeps it; anybody may claim so"),
        ("workload.mirror", Flag, "true", "it mirrors a static pod, which the kubelet runs from a file"),
        ("workload.replicas", Number, "3", "how many pods it makes"),
        ("workload.schedule", Text, "*/5 * * * *", "when a CronJob runs"),
    ]
}

fn rights() -> Rows {
    use Kind::{Flag, Numbers, Text, Texts};
    vec![
        ("workload.privileged", Flag, "true", "any container is privileged"),
        ("workload.host_network", Flag, "true", "it shares its node's network"),
        ("workload.host_pid", Flag, "true", "it sees its node's processes"),
        ("workload.host_ipc", Flag, "true", "it shares its node's memory segments"),
        ("workload.host_users", Flag, "true", "whether it uses its node's user ids, when it says so"),
        ("workload.host_process", Flag, "true", "any container is a Windows host process"),
        ("workload.host_ports", Numbers, "6443", "the ports that containers take on the node"),
        (
            "workload.host_paths",
            Texts,
            "/var/lib/kubelet",
            "the folders and sockets of the node that it mounts, without double slashes and dot segments; of a PersistentVolume too",
        ),
        (
            "workload.host_path_risks",
            Texts,
            "runtime-socket",
            "what having these paths means: they are, are in, or hold a dangerous place",
        ),
        (
            "workload.capabilities",
            Texts,
            "SYS_ADMIN",
            "the capabilities that containers add, in capitals and without `CAP_`",
        ),
        (
            "workload.run_as_root",
            Flag,
            "true",
            "the pod or any container asks to run as root: user 0, or `runAsNonRoot: false`",
        ),
        ("workload.privilege_escalation", Flag, "true", "any container asks for it"),
        ("workload.unconfined", Texts, "seccomp", "protections that the pod or a container turns off"),
        ("workload.shared_processes", Flag, "true", "its containers see each other's processes"),
        ("workload.sysctls", Texts, "kernel.core_pattern", "the kernel parameters it sets"),
        ("workload.service_account", Text, "default", "the service account it runs as"),
        ("workload.automount", Flag, "true", "whether the service account's token is mounted, when it says so"),
    ]
}

fn node() -> Rows {
    use Kind::{Flag, Map, Objects, Text};
    vec![
        ("workload.node_name", Text, "control-plane-1", "the node it is put on past the scheduler"),
        ("workload.node_selector", Map, "kubernetes.io/os: linux", "the labels its nodes must have"),
        (
            "workload.selects_control_plane",
            Flag,
            "true",
            "it asks for nodes of the control plane, by selector or affinity",
        ),
        (
            "workload.tolerates_control_plane",
            Flag,
            "true",
            "it tolerates the control plane's taint, by name or with all taints",
        ),
        ("workload.tolerations", Objects, "operator: Exists", "the taints it tolerates"),
        ("workload.tolerations.key", Text, "node-role.kubernetes.io/control-plane", "the taint's key"),
        ("workload.tolerations.operator", Text, "Exists", "`Exists` or `Equal`"),
        ("workload.tolerations.value", Text, "gpu", "the taint's value"),
        ("workload.tolerations.effect", Text, "NoSchedule", "the taint's effect"),
        ("workload.runtime_class", Text, "gvisor", "the runtime class"),
        ("workload.priority_class", Text, "system-node-critical", "the priority class"),
        ("workload.scheduler", Text, "default-scheduler", "the scheduler"),
    ]
}

fn contents() -> Rows {
    use Kind::{Numbers, Objects, Text, Texts};
    vec![
        ("workload.images", Texts, "nginx:1.27", "the images of all containers"),
        ("workload.secrets", Texts, "db-password", "names of the secrets that it mounts or has in its environment"),
        ("workload.pull_secrets", Texts, "registry", "names of the secrets that its images are pulled with"),
        ("workload.token_audiences", Texts, "vault", "the audiences of projected tokens"),
        ("workload.volume_kinds", Texts, "hostPath", "the kinds of its volumes, as the API names them"),
        ("workload.volumes", Objects, "kind: secret", "its volumes"),
        ("workload.volumes.name", Text, "data", "the volume's name"),
        ("workload.volumes.kind", Text, "hostPath", "the volume's kind, as the API names it"),
        ("workload.volumes.path", Text, "/etc", "the folder of a hostPath"),
        ("workload.volumes.secrets", Texts, "db-password", "names of the secrets in it"),
        ("workload.volumes.config_map", Text, "settings", "name of the config map in it"),
        ("workload.volumes.claim", Text, "data-0", "name of the claim it stands for"),
        ("workload.volumes.driver", Text, "csi.example.com", "the CSI or other driver"),
        ("workload.volumes.token_audiences", Texts, "vault", "the audiences of tokens in it"),
        ("workload.volumes.token_seconds", Numbers, "3607", "how long tokens in it are good, seconds"),
    ]
}

fn containers() -> Rows {
    use Kind::{Flag, Number, Numbers, Objects, Text, Texts};
    vec![
        (
            "workload.containers",
            Objects,
            "privileged: true",
            "its containers of all three kinds; an array block looks at one at a time",
        ),
        ("workload.containers.kind", Text, "init", "which kind of container it is"),
        ("workload.containers.name", Text, "app", "the container's name"),
        ("workload.containers.image", Text, "ghcr.io/org/app:v1", "the image as written"),
        ("workload.containers.registry", Text, "ghcr.io", "the image's registry; `docker.io` when it names none"),
        ("workload.containers.repository", Text, "org/app", "the image's path in its registry"),
        ("workload.containers.tag", Text, "v1", "the image's tag; `latest` without tag and digest"),
        ("workload.containers.digest", Text, "sha256:9f86…", "the image's digest"),
        ("workload.containers.privileged", Flag, "true", "it is privileged"),
        ("workload.containers.host_process", Flag, "true", "it is a Windows host process"),
        ("workload.containers.privilege_escalation", Flag, "true", "whether it may gain privileges, when it says so"),
        ("workload.containers.run_as_root", Flag, "true", "it asks to run as root, itself or by the pod's word"),
        ("workload.containers.run_as_user", Number, "0", "the user id it asks for, itself or by the pod's word"),
        (
            "workload.containers.read_only_root",
            Flag,
            "true",
            "whether its root file system is read-only, when it says so",
        ),
        (
            "workload.containers.capabilities",
            Texts,
            "NET_ADMIN",
            "the capabilities it adds, in capitals and without `CAP_`",
        ),
        ("workload.containers.unconfined", Texts, "apparmor", "protections it turns off"),
        ("workload.containers.host_ports", Numbers, "6443", "the ports it takes on the node"),
        ("workload.containers.command", Texts, "/bin/sh", "its command, which replaces the image's"),
        ("workload.containers.args", Texts, "-c", "its arguments, which replace the image's"),
        ("workload.containers.line", Text, "/bin/sh -c id", "command and arguments in one line"),
        (
            "workload.containers.hooks",
            Texts,
            "/bin/sh -c id",
            "the commands of its probes and of its start and stop, each in one line",
        ),
        ("workload.containers.env", Objects, "name: TOKEN", "its environment"),
        ("workload.containers.env.name", Text, "TOKEN", "the variable's name"),
        ("workload.containers.env.value", Text, "debug", "the variable's value, when it stands there"),
        ("workload.containers.env.secret", Text, "db-password", "name of the secret that the value comes from"),
        ("workload.containers.env.config_map", Text, "settings", "name of the config map that the value comes from"),
        ("workload.containers.secrets", Texts, "db-password", "names of the secrets in its environment"),
        ("workload.containers.mounts", Objects, "read_only: false", "its mounts"),
        ("workload.containers.mounts.name", Text, "data", "the volume's name"),
        ("workload.containers.mounts.path", Text, "/host", "where it is mounted"),
        ("workload.containers.mounts.host_path", Text, "/etc", "the folder of the node it shows"),
        ("workload.containers.mounts.read_only", Flag, "true", "it is mounted read-only"),
        ("workload.containers.mounts.propagation", Text, "Bidirectional", "whether mounts go out to the node"),
        ("workload.containers.stdin", Flag, "true", "whether it has an input, when it says so"),
        ("workload.containers.tty", Flag, "true", "whether it has a terminal, when it says so"),
        ("workload.containers.target", Text, "app", "the container whose processes an ephemeral one shares"),
    ]
}
