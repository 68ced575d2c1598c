//! One container: what it runs, and what it is allowed on its node.

use std::borrow::Cow;

use crate::enrich::field::walk;
use crate::event::Raw;

use super::super::json::Object;
use super::super::read::{at, flag, items, number, take, text, texts};
use super::image::Image;
use super::volume::Volumes;

/// What the pod says for containers that do not say it themselves.
#[derive(Debug, Default)]
pub(super) struct Defaults<'a> {
    run_as_user: Option<Raw<'a>>,
    run_as_non_root: Option<bool>,
    pub(super) host_process: Option<bool>,
    /// Protections that the pod turns off.
    pub(super) unconfined: Vec<&'static str>,
}

impl<'a> Defaults<'a> {
    pub(super) fn of(security: Option<Raw<'a>>, annotations: Option<Raw<'a>>) -> Self {
        let security = security.unwrap_or_default();
        let [user, non_root] = take(security, ["runAsUser", "runAsNonRoot"]);
        let mut unconfined = unconfined(security);
        unconfined.extend(unconfined_by_annotation(annotations.unwrap_or_default()));
        let host_process = flag(at(security, &["windowsOptions", "hostProcess"]));
        Self { run_as_user: number(user), run_as_non_root: flag(non_root), host_process, unconfined }
    }

    pub(super) fn asks_for_root(&self) -> bool {
        asks_for_root(self.run_as_user, self.run_as_non_root)
    }
}

fn asks_for_root(user: Option<Raw<'_>>, non_root: Option<bool>) -> bool {
    user.and_then(Raw::number) == Some(0.0) || non_root == Some(false)
}

/// Protections that a security context turns off.
fn unconfined(security: Raw<'_>) -> Vec<&'static str> {
    let is = |path: &[&str], word: &str| text(at(security, path)).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let all = [
        (is(&["seccompProfile", "type"], "Unconfined"), "seccomp"),
        (is(&["appArmorProfile", "type"], "Unconfined"), "apparmor"),
        (is(&["seLinuxOptions", "type"], "spc_t"), "selinux"),
        (is(&["procMount"], "Unmasked"), "proc-mount"),
    ];
    all.into_iter().filter_map(|(off, word)| off.then_some(word)).collect()
}

/// As it was written before there were fields for it.
fn unconfined_by_annotation(annotations: Raw<'_>) -> Vec<&'static str> {
    let off = annotations.members().filter(|(_, value)| value.text().is_some_and(|profile| profile == "unconfined"));
    let words = off.filter_map(|(key, _)| match &*key.decode() {
        key if key.starts_with("container.apparmor.security.beta.kubernetes.io/") => Some("apparmor"),
        key if key.starts_with("seccomp.security.alpha.kubernetes.io/") => Some("seccomp"),
        key if key.starts_with("container.seccomp.security.alpha.kubernetes.io/") => Some("seccomp"),
        _ => None,
    });
    words.collect()
}

/// The kernel parameters that a pod sets.
pub(super) fn sysctls(spec: Raw<'_>) -> Vec<String> {
    let set = items(at(spec, &["securityContext", "sysctls"]));
    set.filter_map(|sysctl| text(sysctl.get("name")).map(Cow::into_owned)).collect()
}

/// One container of any kind.
#[derive(Debug)]
pub(super) struct Container<'a> {
    kind: &'static str,
    raw: Raw<'a>,
    pub(super) image: Option<Cow<'a, str>>,
    pub(super) privileged: Option<bool>,
    pub(super) host_process: Option<bool>,
    pub(super) privilege_escalation: Option<bool>,
    /// Its own word, or the pod's where it says nothing.
    pub(super) asks_for_root: bool,
    pub(super) capabilities: Vec<String>,
    pub(super) unconfined: Vec<&'static str>,
    run_as_user: Option<Raw<'a>>,
    read_only_root: Option<bool>,
    env: Option<Raw<'a>>,
    env_from: Option<Raw<'a>>,
    ports: Option<Raw<'a>>,
}

impl<'a> Container<'a> {
    pub(super) fn of(kind: &'static str, raw: Raw<'a>, defaults: &Defaults<'a>) -> Self {
        let [image, security, env, env_from, ports] =
            take(raw, ["image", "securityContext", "env", "envFrom", "ports"]);
        let security = security.unwrap_or_default();
        let [privileged, user, non_root, escalation, capabilities, read_only] = take(
            security,
            [
                "privileged",
                "runAsUser",
                "runAsNonRoot",
                "allowPrivilegeEscalation",
                "capabilities",
                "readOnlyRootFilesystem",
            ],
        );
        let run_as_user = number(user).or(defaults.run_as_user);
        let non_root = flag(non_root).or(defaults.run_as_non_root);
        Self {
            kind,
            raw,
            image: text(image),
            privileged: flag(privileged),
            host_process: flag(at(security, &["windowsOptions", "hostProcess"])),
            privilege_escalation: flag(escalation),
            asks_for_root: asks_for_root(run_as_user, non_root),
            capabilities: texts(capabilities.and_then(|lists| lists.get("add")))
                .iter()
                .map(|name| capability(name))
                .collect(),
            unconfined: unconfined(security),
            run_as_user,
            read_only_root: flag(read_only),
            env,
            env_from,
            ports,
        }
    }

    /// The ports it takes on its node.
    pub(super) fn host_ports(&self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        items(self.ports).filter_map(|port| number(port.get("hostPort"))).filter(|port| port.number() != Some(0.0))
    }

    /// Names of the secrets in its environment.
    pub(super) fn secrets(&self) -> Vec<String> {
        let one = items(self.env).filter_map(|variable| text(at(variable, &["valueFrom", "secretKeyRef", "name"])));
        let all = items(self.env_from).filter_map(|source| text(at(source, &["secretRef", "name"])));
        one.chain(all).map(Cow::into_owned).collect()
    }

    pub(super) fn describe(&self, volumes: &Volumes<'_>) -> Object {
        let mut to = Object::default();
        let [name, command, args, mounts, stdin, tty, target] =
            take(self.raw, ["name", "command", "args", "volumeMounts", "stdin", "tty", "targetContainerName"]);
        to.text("kind", self.kind);
        to.maybe("name", text(name));
        if let Some(image) = self.image.as_deref() {
            Image::parse(image).describe(image, &mut to);
        }
        self.describe_security(&mut to);
        let (command, args) = (texts(command), texts(args));
        let line: Vec<_> = command.iter().chain(&args).map(|argument| &**argument).collect();
        if !line.is_empty() {
            to.text("line", &line.join(" "));
        }
        to.texts("command", &command);
        to.texts("args", &args);
        to.texts("hooks", self.hooks());
        to.objects("env", items(self.env).map(variable));
        to.texts("secrets", self.secrets());
        to.objects("mounts", items(mounts).map(|mount| volumes.mount(mount)));
        to.maybe_flag("stdin", flag(stdin));
        to.maybe_flag("tty", flag(tty));
        to.maybe("target", text(target));
        to
    }

    fn describe_security(&self, to: &mut Object) {
        to.flag("privileged", self.privileged == Some(true));
        to.flag("host_process", self.host_process == Some(true));
        to.maybe_flag("privilege_escalation", self.privilege_escalation);
        to.flag("run_as_root", self.asks_for_root);
        to.maybe_raw("run_as_user", self.run_as_user);
        to.maybe_flag("read_only_root", self.read_only_root);
        to.texts("capabilities", &self.capabilities);
        to.texts("unconfined", &self.unconfined);
        to.numbers("host_ports", self.host_ports());
    }

    /// The commands that the kubelet runs in it, each in one line.
    fn hooks(&self) -> Vec<String> {
        let parts = take(self.raw, ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]);
        let [lifecycle, liveness, readiness, startup] = parts.map(Option::unwrap_or_default);
        let events = ["postStart", "preStop"].map(|event| lifecycle.get(event).unwrap_or_default());
        let mut lines = Vec::new();
        for hook in events.into_iter().chain([liveness, readiness, startup]) {
            walk(hook, "exec.command", &mut |command| {
                lines.push(texts(Some(command)).join(" "));
                false
            });
        }
        lines
    }
}

/// As the kernel names it: in capitals, without the prefix that some write.
fn capability(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name)
}

fn variable(raw: Raw<'_>) -> Object {
    let mut variable = Object::default();
    let [name, value, from] = take(raw, ["name", "value", "valueFrom"]);
    variable.maybe("name", text(name));
    variable.maybe("value", text(value));
    let from = from.unwrap_or_default();
    variable.maybe("secret", text(at(from, &["secretKeyRef", "name"])));
    variable.maybe("config_map", text(at(from, &["configMapKeyRef", "name"])));
    variable
}
