//! Three thousand rules cost about as much as fifty, and fifty little more than none; and so does the pack.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod quiet;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use gatecrier::analyze::Analyzer;
use gatecrier::config::Config;
use gatecrier::pipeline;
use quiet::{Log, analyze, config, cpu_time};

const FEW: usize = 50;
const MANY: usize = 3_000;

/// How many times the few the many may cost, of the whole analysis.
const MANY_MOST: f64 = 2.0;

/// How many times no rules at all the few may cost.
const FEW_MOST: f64 = 1.3;

/// How many times no rules at all the pack may cost.
const PACK_MOST: f64 = 1.3;

/// Rules in one file.
const FILE_RULES: usize = 250;

/// Rounds, of which the medians are compared.
const ROUNDS: usize = 15;

const RESOURCES: [&str; 14] = [
    "pods",
    "secrets",
    "configmaps",
    "deployments",
    "daemonsets",
    "jobs",
    "cronjobs",
    "services",
    "nodes",
    "roles",
    "clusterroles",
    "rolebindings",
    "serviceaccounts",
    "namespaces",
];

const ACTIONS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "exec"];

/// The detection of one rule. They look like those people write: some about what was asked and by whom, some about
/// the program, the place, the address, the body, and of exceptions.
fn detection(number: usize) -> String {
    let resource = RESOURCES[number % RESOURCES.len()];
    let action = ACTIONS[number / 3 % ACTIONS.len()];
    match number % 8 {
        0 => format!(
            "  s: {{request.action: {action}, objectRef.resource: {resource}, user.username: person-{number}}}\n  condition: s\n"
        ),
        1 => format!(
            "  s: {{verb: [{action}, delete], objectRef.resource: {resource}}}\n  f: {{user.username|startswith: 'system:'}}\n  g: {{objectRef.name: nothing-{number}}}\n  condition: s and g and not f\n"
        ),
        2 => format!(
            "  s: {{objectRef.resource: {resource}, userAgent|contains: [tool-{number}, scan-{number}, probe-{number}]}}\n  condition: s\n"
        ),
        3 => format!("  s: {{request.action: exec, exec.command|contains: /opt/tool-{number}}}\n  condition: s\n"),
        4 => format!(
            "  s: {{verb: [create, patch], objectRef.resource: {resource}, requestObject.spec.containers.image|contains: bad-{number}}}\n  condition: s\n"
        ),
        5 => format!(
            "  s: {{client.trusted: 'false', request.outcome: success, objectRef.resource: {resource}, objectRef.namespace: space-{number}}}\n  condition: s\n"
        ),
        6 => format!(
            "  s: {{userAgent|startswith: 'agent-{number}/'}}\n  t: {{sourceIPs|cidr: 192.0.{}.0/24}}\n  condition: s or t\n",
            number % 256
        ),
        _ => format!(
            "  s: {{objectRef.resource: custom-{number}, verb: {action}}}\n  t: {{responseStatus.code: [401, 403], user.username: robot-{number}}}\n  condition: 1 of them\n"
        ),
    }
}

/// The lab's configuration with so many rules.
fn with_rules(folder: &Path, count: usize) -> Analyzer {
    let mut config: Config = config();
    let head = "logsource: {product: kubernetes, service: audit}";
    let mut text = String::new();
    for number in 0..count {
        write!(text, "---\ntitle: Rule {number}\nid: rule-{number}\n{head}\ndetection:\n{}", detection(number))
            .unwrap();
        if number % FILE_RULES == FILE_RULES - 1 || number == count - 1 {
            let file = folder.join(format!("{count}-{number}.yml"));
            std::fs::write(&file, std::mem::take(&mut text)).unwrap();
            config.rules.files.push(file);
        }
    }
    pipeline::analyzer(&config).unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let counts = [0, FEW, MANY];
    let names = ["no rules", "50", "3000", "pack", "few/none", "many/few", "pack/none"];
    println!("{:12}{}", "ns an event", names.map(|name| format!("{name:>11}")).concat());
    for log in Log::both() {
        let mut analyzers: Vec<_> = counts.iter().map(|count| with_rules(folder.path(), *count)).collect();
        let mut config = config();
        config.rules.pack = true;
        analyzers.push(pipeline::analyzer(&config).unwrap());
        let mut times = vec![[Duration::MAX; 4]; ROUNDS];
        for (day, round) in (0..).zip(&mut times) {
            let log = log.after_days(day);
            for (analyzer, time) in analyzers.iter_mut().zip(round) {
                let begun = cpu_time();
                log.batches.iter().for_each(|batch| drop(analyze(analyzer, batch)));
                *time = cpu_time() - begun;
            }
        }
        let median = |which: usize| {
            let mut all: Vec<_> = times.iter().map(|round| round[which].as_nanos() as f64).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2] / log.events as f64
        };
        let [none, few, many, pack] = [0, 1, 2, 3].map(median);
        let shown = [none, few, many, pack].map(|time| format!("{time:>11.0}")).concat();
        println!("{:12}{shown}{:>11.2}{:>11.2}{:>11.2}", log.name, few / none, many / few, pack / none);
        assert!(few / none <= FEW_MOST, "{FEW} rules cost more than {FEW_MOST} times none");
        assert!(pack / none <= PACK_MOST, "the pack costs more than {PACK_MOST} times none");
        assert!(many / few <= MANY_MOST, "{MANY} rules cost more than {MANY_MOST} times {FEW}");
    }
}
