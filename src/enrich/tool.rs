//! The program behind a user agent. The client writes it, so it is a hint and no proof.

/// Longest name of a program, bytes. Beyond it the name is cut.
const NAME_BYTES_MAX: usize = 64;

/// Programs that people type into, or that scripts are made with, as opposed to controllers.
const INTERACTIVE: [&str; 18] = [
    "kubectl",
    "oc",
    "k9s",
    "lens",
    "openlens",
    "headlamp",
    "freelens",
    "curl",
    "wget",
    "httpie",
    "python-requests",
    "python-urllib",
    "python-httpx",
    "postmanruntime",
    "mozilla",
    "go-http-client",
    "helm",
    "okhttp",
];

/// A program's name in lower case. It takes no room but its own: nearly every event has one.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        // Lowering the case of ASCII letters leaves text text.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// The program's name in lower case: what stands before the first `/`, blank or bracket.
pub fn name(user_agent: &str) -> Name {
    let end = user_agent.find(['/', ' ', '(', ',']).unwrap_or(user_agent.len());
    let mut end = end.min(NAME_BYTES_MAX);
    while !user_agent.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = Name { bytes: [0; NAME_BYTES_MAX], length: end };
    name.bytes[..end].copy_from_slice(&user_agent.as_bytes()[..end]);
    name.bytes.make_ascii_lowercase();
    if name.ends_with(".exe") {
        name.length -= ".exe".len();
    }
    name
}

/// What stands after the first `/`, up to a blank.
pub fn version(user_agent: &str) -> Option<&str> {
    let version = user_agent.split_once('/')?.1.split([' ', '(']).next()?;
    (!version.is_empty() && version.len() <= NAME_BYTES_MAX).then_some(version)
}

/// Whether the program is one that people type into, or a script's.
pub fn is_interactive(name: &str) -> bool {
    INTERACTIVE.contains(&name) || name.starts_with("kubectl-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named() {
        for (agent, tool, number, interactive) in [
            ("kubectl/v1.36.3 (linux/amd64) kubernetes/1f0c2d7", "kubectl", Some("v1.36.3"), true),
            ("kubectl.exe/v1.34.2 (windows/amd64)", "kubectl", Some("v1.34.2"), true),
            ("Python-urllib/3.12", "python-urllib", Some("3.12"), true),
            ("kube-probe/1.36", "kube-probe", Some("1.36"), false),
            ("hyperkube", "hyperkube", None, false),
            ("", "", None, false),
            ("/x", "", Some("x"), false),
        ] {
            assert_eq!(
                (&*name(agent), version(agent), is_interactive(&name(agent))),
                (tool, number, interactive),
                "{agent}"
            );
        }
    }

    #[test]
    fn a_name_without_end_is_cut_between_letters() {
        assert!(name(&"ä".repeat(1000)).len() <= NAME_BYTES_MAX);
    }
}
