//! What conditions mean, as a table: one event, one condition each.

use super::*;
use crate::enrich::Enricher;
use crate::enrich::place::Places;
use crate::enrich::policy::Policies;
use crate::enrich::trust::{self, Trust};
use crate::yaml::Problem;
use std::path::Path;

/// A pod with two containers, created from outside through a proxy.
const POD: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/web/pods?command=ls&command=-l&x=a%20b","verb":"create","user":{"username":"eve","groups":["devs","system:authenticated"]},"sourceIPs":["203.0.113.7","10.0.0.1"],"userAgent":"kubectl/v1.36","objectRef":{"resource":"pods","namespace":"web","name":"shell","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},"requestObject":{"metadata":{"name":"shell"},"spec":{"hostNetwork":true,"securityContext":{"runAsUser":1000},"containers":[{"name":"a","image":"registry.local:5000/team/app:v1","command":["sh","-c"],"ports":[{"containerPort":80}],"securityContext":{"privileged":true,"runAsUser":7,"capabilities":{"add":["SYS_ADMIN","NET_RAW"]}}},{"name":"b","image":"nginx"}],"volumes":[{"name":"x","emptyDir":{}},{"name":"y","hostPath":{"path":"/proc/"}}]}},"responseObject":{"metadata":{"name":"shell"}},"requestReceivedTimestamp":"2026-11-22T12:00:00.000000Z","stageTimestamp":"2026-11-22T12:00:00.000001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#;

/// A binding and a role in one body, which no server would take: a place for the rest of the fields.
const REST: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"823afb8f-bd21-4918-81a6-3770801a3883","stage":"ResponseComplete","verb":"create","user":{"username":"eve"},"objectRef":{"resource":"configmaps"},"requestObject":{"data":{"k":"p\u0061ssword"},"roleRef":{"name":"admin"},"subjects":[{"kind":"User","name":"u"},{"kind":"Group","name":"g"},{"kind":"ServiceAccount","name":"s","namespace":"n"},{"kind":"ServiceAccount","name":"t"}],"rules":[{"resources":["pods","secrets"],"verbs":["get"]},{"resources":["nodes"],"verbs":["*"]}],"spec":{"type":"NodePort","ports":[{"port":1},{"port":2}]}},"stageTimestamp":"2026-11-22T12:00:00.000001Z"}"#;

/// An event that is not known by any id.
const NAMELESS: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":"get","user":{"username":"eve"}}"#;

fn rules(condition: &str) -> String {
    let condition = condition.replace('\n', "\n    ");
    format!(
        "- list: verbs\n  items: [create, update]\n- list: more\n  items: [verbs, delete]\n- list: none\n  items: []\n\
         - list: spaced\n  items: [\"a b\", eve]\n- macro: by_eve\n  condition: ka.user.name = eve or ka.verb = get\n\
         - rule: probe\n  desc: d\n  source: k8s_audit\n  priority: WARNING\n  output: o\n  condition: |\n    {condition}\n"
    )
}

fn enricher() -> Enricher {
    let trust = Trust::load(&trust::Config::default(), Path::new("")).unwrap();
    Enricher::new(trust, Places::open(None, None).unwrap(), Policies::new(Vec::new(), std::iter::empty()))
}

#[track_caller]
fn loaded(text: &str) -> Falco {
    let file = File { name: "test.yaml".to_owned(), text: text.to_owned() };
    match load(&[file], Matching::First) {
        Ok(loaded) => loaded.falco,
        Err(problems) => panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn found(falco: &Falco, event: &str) -> Vec<String> {
    let mut findings = Findings::default();
    let event = decode::again(event.as_bytes());
    falco.inspect(&enricher().facts(&event), &mut findings);
    findings.take().into_iter().map(|finding| finding.text).collect()
}

#[track_caller]
fn check(event: &str, condition: &str, expected: bool) {
    assert_eq!(!found(&loaded(&rules(condition)), event).is_empty(), expected, "{condition}");
}

#[test]
fn conditions_mean_what_falco_means() {
    for (condition, expected) in [
        // Missing values fail every comparison; `not` turns that round.
        ("ka.impuser.name != x", false),
        ("not ka.impuser.name = x", true),
        ("ka.impuser.name exists", false),
        ("ka.auth.reason exists", true),
        ("ka.auth.reason = ''", true),
        // Texts.
        ("ka.verb = create", true),
        ("ka.verb == \"create\"", true),
        ("ka.verb=Create", false),
        ("ka.verb != get", true),
        ("ka.uri contains pods?command", true),
        ("ka.user.name icontains EV", true),
        ("ka.uri startswith /api", true),
        ("ka.uri endswith b", true),
        ("ka.uri glob /api/*", true),
        ("ka.user.name iglob E?E", true),
        ("ka.verb regex crea", false),
        ("ka.verb regex cr.*", true),
        ("ka.verb bstartswith 6372", true),
        ("ka.verb bcontains 6561", true),
        ("ka.verb > 5", true),
        ("ka.response.code startswith 2", true),
        ("jevt.value[/requestObject/spec/volumes/1/hostPath/path] pmatch (/proc, /etc)", true),
        ("ka.uri pmatch (/api/v2)", false),
        ("ka.verb in (create, get)", true),
        ("ka.verb in ()", false),
        ("ka.verb in create", true),
        ("ka.verb intersects (create)", true),
        ("ka.verb = anyof (get, create)", true),
        ("ka.verb startswith oneof (c, cr)", false),
        ("ka.verb startswith allof (c, cr)", true),
        ("ka.verb = allof ()", false),
        // Lists.
        ("ka.user.groups in (devs)", false),
        ("ka.user.groups in (devs, system:authenticated, x)", true),
        ("ka.user.groups intersects (devs, x)", true),
        ("ka.req.binding.subjects exists", false),
        // Named lists and macros.
        ("ka.verb in (verbs)", true),
        ("ka.verb in (more)", true),
        ("ka.verb in (get, none)", false),
        ("ka.verb in (none, create)", true),
        ("ka.user.name in (spaced)", true),
        ("ka.verb in (unknown_list)", false),
        ("by_eve and ka.verb = delete", false),
        ("not by_eve", false),
        // Right sides that are worked out.
        ("ka.target.name = val(ka.resp.name)", true),
        ("ka.verb = val(ka.resp.name)", false),
        ("toupper(ka.verb) = CREATE", true),
        ("basename(ka.req.pod.volumes.hostpath) in (proc)", true),
        ("len(ka.user.groups) = 2", true),
        ("len(ka.verb) > 0x5", true),
        ("len(ka.verb) in (6)", true),
        ("concat(ka.verb, \"-\", ka.user.name) = create-eve", true),
        ("join(\",\", ka.user.groups) = \"devs,system:authenticated\"", true),
        // Grouping.
        ("ka.verb = get or(ka.verb = create)", true),
        ("ka.verb = get or (ka.verb = create) and ka.user.name = x", false),
        ("ka.verb = create or ka.verb = x and ka.user.name = x", true),
        ("not not ka.verb = create", true),
        ("not(ka.verb = create)", false),
        ("ka.verb = create\n\tand\r\n not ka.user.name in (x)", true),
    ] {
        check(POD, condition, expected);
    }
}

#[test]
fn fields_read_what_they_are_called() {
    for (condition, expected) in [
        ("ka.auditid exists", true),
        ("ka.uri.param[command] = ls", true),
        ("ka.uri.param[x] = \"a b\"", true),
        ("ka.uri.param[none] exists", false),
        ("ka.target.pod.name = shell", true),
        ("ka.target.subresource exists", false),
        ("ka.req.pod.host_network intersects (true)", true),
        ("ka.req.pod.host_pid exists", false),
        ("ka.req.pod.containers.image.repository in (registry.local:5000/team/app, nginx)", true),
        ("ka.req.pod.containers.image.repository[1] in (nginx)", true),
        ("ka.req.pod.containers.image[2] exists", false),
        ("ka.req.container.image = registry.local:5000/team/app:v1", true),
        ("ka.req.container.privileged = true", true),
        ("ka.req.pod.containers.privileged in (true)", true),
        ("ka.req.pod.initContainers.privileged exists", false),
        ("ka.req.pod.containers.command intersects (\"sh -c\")", true),
        ("ka.req.pod.containers.add_capabilities intersects (SYS_ADMIN)", true),
        ("ka.req.pod.containers.run_as_user in (7)", true),
        ("ka.req.pod.containers.eff_run_as_user[0] in (7)", true),
        ("ka.req.pod.containers.eff_run_as_user[1] in (1000)", true),
        ("ka.req.pod.containers.eff_run_as_group in (0)", true),
        ("ka.req.pod.containers.host_port intersects (80)", true),
        ("ka.req.pod.volumes.hostpath intersects (/proc)", true),
        ("ka.req.volume.hostpath[/proc*] = true", true),
        ("ka.req.volume.hostpath[/etc] = false", true),
        ("ka.req.pod.volumes.volume_type intersects (hostPath)", true),
        // All of them, or some of them.
        ("ka.sourceips intersects (10.0.0.0/8)", true),
        ("ka.sourceips in (10.0.0.0/8)", false),
        ("ka.sourceips[1] in (10.0.0.0/8)", true),
        ("not ka.sourceips in (10.0.0.0/8, 203.0.113.7)", false),
        ("jevt.value[/sourceIPs] = '[\"203.0.113.7\",\"10.0.0.1\"]'", true),
        ("jevt.value[/sourceIPs/1] = 10.0.0.1", true),
        ("jevt.value[/sourceIPs/01] exists", false),
        ("jevt.value[/annotations/authorization.k8s.io~1decision] = allow", true),
        ("jevt.value[annotations/authorization.k8s.io~1decision] = allow", true),
        ("jevt.value[/stage] = ResponseComplete", true),
        ("jevt.rawtime exists", true),
        ("jevt.rawtime = 1795348800000001000", true),
        ("jevt.obj contains shell", true),
        ("evt.source = k8s_audit", true),
    ] {
        check(POD, condition, expected);
    }
    for (condition, expected) in [
        ("ka.req.configmap.obj contains password", true),
        ("ka.req.binding.role = admin", true),
        ("ka.req.binding.subjects.user_names in (u)", true),
        ("ka.req.binding.subjects.group_names in (g)", true),
        ("ka.req.binding.subjects.serviceaccount_names in (s, t)", true),
        ("ka.req.binding.subjects.serviceaccount_ns_names in (n:s)", true),
        ("ka.req.binding.subject.has_name[g] = true", true),
        ("ka.req.binding.subject.has_name[x] = false", true),
        ("ka.req.role.rules.resources intersects (nodes)", true),
        ("ka.req.role.rules.verbs[0] in (get)", true),
        ("ka.req.service.type = NodePort", true),
        ("ka.req.service.ports[1] in ('{\"port\":2}')", true),
        ("len(ka.req.service.ports) = 2", true),
        ("ka.uri exists", false),
    ] {
        check(REST, condition, expected);
    }
    check(NAMELESS, "ka.verb exists", false);
    check(NAMELESS, "jevt.value[/verb] = get", true);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let file = File { name: "test.yaml".to_owned(), text: text.to_owned() };
    let problems = load(&[file], Matching::First).map(|_| ()).expect_err(text);
    let told: Vec<_> = problems.iter().map(Problem::in_one_line).collect();
    assert!(told.iter().any(|told| told.contains(expected)), "{expected} is not in\n{}", told.join("\n"));
}

#[test]
fn what_falco_refuses_is_refused_with_its_place() {
    for (condition, expected) in [
        ("ka.verb = get or(ka.verb = x) and ka.user.name = y", "17:35: `and` cannot stand here"),
        ("ka.verb = get AND by_eve", "17:19: `AND` cannot stand here; write it in lower case"),
        ("ka.verb = \"a\\q\"", "17:17: this escape is not known"),
        ("ka.verb = \"open", "17:15: this quote is not closed"),
        ("ka.user.groups = devs", "17:20: the left side is a list"),
        ("ka.user.groups contains devs", "the left side is a list"),
        ("ka.req.pod.containers.image[01] exists", "17:5: `01` is no index"),
        ("ka.verb[x] = get", "`ka.verb` takes no argument"),
        ("ka.uri.param = x", "`ka.uri.param` needs an argument"),
        ("ka.verbs = get", "17:5: there is no field `ka.verbs`"),
        ("proc.name = sh", "fields of the audit log begin with ka."),
        ("ka.verb = get and nothing_such", "17:23: there is no macro `nothing_such`"),
        ("ka.verb", "expected an operator, found the end of the condition"),
        ("ka.verb = ", "a value is missing"),
        ("(ka.verb = get", "a bracket is not closed"),
        ("ka.verb in (a b)", "expected `,` or `)` in a list, found `b)`"),
        ("ka.verb in (a,)", "a value is missing"),
        ("ka.verb regex (", "a value is missing"),
        ("ka.verb regex \"(\"", "is no regular expression as we read them"),
        ("ka.verb regex val(ka.uri)", "`regex` takes a fixed value"),
        ("ka.verb < x", "`x` is no number"),
        ("len(ka.verb) contains 1", "the left side is a number"),
        ("val(ka.verb) = get", "`val()` stands on the left side"),
        ("getopt(ka.verb) = get", "there is no function `getopt`"),
        ("ka.verb = val(ka.user.groups)", "a text is compared with a list"),
        ("ka.sourceips in (10.0.0.0/99)", "`10.0.0.0/99` is no network"),
    ] {
        refused(&rules(condition), expected);
    }
    let deep = format!("{}ka.verb = get{}", "(".repeat(500), ")".repeat(500));
    refused(&rules(&deep), "nested deeper than 100");
}

#[test]
fn macros_that_nest_without_end_are_refused() {
    let (nots, brackets) = ("not (".repeat(90), ")".repeat(90));
    let mut text = String::from("- macro: m0\n  condition: ka.verb = get\n");
    for number in 1..90 {
        text += &format!("- macro: m{number}\n  condition: {nots}m{}{brackets}\n", number - 1);
    }
    refused(&format!("{text}{}", rules("m89")), "nested deeper than 300");
    // Two of each in the next one: as many ways through them as there are atoms, and each is gone once.
    let mut text = String::from("- macro: m0\n  condition: ka.verb = get\n");
    for number in 1..90 {
        text += &format!("- macro: m{number}\n  condition: m{0} and m{0}\n", number - 1);
    }
    assert!(found(&loaded(&format!("{text}{}", rules("m89"))), POD).is_empty());
}

#[test]
fn items_that_cannot_be_used_are_refused_with_their_place() {
    let rule = "- rule: r\n  desc: d\n  source: k8s_audit\n  priority: INFO\n  output: o\n  condition: ka.verb = get\n";
    for (text, expected) in [
        ("rule: r\n", "1:1: this is keys with values; a rule file is a list"),
        ("- just text\n", "1:3: an item is a single value"),
        ("- list: l\n", "1:9: `items` is missing"),
        ("- list: l\n  items: x\n", "2:10: `items` is a single value"),
        ("- list: l\n  items: [x]\n  append: true\n", "there is no list `l` before this"),
        ("- macro: m\n  condition: x.y = 1\n  append: true\n", "there is no macro `m` before this"),
        ("- rule: r\n  source: k8s_audit\n  desc: d\n", "1:9: `condition` is missing"),
        (&rule.replace("INFO", "URGENT"), "4:13: unknown priority `URGENT`"),
        (&rule.replace("output: o", "output: o %"), "5:13: there is no field `` after `%`"),
        (&rule.replace("output: o", "output: o %ka.nothing"), "there is no field `ka.nothing` after `%`"),
        (&rule.replace("output: o", "enabled: maybe\n  output: o"), "`enabled` is `maybe`"),
        ("- rule: r\n  enabled: false\n", "there is no rule `r` before this"),
        (
            &format!("{rule}- rule: r\n  append: true\n  override: {{tags: append}}\n  tags: [x]\n"),
            "9:3: `append` and `override` stand together",
        ),
        (&format!("{rule}- rule: r\n  override: {{tags: append}}\n"), "8:14: `tags` stands under `override` but not"),
        (
            &format!("{rule}- rule: r\n  override: {{priority: append}}\n  priority: INFO\n"),
            "`priority` cannot be changed",
        ),
        (
            &format!("{rule}- rule: r\n  override: {{tags: append}}\n  tags: [x]\n  desc: y\n"),
            "10:3: `desc` is not named under `override`",
        ),
        ("- required_engine_version: soon\n", "is no version"),
        ("- list: [\n", "this is not YAML as we read it"),
    ] {
        refused(text, expected);
    }
    let circle = "- macro: a\n  condition: ka.verb = get\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n";
    refused(&format!("{circle}{}", rule.replace("ka.verb = get", "b")), "the macro `b` names itself");
    let late = "- macro: a\n  condition: b\n- macro: b\n  condition: ka.verb = get\n";
    refused(&format!("{late}{}", rule.replace("ka.verb = get", "a")), "the macro `b` is defined only after `a`");
}

const BASE: &str = "- macro: get\n  condition: ka.verb = get\n- list: users\n  items: [root]\n\
    - rule: r\n  desc: d\n  source: k8s_audit\n  priority: INFO\n  output: o\n  \
    condition: ka.verb = create and not ka.user.name in (users)\n";

#[test]
fn later_items_change_earlier_ones() {
    for (amendment, expected) in [
        ("", vec!["o"]),
        ("- list: users\n  items: [eve]\n  append: true\n", vec![]),
        ("- list: users\n  items: [eve]\n  override: {items: append}\n", vec![]),
        ("- list: users\n  items: [eve]\n", vec![]),
        ("- rule: r\n  enabled: false\n", vec![]),
        ("- rule: r\n  enabled: false\n  override: {enabled: replace}\n", vec![]),
        ("- rule: r\n  append: true\n  condition: and ka.user.name = x\n", vec![]),
        (
            "- rule: r\n  condition: or get\n  output: (%ka.verb)\n  override: {condition: append, output: append}\n",
            vec!["o (create)"],
        ),
        ("- rule: r\n  condition: ka.verb = get\n  override: {condition: replace}\n", vec![]),
        ("- rule: r\n  output: p\n  override: {output: replace}\n", vec!["p"]),
        // Exceptions: a field with values, tuples, and operators of their own.
        (
            "- rule: r\n  override: {exceptions: append}\n  exceptions:\n  - name: e\n    fields: ka.user.name\n    \
             values: [x, eve]\n",
            vec![],
        ),
        (
            "- rule: r\n  override: {exceptions: append}\n  exceptions:\n  - name: e\n    fields: [ka.user.name, \
             ka.target.namespace]\n    values:\n    - [eve, other]\n    - [x, web]\n",
            vec!["o"],
        ),
        (
            "- rule: r\n  override: {exceptions: append}\n  exceptions:\n  - name: e\n    fields: [ka.user.name, \
             ka.target.namespace]\n    comps: [startswith, in]\n    values:\n    - [e, [a, web]]\n",
            vec![],
        ),
        (
            "- rule: r\n  override: {exceptions: append}\n  exceptions:\n  - name: e\n    fields: [ka.user.name]\n",
            vec!["refused"],
        ),
    ] {
        let text = format!("{BASE}{amendment}");
        let file = File { name: "test.yaml".to_owned(), text: text.clone() };
        let told = match load(&[file], Matching::First) {
            Ok(loaded) => found(&loaded.falco, POD),
            Err(_) => vec!["refused".to_owned()],
        };
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn a_redefined_rule_keeps_its_place_and_the_first_match_wins() {
    let rule = |name: &str, output: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  source: k8s_audit\n  priority: INFO\n  output: {output}\n  condition: ka.verb = create\n"
        )
    };
    let text = format!("{}---\n{}{}", rule("a", "first"), rule("b", "second"), rule("a", "again"));
    let file = File { name: "test.yaml".to_owned(), text };
    let told = |matching| found(&load(std::slice::from_ref(&file), matching).unwrap().falco, POD);
    assert_eq!(told(Matching::First), ["again"]);
    assert_eq!(told(Matching::All), ["again", "second"]);
}

#[test]
fn outputs_show_fields_masked_and_bounded() {
    let told = |output: &str, event: &str| {
        let text = rules("ka.user.name = eve").replace("output: o", &format!("output: '{output}'"));
        found(&loaded(&text), event).concat()
    };
    for (output, expected) in [
        ("user=%ka.user.name.", "user=eve."),
        ("%ka.user.groups %ka.impuser.name", "(devs,system:authenticated) <NA>"),
        ("[%10ka.verb][%3ka.verb]", "[create    ][cre]"),
        ("%jevt.value[/requestObject/spec/hostNetwork]", "true"),
        ("%ka.req.pod.containers.image[1]", "(nginx)"),
        ("%toupper(ka.verb)/%len(ka.user.groups)", "CREATE/2"),
        ("%ka.response.code%ka.verb", "201create"),
        ("%ka.target.name/%ka.target.resource", "shell/pods"),
        ("%ka.auth.decision", "allow"),
        ("%evt.time", "2026-11-22T12:00:00.000001Z"),
    ] {
        assert_eq!(told(output, POD), expected, "{output}");
    }
    assert_eq!(told("%ka.req.configmap.obj", REST), r#"{"k":"[masked, 13 bytes]"}"#);
    let long = POD.replace("kubectl/v1.36", &"x".repeat(5000));
    let shown = told("%ka.useragent", &long);
    assert!(shown.chars().count() < 1100 && shown.ends_with("bytes in all)"), "{shown}");
}

#[test]
fn what_a_reader_should_know_is_said_once() {
    let text = format!(
        "{}- rule: s\n  desc: d\n  priority: INFO\n  output: o\n  condition: evt.type = open\n",
        rules("ka.sourceips in (10.0.0.0/8) and ka.req.pod.containers.host_port exists")
    );
    let file = File { name: "test.yaml".to_owned(), text };
    let warnings: Vec<_> = load(&[file], Matching::First).unwrap().warnings.iter().map(Problem::in_one_line).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for part in ["test.yaml:11:9: `ka.sourceips`", "`host_port`", "1 rule is of the source `syscall`"] {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part} is not in {warnings:?}");
    }
}

#[test]
fn names_become_ids_and_tags_techniques() {
    let rule = |name: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  source: k8s_audit\n  priority: INFO\n  output: o\n  tags: [k8s, T1610, mitre_execution, T1552.007, T99]\n  condition: ka.verb = get\n"
        )
    };
    let rules = loaded(&format!("{}{}", rule("Attach/Exec Pod"), rule("attach exec (pod)"))).rules();
    let ids: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["falco-attach-exec-pod", "falco-attach-exec-pod-2"]);
    assert_eq!(rules[0].techniques, ["T1610", "T1552.007"]);
}
