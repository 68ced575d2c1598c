//! The table of fields: 100 of the audit log (`ka.…`), the JSON pointers, and a few of the engine's own.

use super::get::{Container, Get, Pointer, Volume};

/// A field with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) get: Get,
    /// It gives a list of texts, not one text.
    pub(super) is_list: bool,
}

/// Which arguments a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A number, or nothing.
    Index,
    /// A text, always.
    Key,
}

/// The argument as given: the index, and the key.
#[derive(Debug, Clone, Default)]
struct Given {
    index: Option<usize>,
    key: String,
}

type Make = fn(&Given) -> Get;

/// One line of the table.
struct Line(&'static str, Takes, bool, Make);

const TEXT: bool = false;
const LIST: bool = true;

use Takes::{Index, Key, Nothing};

#[rustfmt::skip]
const TABLE: &[Line] = &[
    Line("ka.auditid", Nothing, TEXT, |_| Get::AuditId),
    Line("ka.stage", Nothing, TEXT, |_| Get::Stage),
    Line("ka.verb", Nothing, TEXT, |_| Get::Verb),
    Line("ka.uri", Nothing, TEXT, |_| Get::Uri),
    Line("ka.uri.param", Key, TEXT, |given| Get::UriParameter(given.key.clone())),
    Line("ka.useragent", Nothing, TEXT, |_| Get::UserAgent),
    Line("ka.sourceips", Index, LIST, |given| Get::SourceIps(given.index)),
    Line("ka.auth.decision", Nothing, TEXT, |_| Get::Annotation("authorization.k8s.io/decision")),
    Line("ka.auth.reason", Nothing, TEXT, |_| Get::Annotation("authorization.k8s.io/reason")),
    Line("ka.auth.openshift.decision", Nothing, TEXT, |_| Get::Annotation("authentication.openshift.io/decision")),
    Line("ka.auth.openshift.username", Nothing, TEXT, |_| Get::Annotation("authentication.openshift.io/username")),
    Line("ka.validations.admission.policy.failure", Nothing, TEXT, |_| Get::Annotation("validation.policy.admission.k8s.io/validation_failure")),
    Line("ka.security.pod.violations", Nothing, TEXT, |_| Get::Annotation("pod-security.kubernetes.io/audit-violations")),
    Line("ka.cluster.name", Nothing, TEXT, |_| Get::Annotation("cluster_name")),
    Line("ka.user.name", Nothing, TEXT, |_| Get::UserName),
    Line("ka.user.groups", Nothing, LIST, |_| Get::UserGroups),
    Line("ka.impuser.name", Nothing, TEXT, |_| Get::ImpersonatedName),
    Line("ka.target.name", Nothing, TEXT, |_| Get::TargetName),
    Line("ka.target.namespace", Nothing, TEXT, |_| Get::TargetNamespace),
    Line("ka.target.resource", Nothing, TEXT, |_| Get::TargetResource),
    Line("ka.target.subresource", Nothing, TEXT, |_| Get::TargetSubresource),
    Line("ka.target.pod.name", Nothing, TEXT, |_| Get::CreatedPodName),
    Line("ka.req.binding.subjects", Nothing, LIST, |_| Get::RequestItems(&["subjects"])),
    Line("ka.req.binding.subjects.user_names", Nothing, LIST, |_| Get::SubjectNames("User")),
    Line("ka.req.binding.subjects.group_names", Nothing, LIST, |_| Get::SubjectNames("Group")),
    Line("ka.req.binding.subjects.serviceaccount_names", Nothing, LIST, |_| Get::SubjectNames("ServiceAccount")),
    Line("ka.req.binding.subjects.serviceaccount_ns_names", Nothing, LIST, |_| Get::SubjectServiceAccounts),
    Line("ka.req.binding.subject.has_name", Key, TEXT, |given| Get::HasSubject(given.key.clone())),
    Line("ka.req.binding.role", Nothing, TEXT, |_| Get::Request(&["roleRef", "name"])),
    Line("ka.req.configmap.name", Nothing, TEXT, |_| Get::TargetName),
    Line("ka.req.configmap.obj", Nothing, TEXT, |_| Get::Request(&["data"])),
    Line("ka.req.role.rules", Nothing, LIST, |_| Get::RequestItems(&["rules"])),
    Line("ka.req.role.rules.apiGroups", Index, LIST, |given| Get::RoleRules("apiGroups", given.index)),
    Line("ka.req.role.rules.resources", Index, LIST, |given| Get::RoleRules("resources", given.index)),
    Line("ka.req.role.rules.verbs", Index, LIST, |given| Get::RoleRules("verbs", given.index)),
    Line("ka.req.role.rules.nonResourceURLs", Index, LIST, |given| Get::RoleRules("nonResourceURLs", given.index)),
    Line("ka.req.service.type", Nothing, TEXT, |_| Get::Request(&["spec", "type"])),
    Line("ka.req.service.ports", Index, LIST, |given| Get::ServicePorts(given.index)),
    Line("ka.req.pod.host_ipc", Nothing, TEXT, |_| Get::Request(&["spec", "hostIPC"])),
    Line("ka.req.pod.host_network", Nothing, TEXT, |_| Get::Request(&["spec", "hostNetwork"])),
    Line("ka.req.container.host_network", Nothing, TEXT, |_| Get::Request(&["spec", "hostNetwork"])),
    Line("ka.req.pod.host_pid", Nothing, TEXT, |_| Get::Request(&["spec", "hostPID"])),
    Line("ka.req.pod.run_as_user", Nothing, TEXT, |_| Get::Request(&["spec", "securityContext", "runAsUser"])),
    Line("ka.req.pod.run_as_group", Nothing, TEXT, |_| Get::Request(&["spec", "securityContext", "runAsGroup"])),
    Line("ka.req.pod.fs_group", Nothing, TEXT, |_| Get::Request(&["spec", "securityContext", "fsGroup"])),
    Line("ka.req.pod.supplemental_groups", Nothing, LIST, |_| Get::RequestItems(&["spec", "securityContext", "supplementalGroups"])),
    Line("ka.req.pod.volumes.hostpath", Index, LIST, |given| Get::Volumes(Volume::HostPath, given.index)),
    Line("ka.req.pod.volumes.flexvolume_driver", Index, LIST, |given| Get::Volumes(Volume::FlexDriver, given.index)),
    Line("ka.req.pod.volumes.volume_type", Index, LIST, |given| Get::Volumes(Volume::Kind, given.index)),
    Line("ka.req.volume.hostpath", Key, TEXT, |given| Get::HostPathLike(given.key.clone())),
    Line("ka.req.container.image", Nothing, TEXT, |_| Get::First(Container::Image)),
    Line("ka.req.container.image.repository", Nothing, TEXT, |_| Get::First(Container::Repository)),
    Line("ka.req.container.privileged", Nothing, TEXT, |_| Get::AnyPrivileged),
    Line("ka.resp.name", Nothing, TEXT, |_| Get::ResponseName),
    Line("ka.response.code", Nothing, TEXT, |_| Get::Status("code")),
    Line("ka.response.reason", Nothing, TEXT, |_| Get::Status("reason")),
    Line("json.value", Key, TEXT, |given| Get::Pointer(Pointer::new(&given.key))),
    Line("jevt.value", Key, TEXT, |given| Get::Pointer(Pointer::new(&given.key))),
    Line("json.obj", Nothing, TEXT, |_| Get::Whole),
    Line("jevt.obj", Nothing, TEXT, |_| Get::Whole),
    Line("json.rawtime", Nothing, TEXT, |_| Get::RawTime),
    Line("jevt.rawtime", Nothing, TEXT, |_| Get::RawTime),
    Line("evt.rawtime", Nothing, TEXT, |_| Get::RawTime),
    Line("evt.time", Nothing, TEXT, |_| Get::Time),
    Line("evt.time.iso8601", Nothing, TEXT, |_| Get::Time),
    Line("evt.datetime", Nothing, TEXT, |_| Get::Time),
    Line("evt.source", Nothing, TEXT, |_| Get::Fixed("k8s_audit")),
    Line("evt.type", Nothing, TEXT, |_| Get::Fixed("pluginevent")),
    Line("evt.pluginname", Nothing, TEXT, |_| Get::Fixed("k8saudit")),
];

/// What follows the name of one of a pod's lists of containers.
const CONTAINER: &[(&str, Container)] = &[
    ("name", Container::Name),
    ("image", Container::Image),
    ("image.repository", Container::Repository),
    ("command", Container::Words("command")),
    ("args", Container::Words("args")),
    ("privileged", Container::Secured("privileged")),
    ("allow_privilege_escalation", Container::Secured("allowPrivilegeEscalation")),
    ("read_only_fs", Container::Secured("readOnlyRootFilesystem")),
    ("run_as_user", Container::Secured("runAsUser")),
    ("run_as_group", Container::Secured("runAsGroup")),
    ("eff_run_as_user", Container::Effective("runAsUser")),
    ("eff_run_as_group", Container::Effective("runAsGroup")),
    ("proc_mount", Container::Secured("procMount")),
    ("add_capabilities", Container::AddedCapabilities),
    ("host_port", Container::HostPorts),
];

/// A pod's lists of containers.
const CONTAINER_LISTS: &[&str] = &["containers", "initContainers", "ephemeralContainers"];

/// Finds a field.
///
/// # Errors
/// What is wrong, and the way out.
pub(super) fn find(name: &str, argument: Option<&str>) -> Result<Field, (String, String)> {
    if let Some((list, what)) = container_field(name) {
        let given = given(name, Index, argument)?;
        return Ok(Field { get: Get::Containers(list, what, given.index), is_list: true });
    }
    let Some(Line(_, takes, is_list, make)) = TABLE.iter().find(|line| line.0 == name) else {
        return Err(unknown(name));
    };
    let given = given(name, *takes, argument)?;
    Ok(Field { get: make(&given), is_list: *is_list })
}

/// The longest field name that `text` begins with, for outputs.
pub(super) fn longest_prefix(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_')));
    let mut name = &text[..end.unwrap_or(text.len())];
    loop {
        if container_field(name).is_some() || TABLE.iter().any(|line| line.0 == name) {
            return Some(name);
        }
        let cut = name.char_indices().next_back()?.0;
        name = &name[..cut];
    }
}

fn container_field(name: &str) -> Option<(&'static str, Container)> {
    let (list, what) = name.strip_prefix("ka.req.pod.")?.split_once('.')?;
    let list = CONTAINER_LISTS.iter().find(|known| **known == list)?;
    // Ephemeral containers have no ports.
    let (_, what) = CONTAINER.iter().find(|(known, _)| *known == what)?;
    (!(*list == "ephemeralContainers" && *what == Container::HostPorts)).then_some((list, *what))
}

fn given(name: &str, takes: Takes, argument: Option<&str>) -> Result<Given, (String, String)> {
    match (takes, argument) {
        (Nothing, Some(_)) => Err((format!("`{name}` takes no argument"), "take out the brackets".to_owned())),
        (Key, None | Some("")) => {
            Err((format!("`{name}` needs an argument"), format!("write it in brackets, such as `{name}[…]`")))
        }
        (Nothing, None) | (Index, None) => Ok(Given::default()),
        (Index, Some(text)) => {
            let canonical = text == "0" || !text.starts_with('0');
            let number = text.parse().ok().filter(|_| canonical && text.bytes().all(|byte| byte.is_ascii_digit()));
            let wrong = || (format!("`{text}` is no index"), "write a number from 0, without leading zeros".to_owned());
            number.map(|index| Given { index: Some(index), key: String::new() }).ok_or_else(wrong)
        }
        (Key, Some(key)) => Ok(Given { index: None, key: key.to_owned() }),
    }
}

fn unknown(name: &str) -> (String, String) {
    let advice = match name.split('.').next() {
        Some("ka") => "docs/falco.md lists the fields".to_owned(),
        Some("jevt" | "json") => "there are jevt.value[/pointer], jevt.obj and jevt.rawtime".to_owned(),
        Some("evt") => "of evt.* there are time, rawtime, datetime, source, type and pluginname".to_owned(),
        _ => "fields of the audit log begin with ka. or jevt.; other sources are not read".to_owned(),
    };
    (format!("there is no field `{name}`"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_hundred_fields_of_the_audit_log() {
        let plain = TABLE.iter().filter(|line| line.0.starts_with("ka."));
        let of_containers = CONTAINER_LISTS.len() * CONTAINER.len() - 1;
        assert_eq!(plain.count() + of_containers, 100);
    }

    #[test]
    fn arguments_are_checked() {
        for (name, argument, right) in [
            ("ka.verb", None, true),
            ("ka.verb", Some("x"), false),
            ("ka.uri.param", None, false),
            ("ka.uri.param", Some("command"), true),
            ("ka.req.pod.containers.image", None, true),
            ("ka.req.pod.containers.image", Some("0"), true),
            ("ka.req.pod.containers.image", Some("01"), false),
            ("ka.req.pod.containers.image", Some("-1"), false),
            ("ka.req.pod.initContainers.host_port", None, true),
            ("ka.req.pod.ephemeralContainers.host_port", None, false),
            ("ka.nothing", None, false),
            ("proc.name", None, false),
        ] {
            assert_eq!(find(name, argument).is_ok(), right, "{name}");
        }
    }
}
