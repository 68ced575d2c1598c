//! Fields of a pod's containers and volumes.

use std::borrow::Cow;

use super::{VALUES_MAX, Value, json_text, picked, yes_or_no};
use crate::event::Raw;

/// What is read of each container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect::falco) enum Container {
    Name,
    Image,
    /// The image without tag and digest.
    Repository,
    /// `command` or `args`, joined by blanks.
    Words(&'static str),
    /// A key of its `securityContext`.
    Secured(&'static str),
    /// The same, or else the pod's, or else `0`.
    Effective(&'static str),
    AddedCapabilities,
    HostPorts,
}

/// What is read of each volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect::falco) enum Volume {
    HostPath,
    FlexDriver,
    /// Every key of it but its name.
    Kind,
}

/// A value for each container of a list, or several. A container without name or image makes these fields missing;
/// for the others it is passed over.
pub(super) fn read<'a>(body: Raw<'a>, list: &str, what: Container, index: Option<usize>) -> Option<Vec<Cow<'a, str>>> {
    let spec = body.get("spec")?;
    let containers = picked(spec.get(list)?, index);
    let secured = |container: Raw<'a>, key: &str| container.at(&["securityContext", key]).map(json_text);
    Some(match what {
        Container::Name => containers.map(|container| container.get("name").map(json_text)).collect::<Option<_>>()?,
        Container::Image => containers.map(|container| container.get("image").map(json_text)).collect::<Option<_>>()?,
        Container::Repository => {
            containers.map(|container| container.get("image").map(json_text).map(repository)).collect::<Option<_>>()?
        }
        Container::Words(key) => {
            let joined = |words: Raw<'a>| words.items().take(VALUES_MAX).map(json_text).collect::<Vec<_>>().join(" ");
            containers.filter_map(|container| container.get(key)).map(|words| Cow::Owned(joined(words))).collect()
        }
        Container::Secured(key) => containers.filter_map(|container| secured(container, key)).collect(),
        Container::Effective(key) => {
            let of_pod = secured(spec, key);
            let effective =
                |container| secured(container, key).or_else(|| of_pod.clone()).unwrap_or(Cow::Borrowed("0"));
            containers.map(effective).collect()
        }
        Container::AddedCapabilities => {
            let added = containers.filter_map(|container| container.at(&["securityContext", "capabilities", "add"]));
            added.flat_map(Raw::items).take(VALUES_MAX).map(json_text).collect()
        }
        Container::HostPorts => {
            let host_network = spec.get("hostNetwork").is_some_and(|value| value.bytes() == b"true");
            let ports = containers.filter_map(|container| container.get("ports")).flat_map(Raw::items).take(VALUES_MAX);
            let host_port =
                |port: Raw<'a>| port.get("hostPort").or_else(|| port.get("containerPort").filter(|_| host_network));
            ports.filter_map(host_port).map(json_text).collect()
        }
    })
}

/// An image without tag and digest. The colon of a registry's port is none of a tag.
fn repository(image: Cow<'_, str>) -> Cow<'_, str> {
    let name = image.find('@').unwrap_or(image.len());
    let last_part = image[..name].rfind('/').map_or(0, |slash| slash + 1);
    let end = image[last_part..name].find(':').map_or(name, |colon| last_part + colon);
    match image {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// Whether any container is privileged.
pub(super) fn any_privileged(body: Raw<'_>) -> Value<'_> {
    match read(body, "containers", Container::Secured("privileged"), None) {
        Some(values) => yes_or_no(values.iter().any(|value| value == "true")),
        None => Value::Missing,
    }
}

pub(super) fn volumes<'a>(body: Raw<'a>, what: Volume, index: Option<usize>) -> Option<Vec<Cow<'a, str>>> {
    let volumes = picked(body.at(&["spec", "volumes"])?, index);
    Some(match what {
        Volume::HostPath => {
            volumes.filter_map(|volume| volume.at(&["hostPath", "path"])).map(json_text).map(cleaned).collect()
        }
        Volume::FlexDriver => {
            volumes.filter_map(|volume| volume.at(&["flexVolume", "driver"])).map(json_text).collect()
        }
        Volume::Kind => {
            let kinds = volumes.flat_map(Raw::members).filter(|(key, _)| *key != "name").take(VALUES_MAX);
            kinds.map(|(key, _)| key.decode()).collect()
        }
    })
}

/// Whether a host path equals the pattern, or begins with what stands before its `*`.
pub(super) fn host_path_like<'a>(body: Raw<'a>, pattern: &str) -> Value<'a> {
    let Some(paths) = volumes(body, Volume::HostPath, None) else { return Value::Missing };
    let prefix = pattern.strip_suffix('*');
    yes_or_no(paths.iter().any(|path| prefix.is_some_and(|prefix| path.starts_with(prefix)) || path == pattern))
}

/// A path as the kubelet understands it: `/etc/`, `//etc` and `/proc/../etc` are `/etc`.
fn cleaned(path: Cow<'_, str>) -> Cow<'_, str> {
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let Some(relative) = path.strip_prefix('/') else { return path };
    if relative.is_empty() || !relative.split('/').any(odd) {
        return path;
    }
    let mut parts = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    Cow::Owned(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_all_but_tag_and_digest() {
        for (image, expected) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("registry.local:5000/team/app:v1", "registry.local:5000/team/app"),
            ("registry.local:5000/team/app", "registry.local:5000/team/app"),
            ("quay.io/a/b@sha256:00ff", "quay.io/a/b"),
            ("quay.io/a/b:1@sha256:00ff", "quay.io/a/b"),
            ("", ""),
        ] {
            assert_eq!(repository(Cow::Borrowed(image)), expected);
            assert_eq!(repository(Cow::Owned(image.to_owned())), expected);
        }
    }

    #[test]
    fn host_paths_are_compared_as_the_kubelet_understands_them() {
        for (path, expected) in
            [("/", "/"), ("/etc", "/etc"), ("/etc/", "/etc"), ("//etc/./x/..", "/etc"), ("/..", "/"), ("etc/", "etc/")]
        {
            assert_eq!(cleaned(Cow::Borrowed(path)), expected);
        }
    }
}
