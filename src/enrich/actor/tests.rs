use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_kind(name: &str, groups: &[&str], expected: Kind<'_>) {
    let groups: Vec<String> = groups.iter().map(|group| group.to_string()).collect();
    assert_eq!(actor_kind(name, &groups), expected, "{name} {groups:?}");
}

#[test]
fn actors_are_told_apart_by_name_and_group() {
    let authenticated = ["system:authenticated"];
    check_kind("system:anonymous", &["system:unauthenticated"], Kind::Anonymous);
    check_kind("", &[], Kind::Unauthenticated);
    let web = Kind::ServiceAccount { namespace: "shop", name: "web" };
    check_kind("system:serviceaccount:shop:web", &["system:serviceaccounts"], web);
    check_kind("system:serviceaccount:shop:", &authenticated, Kind::Human);
    check_kind("system:serviceaccount:shop", &authenticated, Kind::Human);
    check_kind("system:node:node-1", &["system:nodes", "system:authenticated"], Kind::Node { name: "node-1" });
    check_kind("system:node:node-1", &[], Kind::Node { name: "node-1" });
    // The name of a node without its group is somebody with an odd name.
    check_kind("system:node:node-1", &authenticated, Kind::Human);
    check_kind("system:node:", &["system:nodes"], Kind::Human);
    check_kind("system:apiserver", &["system:masters"], Kind::ControlPlane);
    check_kind("system:kube-scheduler", &authenticated, Kind::ControlPlane);
    check_kind("system:bootstrap:abcdef", &["system:bootstrappers"], Kind::BootstrapToken);
    check_kind("alice@corp.example", &["dev"], Kind::Human);
    check_kind("kubernetes-admin", &["system:masters"], Kind::Human);
    check_kind("System:Anonymous", &authenticated, Kind::Human);
}

#[test]
fn a_user_is_read_as_the_api_server_writes_it() {
    let user = User::parse(
        br#"{"username":"system:serviceaccount:shop:web","uid":"7f","groups":["system:serviceaccounts","system:authenticated"],
        "extra":{"authentication.kubernetes.io/credential-id":["JTI=1"],"authentication.kubernetes.io/node-name":["node-2"],
        "authentication.kubernetes.io/pod-name":["web-1"],"authentication.kubernetes.io/pod-uid":["9"],"else":["x"]}}"#,
    );
    let expected = User {
        name: "system:serviceaccount:shop:web".to_owned(),
        groups: vec!["system:serviceaccounts".to_owned(), "system:authenticated".to_owned()],
        uid: Some("7f".to_owned()),
        credential_id: Some("JTI=1".to_owned()),
        pod_name: Some("web-1".to_owned()),
        node_name: Some("node-2".to_owned()),
        admin: false,
        whole: true,
    };
    assert_eq!(user, expected);
    assert_eq!(User::parse(b"{}").kind(), Kind::Unauthenticated);
}

#[test]
fn many_groups_do_not_hide_the_one_that_matters() {
    let mut groups: Vec<String> = (0..5_000).map(|i| format!("g{i}")).collect();
    groups.extend([NODES_GROUP, ADMIN_GROUP, ADMIN_GROUP].map(str::to_owned));
    let raw = serde_json::to_vec(&serde_json::json!({ "username": "system:node:a", "groups": groups })).unwrap();
    let user = User::parse(&raw);
    assert_eq!(user.groups.len(), GROUPS_MAX + 2);
    assert!(user.admin && user.whole);
    assert_eq!(user.kind(), Kind::Node { name: "a" });
}

#[test]
fn a_name_without_end_is_cut() {
    let raw = serde_json::to_vec(&serde_json::json!({ "username": "é".repeat(NAME_CHARS_MAX + 1) })).unwrap();
    assert_eq!(User::parse(&raw).name, format!("{}…", "é".repeat(NAME_CHARS_MAX)));
    let raw = serde_json::to_vec(&serde_json::json!({ "username": "é".repeat(NAME_CHARS_MAX) })).unwrap();
    assert_eq!(User::parse(&raw).name, "é".repeat(NAME_CHARS_MAX));
}

/// What is read of a damaged user: name, groups, whole or not, kind.
#[track_caller]
fn check_damaged(raw: &[u8], expected: (&str, usize, bool, &str)) {
    let user = User::parse(raw);
    let shown = String::from_utf8_lossy(raw);
    assert_eq!((user.name.as_str(), user.groups.len(), user.whole, user.kind().word()), expected, "{shown}");
}

#[test]
fn what_cannot_be_read_is_unknown_and_the_rest_stands() {
    check_damaged(b"", ("", 0, false, "unknown"));
    check_damaged(b"null", ("", 0, false, "unknown"));
    check_damaged(b"[]", ("", 0, false, "unknown"));
    check_damaged(b"{\"userna", ("", 0, false, "unknown"));
    check_damaged(b"{\"username\":7}", ("", 0, false, "unknown"));
    check_damaged(b"{\"username\":\"eve\",\"groups\":[\"a\",\"sys", ("eve", 0, false, "human"));
    check_damaged(b"{\"username\":\"eve\",\"groups\":\"a\",\"uid\":\"1\"}", ("eve", 0, false, "human"));
    check_damaged(b"{\"username\":\"e\xffve\",\"groups\":[\"a\"]}", ("e\u{fffd}ve", 1, true, "human"));
    check_damaged(b"{\"username\":\"e\\ud800ve\",\"groups\":[\"a\"]}", ("e\u{fffd}ve", 1, true, "human"));
    check_damaged(b"{\"username\":\"e\\u0076e\"}", ("eve", 0, true, "human"));
    let nested = format!("{{\"username\":\"eve\",\"more\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    check_damaged(nested.as_bytes(), ("eve", 0, true, "human"));
}

proptest! {
    #[test]
    fn a_cut_user_never_becomes_somebody_else(cut in any::<prop::sample::Index>()) {
        let raw = br#"{"username":"system:serviceaccount:shop:web","groups":["system:serviceaccounts"],"uid":"7f"}"#;
        let user = User::parse(&raw[..cut.index(raw.len())]);
        prop_assert!(!user.whole);
        let web = Kind::ServiceAccount { namespace: "shop", name: "web" };
        prop_assert!([Kind::Unknown, web].contains(&user.kind()));
    }

    #[test]
    fn any_bytes_are_read_without_harm(raw in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        r#"\{"(username|groups|extra|uid)":[\["\\{}\],a0u:]{0,30}\}?"#.prop_map(String::into_bytes),
    ]) {
        let user = User::parse(&raw);
        prop_assert!(user.groups.len() <= GROUPS_MAX + 2);
    }
}
