//! Names and words of Sigma's public Kubernetes rules, and what they mean in an audit event.
//!
//! Sigma has no taxonomy for Kubernetes. The public rules use raw audit paths mixed with short names that no audit
//! event has, so five of SigmaHQ's sixteen can never fire as they are written. A rule with `taxonomy: gatecrier` is read
//! without any of this.

use crate::enrich::Facts;

/// Short names, and the audit field each means.
const ALIASES: &[(&str, &str)] = &[
    ("apiGroup", "objectRef.apiGroup"),
    ("resource", "objectRef.resource"),
    ("subresource", "objectRef.subresource"),
    ("namespace", "objectRef.namespace"),
    ("username", "user.username"),
    ("capabilities", "workload.capabilities"),
    ("privileged", "workload.privileged"),
    ("hostPath", "workload.host_paths"),
];

/// The audit field that a short name means.
pub fn meant(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, field)| *field)
}

/// The field that a rule meant when it compares a status code with this word: an authorization decision.
pub fn meant_by_word(field: &str, word: &str) -> Option<&'static str> {
    let decision = ["allow", "forbid"].iter().any(|decision| word.eq_ignore_ascii_case(decision));
    (field == "responseStatus.code" && decision).then_some("annotations.authorization.k8s.io/decision")
}

/// What a public rule says beside what its title says, by its id. Nothing else but that rule is read so.
#[derive(Debug, PartialEq, Eq)]
pub struct Correction {
    /// The rule's id.
    pub id: &'static str,
    /// It is about the resource itself: no subresource.
    pub whole_objects: bool,
    /// Further verbs that do what one it names does.
    pub verbs: &'static [(&'static str, &'static str)],
    /// Further fields that are true where one it names has a value.
    pub flags: &'static [(&'static str, &'static str)],
}

/// SigmaHQ's rules that would miss what they are for, or say of one thing that it is another.
const CORRECTIONS: &[Correction] = &[
    // `kubectl exec` has been a WebSocket `get` since 1.30.
    Correction {
        id: "a1b0ca4e-7835-413e-8471-3ff2b8a66be6",
        whole_objects: false,
        verbs: &[("create", "get")],
        flags: &[],
    },
    // Its description names privileged containers and the node's namespaces; capabilities are the least of it.
    Correction {
        id: "c5cd1b20-36bb-488d-8c05-486be3d0cb97",
        whole_objects: true,
        verbs: &[],
        flags: &[
            ("workload.capabilities", "workload.privileged"),
            ("workload.capabilities", "workload.host_network"),
            ("workload.capabilities", "workload.host_pid"),
        ],
    },
    // Status updates of the job controller are no modification.
    whole_objects("0c9b3bda-41a6-4442-9345-356ae86343dc"),
    // Bindings, evictions and execs are no new pods.
    whole_objects("a80d927d-ac6e-443f-a867-e8d6e3897318"),
    // A token that is minted is no new service account.
    whole_objects("e31bae15-83ed-473e-bf31-faf4f8a17d36"),
    // Neither a status nor a scale holds a container.
    whole_objects("ad9012a6-e518-4432-9890-f3b82b8fc71f"),
    // Everything of a kind may be deleted at once.
    deletes_all("40967487-139b-4811-81d9-c9767a92aa5a"),
    deletes_all("3132570d-cab2-4561-9ea6-1743644b2290"),
    deletes_all("58d31a75-a4f8-4c40-985b-373d58162ca2"),
    deletes_all("10b97915-ec8d-455f-a815-9a78926585f6"),
    deletes_all("eed82177-38f5-4299-8a76-098d50d225ab"),
];

const fn whole_objects(id: &'static str) -> Correction {
    Correction { id, whole_objects: true, verbs: &[("delete", "deletecollection")], flags: &[] }
}

const fn deletes_all(id: &'static str) -> Correction {
    Correction { id, whole_objects: false, verbs: &[("delete", "deletecollection")], flags: &[] }
}

/// How the rule of this id is corrected.
pub fn correction(id: &str) -> Option<&'static Correction> {
    CORRECTIONS.iter().find(|correction| correction.id.eq_ignore_ascii_case(id))
}

/// What a request that has not been answered yet says of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// All there is to know.
    Never,
    /// Nothing, while it is missing.
    WhileMissing,
    /// Nothing.
    Always,
    /// Nothing, unless what is wanted is found in what there is.
    UntilFound,
    /// Nothing, if the request is a patch: it may create as well.
    OfPatches,
}

/// Audit fields that are filled in while the request is handled: bodies are not read yet, nobody is impersonated yet, and
/// nothing has been decided.
const FILLED_IN: &[&str] = &[
    "responseStatus",
    "responseObject",
    "requestObject",
    "annotations",
    "impersonatedUser",
    "authenticationMetadata",
    "objectRef.name",
    "objectRef.uid",
    "objectRef.resourceVersion",
];

/// What is worked out from them.
const WORKED_OUT: &[&str] = &[
    "request.outcome",
    "request.duration_ms",
    "request.allowed_by",
    "request.impersonation_denied",
    "actor.impersonated",
    "actor.impersonated_kind",
    "actor.impersonated_groups",
    "actor.impersonated_admin",
    "body",
    "workload",
    "grant",
    "token",
    "csr",
    "webhook",
    "policy",
    "service",
    "ingress",
];

impl Late {
    /// What an unanswered request says of the field of this name.
    pub fn of(field: &str) -> Self {
        let is = |known: &&str| field.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match field {
            "request.action" => Self::OfPatches,
            _ if FILLED_IN.iter().any(&is) => Self::WhileMissing,
            _ if WORKED_OUT.iter().any(&is) => Self::Always,
            _ => Self::Never,
        }
    }

    /// Whether a request that has not been answered leaves it open, be it there or not.
    pub fn is_open(self, facts: &Facts<'_, '_>) -> bool {
        match self {
            Self::Always => true,
            Self::OfPatches => facts.event.verb() == "patch",
            Self::Never | Self::WhileMissing | Self::UntilFound => false,
        }
    }
}
