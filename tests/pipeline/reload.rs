//! The configuration changes while the process is at work.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::lab::{Attack, Clock, Folder, Process, Receiver, wait_for};

const OK: &str = "gatecrier_reload_total{result=\"ok\"}";
const FAILED: &str = "gatecrier_reload_total{result=\"failed\"}";

/// A running process, what it reads and whom it tells.
struct Lab {
    receiver: Receiver,
    folder: Folder,
    process: Process,
    clock: Clock,
}

impl Lab {
    fn start() -> Self {
        let receiver = Receiver::start();
        let folder = Folder::telling(receiver.address);
        let process = Process::start(&folder);
        let mut lab = Self { receiver, folder, process, clock: Clock::now() };
        lab.attack("first");
        lab
    }

    /// An attack that is told of.
    fn attack(&mut self, user: &str) {
        self.quietly(user);
        self.receiver.wait_for(user);
    }

    /// An attack of which nobody may hear.
    fn quietly(&mut self, user: &str) {
        self.folder.write(&Attack::by(user, self.clock.next()));
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.config()).unwrap()
    }

    fn rewrite(&self, text: &str) {
        fs::write(self.folder.config(), text).unwrap();
    }

    /// Waits until so many reloads came to this.
    #[track_caller]
    fn wait_for(&self, result: &str, times: f64) {
        wait_for(result, || self.process.metric(result) == Some(times));
    }

    fn told(&self, user: &str) -> usize {
        self.receiver.newest().values().filter(|alert| alert["subject"].as_str().unwrap().contains(user)).count()
    }

    fn own_alerts(&self) -> Vec<String> {
        let own = |alert: &serde_json::Value| alert["rule"]["id"] == "reload-failed";
        let newest = self.receiver.newest();
        newest.values().filter(|alert| own(alert)).map(|alert| alert["summary"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_changes_is_at_work_and_what_was_told_is_remembered() {
    let mut lab = Lab::start();
    let entry = "{ name: drill, identity: mallory, reason: a drill, author: bob, until: 2099-01-01 }";
    lab.rewrite(&format!("{}suppressions: [{entry}]\n", lab.text()));
    lab.wait_for(OK, 1.0);
    lab.quietly("mallory");
    lab.quietly("first");
    lab.attack("second");
    assert_eq!((lab.told("mallory"), lab.told("first"), lab.told("second")), (0, 1, 1));
    wait_for("the count", || lab.process.total("gatecrier_suppressed_findings_total{suppression=\"drill\"") == 1.0);
    assert_eq!(lab.process.metric("gatecrier_configuration_stale"), Some(0.0));
    // Its repeat was counted by the alert that was open before.
    let (status, _) = lab.process.terminate();
    assert!(status.success());
    assert_eq!(lab.receiver.newest().len(), 2);
}

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing_and_is_told_once() {
    let mut lab = Lab::start();
    let good = lab.text();
    wait_for("readiness", || lab.process.get("/readyz").contains("\"ready\":true"));
    lab.rewrite(&format!("{good}supressions: []\n"));
    lab.wait_for(FAILED, 1.0);
    wait_for("the alert", || !lab.own_alerts().is_empty());
    let told = lab.own_alerts();
    assert!(told[0].contains("unknown key `supressions`") && told[0].contains("did you mean"), "{told:?}");
    let ready = lab.process.get("/readyz");
    assert!(ready.contains("\"ready\":true"), "{ready}");
    assert_eq!(lab.process.metric("gatecrier_configuration_stale"), Some(1.0));
    lab.attack("second");
    // Wrong in another way, and only in a file that it names.
    lab.rewrite(&good.replace("pack: false", "pack: false, files: [mine.yml]"));
    lab.wait_for(FAILED, 2.0);
    lab.attack("third");
    assert_eq!(lab.own_alerts(), told);
    let rule = "title: Mine\nid: mine\nlogsource: { product: kubernetes, service: audit }\n\
        detection: { secrets: { user.username: rudolf }, condition: secrets }\nlevel: critical\n";
    fs::write(lab.folder.path().join("mine.yml"), rule).unwrap();
    lab.wait_for(OK, 1.0);
    lab.attack("rudolf");
    assert!(lab.receiver.alerts().iter().any(|alert| alert["rule"]["id"] == "mine"));
    assert_eq!(lab.process.metric("gatecrier_configuration_stale"), Some(0.0));
}

#[test]
fn a_config_map_is_seen_to_change() {
    let receiver = Receiver::start();
    let folder = Folder::telling(receiver.address);
    let at = |name: &str| folder.path().join(name);
    let text = fs::read_to_string(folder.config()).unwrap().replace("cidrs: [198.51.100.0/24]", "files: [office.txt]");
    // As the kubelet mounts it: files are links through `..data`, which is swapped.
    let publish = |version: &str, office: &str| {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("gatecrier.yaml"), &text).unwrap();
        fs::write(at(version).join("office.txt"), office).unwrap();
        symlink(version, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    publish("..1", "198.51.100.0/24\n");
    fs::remove_file(folder.config()).unwrap();
    for name in ["gatecrier.yaml", "office.txt"] {
        symlink(format!("..data/{name}"), at(name)).unwrap();
    }
    let process = Process::start(&folder);
    let mut lab = Lab { receiver, folder, process, clock: Clock::now() };
    lab.attack("first");
    fs::create_dir(lab.folder.path().join("unrelated")).unwrap();
    let at = |name: &str| lab.folder.path().join(name);
    fs::create_dir(at("..2")).unwrap();
    fs::write(at("..2/gatecrier.yaml"), &text).unwrap();
    fs::write(at("..2/office.txt"), "10.99.0.0/24\n").unwrap();
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    lab.wait_for(OK, 1.0);
    lab.quietly("second");
    lab.folder.write(&Attack { user: "third", address: "198.51.100.7", ..Attack::default() }.line(lab.clock.next()));
    lab.receiver.wait_for("third");
    assert_eq!(lab.told("second"), 0, "its address is in the office now");
}

#[test]
fn a_window_half_full_stays_half_full() {
    let mut lab = Lab::start();
    let denied = |lab: &mut Lab, times: usize| {
        for _ in 0..times {
            let line = Attack { user: "eve", address: "198.51.100.9", ..Attack::default() }.line(lab.clock.next());
            lab.folder.write(&line.replace(r#""code":200"#, r#""code":403"#).replace(r#":"allow""#, r#":"forbid""#));
        }
    };
    denied(&mut lab, 12);
    lab.attack("second");
    let asked = Command::new("kill").args(["-HUP", &lab.process.id().to_string()]).status().unwrap();
    assert!(asked.success());
    lab.wait_for(OK, 1.0);
    assert!(!lab.receiver.has("198.51.100.9"));
    denied(&mut lab, 8);
    lab.receiver.wait_for("198.51.100.9");
}

#[test]
fn what_needs_a_restart_is_named() {
    let mut lab = Lab::start();
    let text = lab.text();
    lab.rewrite(&text.replace("/hook", "/other"));
    lab.wait_for(OK, 1.0);
    wait_for("the warning", || lab.process.said().contains("`sinks` has changed: it needs a restart"));
    assert!(!lab.process.said().contains("`sources` has changed"));
    assert_eq!(lab.process.metric("gatecrier_configuration_stale"), Some(1.0));
    lab.attack("second");
    lab.rewrite(&text);
    wait_for("what it was", || lab.process.metric("gatecrier_configuration_stale") == Some(0.0));
}

#[test]
fn killed_around_a_reload_it_tells_all_and_nothing_twice() {
    let mut lab = Lab::start();
    let text = lab.text();
    for round in 0..4 {
        let users: Vec<_> = (0..20).map(|n| format!("eve-{round}-{n}.")).collect();
        let rewrite = format!("{text}detection: {{ learning: {}h }}\n", round + 1);
        for (n, user) in users.iter().enumerate() {
            lab.quietly(user);
            if n == 10 {
                // It is at work, and has begun to read.
                lab.receiver.wait_for(&users[0]);
                lab.rewrite(&rewrite);
            }
        }
        if round % 2 == 0 {
            lab.wait_for(OK, 1.0);
        }
        lab.process.kill();
        lab.process = Process::start(&lab.folder);
    }
    lab.attack("last");
    for (round, n) in (0..4).flat_map(|round| (0..20).map(move |n| (round, n))) {
        let user = format!("eve-{round}-{n}.");
        lab.receiver.wait_for(&user);
        assert_eq!(lab.told(&user), 1, "{user}");
    }
}
