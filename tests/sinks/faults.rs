//! Whole lanes, from a backlog to a server that fails in every way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatecrier::alert::Alert;
use gatecrier::deliver::{Backlog, Config, DeadLetters, deliver};
use gatecrier::metrics::Metrics;
use gatecrier::sink::Sink;
use gatecrier::sink::elasticsearch::Elasticsearch;
use gatecrier::sink::loki::Loki;
use gatecrier::sink::webhook::Webhook;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::server::{Answer, Server, body, header, status};
use crate::{alerts, config};

/// A backlog in memory that tells when it is empty.
struct Memory {
    left: VecDeque<Alert>,
    out: usize,
    empty: Arc<Notify>,
}

impl Backlog for Memory {
    fn next(&mut self, max_alerts: usize, _: usize) -> anyhow::Result<Option<Vec<Alert>>> {
        self.out = self.left.len().min(max_alerts);
        Ok((self.out > 0).then(|| self.left.iter().take(self.out).cloned().collect()))
    }

    async fn wait(&mut self) {
        std::future::pending().await
    }

    fn done(&mut self) -> anyhow::Result<()> {
        self.left.drain(..self.out);
        if self.left.is_empty() {
            self.empty.notify_one();
        }
        Ok(())
    }
}

/// Delivers so many alerts and returns the ids of those that were parked.
pub async fn run(sink: impl Sink, count: usize) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let dead = DeadLetters::new(dir.path(), "test");
    let (empty, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let source = Memory { left: alerts(count).into(), out: 0, empty: Arc::clone(&empty) };
    let config = Config {
        backoff_base: Duration::from_millis(1),
        backoff_cap: Duration::from_millis(5),
        send_timeout: Duration::from_millis(500),
        ..Config::default()
    };
    let lane = deliver("test".to_owned(), sink, source, dead.clone(), Metrics::new(), config, stop.clone());
    let lane = tokio::spawn(lane);
    tokio::time::timeout(Duration::from_secs(30), empty.notified()).await.expect("all is delivered or parked");
    stop.cancel();
    lane.await.unwrap();
    let text = std::fs::read_to_string(dead.path()).unwrap_or_default();
    let entries = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    entries.map(|entry| entry["alert"]["id"].as_str().unwrap().to_owned()).collect()
}

fn faults() -> Vec<Answer> {
    let soon = header(429, "retry-after", "0");
    vec![status(500), soon, Answer::Hang, Answer::Cut, status(408), status(503), body(502, "<html>"), status(504)]
}

/// The items without repeats of those before, in order.
fn firsts(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for id in ids {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_webhook_gets_everything_but_poison_in_order() {
    let server = Server::choosing(faults(), |asked| {
        // Poison from the first attempt to the last.
        ["7.1", "8.1"].contains(&asked.header("idempotency-key")).then(|| status(422))
    });
    let sink = Webhook::new(&config(json!({"url": server.url("/")}))).unwrap();
    assert_eq!(run(sink, 30).await, ["7", "8"]);
    let arrived = server.asked().into_iter().map(|asked| asked.json()["id"].as_str().unwrap().to_owned());
    assert_eq!(firsts(arrived), ids(0..30));
}

#[tokio::test]
async fn loki_gets_everything_but_poison_in_order() {
    let stored = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut script: VecDeque<Answer> = faults().into();
    // As Loki does: a bad entry is a 400, and the good ones of the push are stored all the same.
    let (keep, script) = (Arc::clone(&stored), std::sync::Mutex::new(script.split_off(0)));
    let server = Server::choosing([], move |asked| {
        if let Some(fault) = script.lock().unwrap().pop_front() {
            return Some(fault);
        }
        let push = asked.json();
        let values = push["streams"][0]["values"].as_array().unwrap();
        let ids: Vec<String> = values.iter().map(|entry| entry[2]["alert_id"].as_str().unwrap().to_owned()).collect();
        let (bad, good): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id == "11");
        keep.lock().unwrap().extend(good);
        Some(if bad.is_empty() { status(204) } else { body(400, "max entry size exceeded") })
    });
    let sink = Loki::new(&config(json!({"url": server.url("/")}))).unwrap();
    assert_eq!(run(sink, 40).await, ["11"]);
    let mut stored = firsts(stored.lock().unwrap().clone());
    stored.sort_by_key(|id| id.parse::<usize>().unwrap());
    assert_eq!(stored, ids((0..40).filter(|&number| number != 11)));
}

#[tokio::test]
async fn elasticsearch_gets_everything_but_poison() {
    let script = std::sync::Mutex::new(VecDeque::from(faults()));
    let stored = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let keep = Arc::clone(&stored);
    let server = Server::choosing([], move |asked| {
        if let Some(fault) = script.lock().unwrap().pop_front() {
            return Some(fault);
        }
        let mut stored = keep.lock().unwrap();
        let items: Vec<_> = asked
            .lines()
            .iter()
            .step_by(2)
            .enumerate()
            .map(|(place, action)| {
                let id = action["create"]["_id"].as_str().unwrap().to_owned();
                let (status, kind) = match id.as_str() {
                    "5.1" => (400, "document_parsing_exception"),
                    _ if stored.contains(&id) => (409, "version_conflict_engine_exception"),
                    // Only the first three of a request find room.
                    _ if place >= 3 => (429, "es_rejected_execution_exception"),
                    _ => (201, ""),
                };
                if status == 201 {
                    stored.push(id);
                    return json!({"create": {"status": 201}});
                }
                json!({"create": {"status": status, "error": {"type": kind, "reason": "so"}}})
            })
            .collect();
        Some(body(200, &json!({"errors": true, "items": items}).to_string()))
    });
    let sink = Elasticsearch::new(&config(json!({"url": server.url("/"), "template": false}))).unwrap();
    assert_eq!(run(sink, 40).await, ["5"]);
    let expected: Vec<String> = (0..40).filter(|&number| number != 5).map(|number| format!("{number}.1")).collect();
    assert_eq!(*stored.lock().unwrap(), expected);
}
