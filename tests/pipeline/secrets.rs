//! Secrets in records, and every way out.

use std::fs::{self, OpenOptions};
use std::io::Write;

use crate::lab::{Attack, Clock, Folder, Mood, Process, Receiver, mode, wait_for};

/// Begins every secret. None of them may be found anywhere.
const CANARY: &str = "c4n4ry";

/// Requests that carry secrets, each by a user of its own.
fn attacks(clock: &mut Clock) -> String {
    let object = |body: &str| format!(r#","requestObject":{body},"responseObject":{body}"#);
    let secret = object(
        r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db"},"data":{"password":"c4n4ry-1"},"stringData":{"key":"c4n4ry-2"}}"#,
    );
    let map =
        object(r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"db"},"data":{"db.conf":"c4n4ry-3"}}"#);
    let token =
        object(r#"{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","status":{"token":"c4n4ry-4"}}"#);
    let review =
        object(r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"c4n4ry-5"}}"#);
    let list = object(
        r#"{"kind":"SecretList","apiVersion":"v1","items":[{"metadata":{"name":"a"},"data":{"b":"c4n4ry-6"}}]}"#,
    );
    let cut = r#","requestObject":{"kind":"Secret","data":{"password":"c4n4ry-7"#;
    let plain = "/api/v1/namespaces/prod/secrets/db";
    let exec = "/api/v1/namespaces/prod/pods/db/exec?command=mysql&command=--password%3Dc4n4ry-8&command=--token&command=c4n4ry-9";
    let query = "/api/v1/namespaces/prod/secrets/db?token=c4n4ry-10&password=c4n4ry-11";
    let requests: [(&str, &str, &str); 8] = [
        ("secret", plain, &secret),
        ("map", "/api/v1/namespaces/prod/configmaps/db", &map),
        ("token", plain, &token),
        ("review", plain, &review),
        ("list", plain, &list),
        ("cut", plain, cut),
        ("exec", exec, ""),
        ("query", query, ""),
    ];
    let line =
        |(user, uri, more): (&str, &str, &str)| Attack { user, uri, more, ..Attack::default() }.line(clock.next());
    requests.map(line).concat()
}

fn oversized(clock: &mut Clock) -> String {
    let body =
        format!(r#","requestObject":{{"kind":"Secret","data":{{"password":"c4n4ry-12{}"}}}}"#, "x".repeat(100_000));
    Attack { user: "fat", more: &body, ..Attack::default() }.line(clock.next())
}

/// Everything that left, by name.
fn everything_out(folder: &Folder, good: &Receiver, picky: &Receiver) -> Vec<(String, Vec<u8>)> {
    let files = folder.kept().into_iter().filter(|path| path.is_file());
    let outputs = ["stdout", "stderr"].map(|name| folder.path().join(name));
    let mut out: Vec<_> =
        files.chain(outputs).map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    out.extend(good.alerts().iter().map(|alert| ("taken".to_owned(), alert.to_string().into_bytes())));
    out.extend(picky.refused().into_iter().map(|body| ("refused".to_owned(), body)));
    out
}

#[test]
fn no_secret_leaves_by_any_way_out() {
    let (good, picky) = (Receiver::start(), Receiver::start());
    picky.set(Mood::Status(400));
    let hook = |receiver: &Receiver| format!("{{ url: \"http://{}/\" }}", receiver.address);
    let sinks = format!("{{ stdout: {{}}, webhook: {{ good: {}, picky: {} }} }}", hook(&good), hook(&picky));
    let folder = Folder::with(", line_bytes_max: 20000", &sinks).with_pack();
    let mut clock = Clock::now();
    folder.write(&(attacks(&mut clock) + &oversized(&mut clock) + &Attack::by("last", clock.next())));
    // A line that nobody will finish: the file is rotated in its middle.
    let torn = Attack {
        user: "torn",
        more: r#","requestObject":{"kind":"Secret","data":{"p":"c4n4ry-13"#,
        ..Attack::default()
    };
    folder.write(torn.line(clock.next()).trim_end_matches(['}', '\n']));
    let process = Process::start(&folder);
    good.wait_for("last");
    fs::rename(folder.log(), folder.log().with_file_name("audit-2025-11-25T05-00-00.000.log")).unwrap();
    folder.write(&Attack::by("after", clock.next()));
    good.wait_for("after");
    good.wait_for("(torn)");
    let dead = folder.state.join("dead-letters-webhook-picky.jsonl");
    let parked = || fs::read_to_string(&dead).unwrap_or_default();
    wait_for("everything to be parked", || parked().lines().count() >= good.alerts().len());
    assert!(process.terminate().0.success());
    let users = ["secret", "map", "token", "review", "list", "exec", "query"];
    assert!(users.iter().all(|user| good.has(&format!("{user} from"))), "{:?}", good.subjects());
    for way in ["snapshot-prod.", "quarantine.jsonl", "/outbox/", "dead-letters", "stdout", "taken", "refused"] {
        let out = everything_out(&folder, &good, &picky);
        assert!(out.iter().any(|(name, bytes)| name.contains(way) && !bytes.is_empty()), "nothing left by {way}");
    }
    for (name, bytes) in everything_out(&folder, &good, &picky) {
        let text = String::from_utf8_lossy(&bytes);
        let found = text.find(CANARY).map(|at| text[at.saturating_sub(300)..].chars().take(400).collect::<String>());
        assert_eq!(found, None, "in {name}");
    }
    for path in folder.kept() {
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
fn a_state_directory_that_others_may_read_is_closed() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    fs::create_dir(&folder.state).unwrap();
    let mut file = OpenOptions::new().create(true).append(true).open(folder.log()).unwrap();
    file.write_all(Attack::by("eve", Clock::now().next()).as_bytes()).unwrap();
    let _process = Process::start(&folder);
    receiver.wait_for("eve");
    assert_eq!(mode(&folder.state), 0o700);
}
