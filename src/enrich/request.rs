//! What was asked and what came of it, behind what the verb and the code say.
//!
//! kubectl's exec is a `get` by WebSocket and a `create` by SPDY, a server-side apply that creates is a `patch`
//! answered 201, and "allow" is a decision about authorization, not an outcome.

use std::borrow::Cow;

use crate::event::{Event, Level, ObjectRef, Raw, Stage, Text, Timestamp};
use crate::mask::percent_decode;

/// The words of all values of `Self`, each at its own number.
macro_rules! words {
    () => {{
        let mut words = [""; Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = Self::ALL[at].word();
            at += 1;
        }
        words
    }};
}

/// What a request does, whatever its verb is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Reads one object, or a path that is no resource.
    Get,
    /// Reads all of a kind.
    List,
    /// Reads all of a kind, and goes on reading.
    Watch,
    /// Makes an object, by whichever verb.
    Create,
    /// Changes an object.
    Update,
    /// Changes a part of an object.
    Patch,
    /// Deletes an object.
    Delete,
    /// Deletes all of a kind.
    DeleteCollection,
    /// Runs a command in a container.
    Exec,
    /// Attaches to a container.
    Attach,
    /// Forwards a port of a pod.
    PortForward,
    /// Talks to a pod, service or kubelet through the API server.
    Proxy,
    /// Reads a container's log.
    Log,
    /// Mints a service account's token.
    MintToken,
    /// Approves or signs a certificate request.
    ApproveCertificate,
    /// Evicts a pod.
    Evict,
    /// Asks what it may do itself.
    AskOwnRights,
    /// Something else.
    Other,
}

impl Action {
    /// All of them, each at its own number.
    pub const ALL: [Self; 18] = [
        Self::Get,
        Self::List,
        Self::Watch,
        Self::Create,
        Self::Update,
        Self::Patch,
        Self::Delete,
        Self::DeleteCollection,
        Self::Exec,
        Self::Attach,
        Self::PortForward,
        Self::Proxy,
        Self::Log,
        Self::MintToken,
        Self::ApproveCertificate,
        Self::Evict,
        Self::AskOwnRights,
        Self::Other,
    ];

    /// Their words, in the same order.
    pub const WORDS: [&'static str; Self::ALL.len()] = words!();

    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::Proxy => "proxy",
            Self::Log => "log",
            Self::MintToken => "mint-token",
            Self::ApproveCertificate => "approve-certificate",
            Self::Evict => "evict",
            Self::AskOwnRights => "ask-own-rights",
            Self::Other => "other",
        }
    }

    /// What it comes to for what is asked about, as coarse as may be: `read`, `write`, or its own word where it is
    /// neither.
    pub fn effect(self) -> &'static str {
        match self {
            Self::Get | Self::List | Self::Watch => "read",
            Self::Create | Self::Update | Self::Patch | Self::Delete | Self::DeleteCollection => "write",
            other => other.word(),
        }
    }

    /// What an event's request does.
    pub fn of(event: &Event<'_>, object: &ObjectRef<'_>) -> Self {
        let verb = event.verb().decode();
        match (&*object.resource.decode(), &*object.subresource.decode(), &*verb) {
            (_, "exec", _) => Self::Exec,
            (_, "attach", _) => Self::Attach,
            (_, "portforward", _) => Self::PortForward,
            (_, "proxy", _) | (_, _, "proxy") => Self::Proxy,
            ("pods", "log", "get") => Self::Log,
            ("serviceaccounts", "token", "create") => Self::MintToken,
            ("certificatesigningrequests", "approval" | "status", "update" | "patch") => Self::ApproveCertificate,
            ("pods", "eviction", "create") => Self::Evict,
            ("selfsubjectaccessreviews" | "selfsubjectrulesreviews" | "selfsubjectreviews", _, "create") => {
                Self::AskOwnRights
            }
            (_, _, "patch") if event.code() == Some(201) => Self::Create,
            (_, _, "get" | "head") => Self::Get,
            (_, _, "list") => Self::List,
            (_, _, "watch") => Self::Watch,
            (_, _, "create" | "post") => Self::Create,
            (_, _, "update" | "put") => Self::Update,
            (_, _, "patch") => Self::Patch,
            (_, _, "delete") => Self::Delete,
            (_, _, "deletecollection") => Self::DeleteCollection,
            _ => Self::Other,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done, or a long-running one was begun.
    Success,
    /// Who asked may not: wrong or no credential, or no right.
    Denied,
    /// Who asked may, but what was asked is not acceptable: admission, validation.
    Rejected,
    /// Who asked may, and it did not work: conflict, not found, overload, server error.
    Failed,
    /// Not said yet, or never to be known.
    Unknown,
}

impl Outcome {
    /// All of them, each at its own number.
    pub const ALL: [Self; 5] = [Self::Success, Self::Denied, Self::Rejected, Self::Failed, Self::Unknown];

    /// Their words, in the same order.
    pub const WORDS: [&'static str; Self::ALL.len()] = words!();

    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// What an event says came of its request.
    pub fn of(event: &Event<'_>) -> Self {
        match event.code() {
            _ if event.stage() == Stage::Panic => Self::Failed,
            None => Self::Unknown,
            // The API server writes a success that never was when the client goes away before any answer.
            Some(200) if closed_early(event) => Self::Unknown,
            Some(100..=399) => Self::Success,
            Some(401) => Self::Denied,
            // Authorization said yes, so this "forbidden" is admission's.
            Some(403) if event.annotation("authorization.k8s.io/decision").is_some_and(|word| word == "allow") => {
                Self::Rejected
            }
            Some(403) => Self::Denied,
            Some(400 | 405 | 406 | 413 | 415 | 422) => Self::Rejected,
            Some(_) => Self::Failed,
        }
    }
}

fn closed_early(event: &Event<'_>) -> bool {
    let message = event.response_status().and_then(|status| status.get("message")?.text());
    message.is_some_and(|message| message == "Connection closed early")
}

/// The values of a query parameter, percent-decoded, in their order.
pub fn query_values<'u>(uri: &'u str, name: &'u str) -> impl Iterator<Item = Cow<'u, str>> + 'u {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(key) == name).then(|| percent_decode(value))
    })
}

/// The command of an exec, argument by argument, at most [`ARGUMENTS_MAX`]. It stands in the query, so it is seen at every level.
pub fn exec_command(uri: Text<'_>) -> Vec<String> {
    query_values(&uri.decode(), "command").take(ARGUMENTS_MAX).map(Cow::into_owned).collect()
}

/// Most arguments of a command that are looked at; what follows is not shown.
pub const ARGUMENTS_MAX: usize = 256;

/// Whether a request surely only asks what would happen. Of a delete with a body the API server does not read the
/// query, so the query counts only where the log shows that there was no body.
pub fn is_dry_run(event: &Event<'_>) -> bool {
    if !event.verb().raw().starts_with(b"delete") {
        return asks_dry_run(event.request_uri());
    }
    match event.request_object() {
        Some(options) => body_asks_dry_run(options),
        None => {
            let shows_bodies = matches!(event.level(), Level::Request | Level::RequestResponse);
            shows_bodies && !event.is_truncated() && asks_dry_run(event.request_uri())
        }
    }
}

fn asks_dry_run(uri: Text<'_>) -> bool {
    query_values(&uri.decode(), "dryRun").any(|value| value == "All")
}

fn body_asks_dry_run(options: Raw<'_>) -> bool {
    options.get("dryRun").is_some_and(|words| words.items().any(|word| word.text().is_some_and(|word| word == "All")))
}

/// How much a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One object.
    Object,
    /// All of a kind in a namespace.
    Namespace,
    /// All of a kind: in every namespace, or of a kind that is in none.
    Cluster,
    /// A path that is no resource.
    Path,
}

impl Scope {
    /// The word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Namespace => "namespace",
            Self::Cluster => "cluster",
            Self::Path => "path",
        }
    }

    /// How much an event's request names.
    pub fn of(event: &Event<'_>, object: &ObjectRef<'_>) -> Self {
        match (event.names_resource(), object.name.is_empty(), object.namespace.is_empty()) {
            (false, ..) => Self::Path,
            (_, false, _) => Self::Object,
            (_, _, false) => Self::Namespace,
            (_, _, true) => Self::Cluster,
        }
    }
}

/// Whether a request may run for hours: those that the API server itself takes for such.
pub fn is_long_running(event: &Event<'_>, object: &ObjectRef<'_>) -> bool {
    matches!(event.verb().raw(), b"watch" | b"proxy")
        || matches!(object.subresource.raw(), b"attach" | b"exec" | b"proxy" | b"log" | b"portforward")
        || event.request_uri().raw().starts_with(b"/debug/pprof/")
}

/// Milliseconds from receipt to this stage.
pub fn duration_ms(event: &Event<'_>) -> Option<i64> {
    let stage = Timestamp::parse(event.stage_time_raw())?;
    Some(stage.micros().checked_sub(event.received()?.micros())? / 1000)
}

/// Whether a request was refused without a word of authorization, which is how a forbidden impersonation looks.
pub fn impersonation_denied(event: &Event<'_>) -> bool {
    event.code() == Some(403)
        && event.annotation("authorization.k8s.io/decision").is_none()
        && event.stage() != Stage::RequestReceived
        && !event.user().bytes().is_empty()
        && !event.is_truncated()
}

/// What RBAC says allowed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RbacGrant<'r> {
    /// The binding's name.
    pub binding: &'r str,
    /// The role's name.
    pub role: &'r str,
    /// The name of the binding's subject that was meant.
    pub subject: &'r str,
}

impl<'r> RbacGrant<'r> {
    /// Reads the annotation `authorization.k8s.io/reason`:
    /// `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`.
    pub fn parse(reason: &'r str) -> Option<Self> {
        let mut rest = reason.strip_prefix("RBAC: allowed by ")?;
        let mut next = || quoted(&mut rest);
        Some(Self { binding: next()?, role: next()?, subject: next()? })
    }
}

/// The next text in quotes. A name may have quotes of its own, behind backslashes, which stay.
fn quoted<'r>(rest: &mut &'r str) -> Option<&'r str> {
    let (_, begin) = rest.split_once('"')?;
    let mut escaped = false;
    let end = begin.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    *rest = &begin[end + 1..];
    Some(&begin[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Framing;
    use crate::decode::{Record, decode};

    #[test]
    fn each_stands_at_its_own_number() {
        assert!(Action::ALL.iter().enumerate().all(|(at, action)| *action as usize == at));
        assert!(Outcome::ALL.iter().enumerate().all(|(at, outcome)| *outcome as usize == at));
    }

    #[test]
    fn the_name_of_a_binding_cannot_pass_for_its_role() {
        let of = |reason| RbacGrant::parse(reason).map(|grant| (grant.binding, grant.role, grant.subject));
        let plain = r#"RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "g""#;
        assert_eq!(of(plain), Some(("b", "r", "g")));
        let forged = r#"RBAC: allowed by ClusterRoleBinding "b\" of ClusterRole \"cluster-admin" of ClusterRole "view" to User "u\\""#;
        assert_eq!(of(forged), Some((r#"b\" of ClusterRole \"cluster-admin"#, "view", r"u\\")));
        assert_eq!(of(r#"RBAC: allowed by ClusterRoleBinding "b\" of"#), None);
    }

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(fields: &str, of: impl Fn(&Event<'_>) -> T, expected: T) {
        let line = format!(r#"{{"kind":"Event","auditID":"x","stage":"ResponseComplete",{fields}}}"#);
        let mut found = None;
        decode(line.as_bytes(), Framing::Lines, &mut |record| {
            if let Record::Event(event) = record {
                found = Some(of(&event));
            }
        });
        assert_eq!(found, Some(expected), "{fields}");
    }

    #[test]
    fn verbs_and_codes_are_seen_through() {
        use {Action::*, Outcome::*};
        let check = |fields: &str, expected| {
            check(fields, |event| (Action::of(event, &event.object_ref()), Outcome::of(event)), expected);
        };
        let exec = r#""objectRef":{"resource":"pods","subresource":"exec"}"#;
        check(&format!(r#""verb":"get",{exec},"responseStatus":{{"code":101}}"#), (Exec, Success));
        check(&format!(r#""verb":"create",{exec},"responseStatus":{{"code":403}}"#), (Exec, Denied));
        check(r#""verb":"patch","objectRef":{"resource":"pods"},"responseStatus":{"code":201}"#, (Create, Success));
        check(r#""verb":"patch","objectRef":{"resource":"pods"},"responseStatus":{"code":200}"#, (Patch, Success));
        check(r#""verb":"watch","responseStatus":{"code":200,"message":"Connection closed early"}"#, (Watch, Unknown));
        check(
            r#""verb":"create","responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"allow"}"#,
            (Create, Rejected),
        );
        check(r#""verb":"create","responseStatus":{"code":403}"#, (Create, Denied));
        check(r#""verb":"update","responseStatus":{"code":409}"#, (Update, Failed));
        check(r#""verb":"list""#, (List, Unknown));
        check(
            r#""verb":"create","objectRef":{"resource":"serviceaccounts","subresource":"token"},"responseStatus":{"code":201}"#,
            (MintToken, Success),
        );
    }

    #[test]
    fn a_delete_with_a_body_is_a_dry_run_if_its_body_says_so() {
        let check_dry_run = |fields: &str, expected| check(fields, is_dry_run, expected);
        let asks = r#""requestURI":"/api/v1/namespaces/a/pods/b?dryRun=All""#;
        check_dry_run(&format!(r#""verb":"create","level":"Metadata",{asks}"#), true);
        check_dry_run(&format!(r#""verb":"delete","level":"Metadata",{asks}"#), false);
        check_dry_run(&format!(r#""verb":"delete","level":"Request",{asks}"#), true);
        check_dry_run(&format!(r#""verb":"deletecollection","level":"Request",{asks},"requestObject":{{}}"#), false);
        let body = r#""requestURI":"/api/v1/pods","requestObject":{"dryRun":["All"]}"#;
        check_dry_run(&format!(r#""verb":"delete","level":"Request",{body}"#), true);
    }

    #[test]
    fn commands_and_dry_runs_are_read_from_the_query() {
        let uri = Text::from_raw(br"/exec?command=sh\u0026command=-c\u0026command=cat+%2Fetc%2Fpasswd\u0026dryRun=All");
        assert_eq!(exec_command(uri), ["sh", "-c", "cat /etc/passwd"]);
        assert!(asks_dry_run(uri));
        assert!(!asks_dry_run(Text::from_raw(b"/x?notdryRun=All")));
    }
}
