//! Lanes against sinks that fail as scripted, on a clock that does not wait.

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;
use crate::sink::sample;

/// What a test sees of its sink.
#[derive(Debug, Default)]
struct Seen {
    /// When something was sent, and how many alerts.
    sends: Vec<(Instant, usize)>,
    /// Ids taken, in order, repeats included.
    taken: Vec<String>,
}

/// One answer of a sink.
enum Step {
    Retry(Option<u64>),
    Hang,
}

/// Answers by script, then takes everything but the poison.
struct Script {
    steps: VecDeque<Step>,
    poison: BTreeSet<String>,
    /// Names the poison by index instead of refusing the batch.
    by_index: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>, poison: &[usize]) -> (Self, Arc<Mutex<Seen>>) {
        let seen = Arc::default();
        let poison = poison.iter().map(usize::to_string).collect();
        (Self { steps: steps.into_iter().collect(), poison, by_index: false, seen: Arc::clone(&seen) }, seen)
    }

    fn take(&self, alerts: &[Alert]) -> Result<(), SendError> {
        let is_poison = |alert: &Alert| self.poison.contains(&alert.id);
        let good = || alerts.iter().filter(|alert| !is_poison(alert)).map(|alert| alert.id.clone());
        let bad: Vec<usize> = (0..alerts.len()).filter(|&index| is_poison(&alerts[index])).collect();
        if bad.is_empty() || self.by_index {
            self.seen.lock().unwrap().taken.extend(good());
        }
        match (bad.is_empty(), self.by_index) {
            (true, _) => Ok(()),
            (false, true) => {
                let rejected = bad.into_iter().map(|index| (index, anyhow!("poison"))).collect();
                Err(SendError::Partly { rejected, retry: Vec::new(), after: None, cause: None })
            }
            (false, false) => Err(SendError::Reject(anyhow!("poison"))),
        }
    }
}

impl Sink for Script {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        self.seen.lock().unwrap().sends.push((Instant::now(), alerts.len()));
        match self.steps.pop_front() {
            None => self.take(alerts),
            Some(Step::Retry(after)) => {
                Err(SendError::Retry { after: after.map(Duration::from_secs), cause: anyhow!("down") })
            }
            Some(Step::Hang) => pending().await,
        }
    }

    async fn check(&self) -> anyhow::Result<String> {
        Ok("by script".to_owned())
    }
}

/// A backlog in memory. Tells when all of it is done.
struct Memory {
    left: VecDeque<Alert>,
    out: usize,
    next_failures: usize,
    done_failures: usize,
    empty: Arc<Notify>,
}

impl Backlog for Memory {
    fn next(&mut self, max_alerts: usize, _: usize) -> anyhow::Result<Option<Vec<Alert>>> {
        assert_eq!(self.out, 0, "next without done");
        if self.next_failures > 0 {
            self.next_failures -= 1;
            anyhow::bail!("input/output error");
        }
        self.out = self.left.len().min(max_alerts);
        Ok((self.out > 0).then(|| self.left.iter().take(self.out).cloned().collect()))
    }

    async fn wait(&mut self) {
        pending().await
    }

    fn done(&mut self) -> anyhow::Result<()> {
        if self.done_failures > 0 {
            self.done_failures -= 1;
            anyhow::bail!("no space left on device");
        }
        self.left.drain(..self.out);
        self.out = 0;
        if self.left.is_empty() {
            self.empty.notify_one();
        }
        Ok(())
    }
}

struct Run {
    dir: tempfile::TempDir,
    metrics: Metrics,
    config: Config,
    next_failures: usize,
    done_failures: usize,
}

impl Run {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, metrics: Metrics::new(), config: Config::default(), next_failures: 0, done_failures: 0 }
    }

    /// Delivers the alerts and returns when all are done with.
    async fn deliver<S: Sink>(&self, alerts: Vec<Alert>, sink: S) {
        let (stop, empty) = (CancellationToken::new(), Arc::new(Notify::new()));
        let left = alerts.into();
        let source = Memory {
            left,
            out: 0,
            next_failures: self.next_failures,
            done_failures: self.done_failures,
            empty: Arc::clone(&empty),
        };
        let dead = DeadLetters::new(self.dir.path(), "test");
        let (name, metrics, config) = ("test".to_owned(), self.metrics.clone(), self.config.clone());
        let lane = tokio::spawn(deliver(name, sink, source, dead, metrics, config, stop.clone()));
        let deadline = Duration::from_secs(100 * 24 * 3600);
        timeout(deadline, empty.notified()).await.expect("all alerts are done with some day");
        stop.cancel();
        lane.await.unwrap();
    }

    fn parked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(DeadLetters::new(self.dir.path(), "test").path()).unwrap_or_default();
        let id =
            |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["alert"]["id"].as_str().unwrap().to_owned();
        text.lines().map(id).collect()
    }

    fn count(&self, result: &'static str) -> u64 {
        self.metrics.deliveries.get_or_create(&BySinkResult { sink: "test".to_owned(), result }).get()
    }

    fn circuit(&self) -> i64 {
        self.metrics.circuit_open.get_or_create(&BySink { sink: "test".to_owned() }).get()
    }
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn alerts_arrive_in_order_and_once() {
    let run = Run::new();
    let (sink, seen) = Script::new([], &[]);
    run.deliver(sample::alerts(250), sink).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.taken, ids(0..250));
    assert_eq!(seen.sends.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!((run.count("delivered"), run.count("retried"), run.count("parked")), (250, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn poison_is_parked_and_its_neighbours_arrive_in_order() {
    for by_index in [false, true] {
        for poison in [&[0][..], &[99], &[60], &[3, 4, 5], &[0, 50, 120]] {
            let run = Run::new();
            let (mut sink, seen) = Script::new([], poison);
            sink.by_index = by_index;
            run.deliver(sample::alerts(130), sink).await;
            assert_eq!(run.parked(), ids(poison.iter().copied()));
            assert_eq!(seen.lock().unwrap().taken, ids((0..130).filter(|number| !poison.contains(number))));
            assert_eq!((run.count("parked") as usize, run.count("retried")), (poison.len(), 0));
            let sends = seen.lock().unwrap().sends.len();
            assert!(sends <= 60, "{sends} sends to find {} of 130", poison.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_rejects_everything_has_everything_parked() {
    let run = Run::new();
    let all: Vec<usize> = (0..20).collect();
    let (sink, _) = Script::new([], &all);
    run.deliver(sample::alerts(20), sink).await;
    assert_eq!(run.parked(), ids(0..20));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_is_probed_with_single_alerts_until_one_is_taken() {
    let run = Run::new();
    let (sink, seen) = Script::new((0..9).map(|_| Step::Retry(None)), &[]);
    run.deliver(sample::alerts(100), sink).await;
    let seen = seen.lock().unwrap();
    let sizes: Vec<usize> = seen.sends.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [100, 50, 25, 12, 6, 1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 37]);
    assert_eq!(seen.taken, ids(0..100));
    assert_eq!(run.circuit(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_open_circuit_shows_in_the_metrics() {
    let run = Run::new();
    let (sink, seen) = Script::new((0..6).map(|_| Step::Retry(None)).chain([Step::Hang]), &[]);
    let watch = async {
        while seen.lock().unwrap().sends.len() < 7 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(run.circuit(), 1);
    };
    tokio::join!(run.deliver(sample::alerts(3), sink), watch);
    assert_eq!(run.circuit(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_receivers_wish_is_waited_for() {
    let run = Run::new();
    let (sink, seen) = Script::new([Step::Retry(Some(1800))], &[]);
    run.deliver(sample::alerts(1), sink).await;
    let sends = &seen.lock().unwrap().sends;
    assert_eq!(sends[1].0.duration_since(sends[0].0).as_secs(), 1800);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_is_given_up_and_sent_to_again() {
    let run = Run::new();
    let (sink, seen) = Script::new([Step::Hang], &[]);
    run.deliver(sample::alerts(2), sink).await;
    let seen = seen.lock().unwrap();
    let waited = seen.sends[1].0.duration_since(seen.sends[0].0).as_secs();
    assert!((60..=61).contains(&waited), "{waited}");
    assert_eq!(seen.taken, ids(0..2));
}

#[tokio::test(start_paused = true)]
async fn mild_alerts_are_passed_over() {
    let mut run = Run::new();
    run.config.min_severity = Severity::High;
    let mut alerts = sample::alerts(3);
    alerts[1].severity = Severity::Medium;
    let (sink, seen) = Script::new([], &[]);
    run.deliver(alerts, sink).await;
    assert_eq!(seen.lock().unwrap().taken, ids([0, 2]));
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_cannot_be_parked_waits_for_room() {
    let run = Run::new();
    let (sink, seen) = Script::new([], &[0]);
    let path = DeadLetters::new(run.dir.path(), "test").path().to_owned();
    std::fs::create_dir(&path).unwrap();
    let clear = async {
        while seen.lock().unwrap().sends.len() < 4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::fs::remove_dir(&path).unwrap();
    };
    tokio::join!(run.deliver(sample::alerts(1), sink), clear);
    assert_eq!(run.parked(), ["0"]);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_cannot_be_read_or_saved_is_tried_again() {
    let mut run = Run::new();
    (run.next_failures, run.done_failures) = (7, 3);
    let (sink, seen) = Script::new([], &[]);
    run.deliver(sample::alerts(150), sink).await;
    assert_eq!(seen.lock().unwrap().taken, ids(0..150));
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_nothing_for_long() {
    let states = [vec![Step::Hang], vec![Step::Retry(Some(3600))], vec![]];
    for (steps, alerts) in states.into_iter().zip([1, 1, 0]) {
        let (sink, _) = Script::new(steps, &[]);
        let dir = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let source = Memory {
            left: sample::alerts(alerts).into(),
            out: 0,
            next_failures: 0,
            done_failures: 0,
            empty: Arc::default(),
        };
        let dead = DeadLetters::new(dir.path(), "test");
        let lane = deliver("test".to_owned(), sink, source, dead, Metrics::new(), Config::default(), stop.clone());
        let lane = tokio::spawn(lane);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        stop.cancel();
        lane.await.unwrap();
        assert!(began.elapsed() <= Duration::from_secs(1));
    }
}

/// Fails at random: whole, in part, by rejection, by silence, after having taken everything.
struct Chaos {
    random: u64,
    poison: fn(usize) -> bool,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Chaos {
    fn roll(&mut self, sides: u64) -> u64 {
        // Knuth's multiplier; the high bits are random enough.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % sides
    }

    fn partly(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let (mut rejected, mut retry) = (Vec::new(), Vec::new());
        for (index, alert) in alerts.iter().enumerate() {
            if (self.poison)(alert.id.parse().unwrap()) {
                rejected.push((index, anyhow!("poison")));
            } else if self.roll(3) == 0 {
                retry.push(index);
            } else {
                self.taken.lock().unwrap().push(alert.id.clone());
            }
        }
        if rejected.is_empty() && retry.is_empty() {
            return Ok(());
        }
        Err(SendError::Partly { rejected, retry, after: None, cause: None })
    }
}

impl Sink for Chaos {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        let poisoned = alerts.iter().any(|alert| (self.poison)(alert.id.parse().unwrap()));
        let take_all = |taken: &Mutex<Vec<String>>| taken.lock().unwrap().extend(alerts.iter().map(|a| a.id.clone()));
        match self.roll(6) {
            0 => Err(SendError::retry(anyhow!("down"))),
            1 => pending().await,
            2 => self.partly(alerts),
            _ if poisoned => Err(SendError::Reject(anyhow!("poison"))),
            3 => {
                take_all(&self.taken);
                Err(SendError::retry(anyhow!("the answer was lost")))
            }
            _ => {
                take_all(&self.taken);
                Ok(())
            }
        }
    }

    async fn check(&self) -> anyhow::Result<String> {
        Ok("by script".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_nothing_is_lost_and_only_poison_is_parked() {
    for seed in 1..=40 {
        let run = Run::new();
        let taken = Arc::default();
        let poison = |number| number % 17 == 5;
        run.deliver(sample::alerts(120), Chaos { random: seed, poison, taken: Arc::clone(&taken) }).await;
        let parked = run.parked();
        assert_eq!(parked, ids((0..120).filter(|&number| poison(number))), "seed {seed}");
        let mut numbers: Vec<usize> = taken.lock().unwrap().iter().map(|id: &String| id.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(ids(numbers), ids((0..120).filter(|&number| !poison(number))), "seed {seed}");
        assert_eq!(run.count("delivered") + run.count("parked"), 120, "seed {seed}");
    }
}

/// A backlog whose cursor is watched: how much was read, and how much of it is done with.
struct Watched {
    left: VecDeque<Alert>,
    progress: Arc<Mutex<(usize, usize)>>,
}

impl Backlog for Watched {
    fn next(&mut self, max_alerts: usize, _: usize) -> anyhow::Result<Option<Vec<Alert>>> {
        let count = self.left.len().min(max_alerts);
        self.progress.lock().unwrap().0 += count;
        Ok((count > 0).then(|| self.left.drain(..count).collect()))
    }

    async fn wait(&mut self) {
        pending().await
    }

    fn done(&mut self) -> anyhow::Result<()> {
        let mut progress = self.progress.lock().unwrap();
        progress.1 = progress.0;
        Ok(())
    }
}

/// Delivers by this route for so long. Returns what was taken, and how much was read and done with.
async fn routed(alerts: Vec<Alert>, route: &str, seconds: u64) -> (Vec<String>, (usize, usize)) {
    let dir = tempfile::tempdir().unwrap();
    let (sink, seen) = Script::new([], &[]);
    let progress = Arc::default();
    let source = Watched { left: alerts.into(), progress: Arc::clone(&progress) };
    let config = Config { route: serde_json::from_str(route).unwrap(), ..Config::default() };
    let (stop, dead) = (CancellationToken::new(), DeadLetters::new(dir.path(), "test"));
    let lane = deliver("test".to_owned(), sink, source, dead, Metrics::new(), config, stop.clone());
    let lane = tokio::spawn(lane);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.cancel();
    lane.await.unwrap();
    let taken = seen.lock().unwrap().taken.clone();
    let progress = *progress.lock().unwrap();
    (taken, progress)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_with_while_something_waits() {
    let group = r#"{"group": {"window": "60s", "most": 3}}"#;
    let mut grave = sample::alert("grave", 1);
    grave.severity = Severity::Critical;
    let alerts = || sample::alerts(2).into_iter().chain([grave.clone()]).collect();
    // What is grave goes at once; what waits keeps the cursor where it was.
    assert_eq!(routed(alerts(), group, 59).await, (vec!["grave".to_owned()], (3, 0)));
    let (taken, progress) = routed(alerts(), group, 61).await;
    assert_eq!((taken, progress), (["grave", "0", "1"].map(str::to_owned).into(), (3, 3)));
}

#[tokio::test(start_paused = true)]
async fn more_than_are_told_one_by_one_are_counted() {
    let (taken, progress) = routed(sample::alerts(500), r#"{"group": {"most": 499}}"#, 1).await;
    assert_eq!((taken.len(), progress), (1, (500, 500)));
    let (taken, _) = routed(sample::alerts(500), r#"{"group": {"most": 500}}"#, 1).await;
    assert_eq!(taken.len(), 500);
    let over = |alert: Alert| Alert { status: crate::alert::Status::Closed, revision: 2, ..alert };
    let ends = sample::alerts(50).into_iter().map(over).collect();
    let (taken, progress) = routed(ends, r#"{"group": {"most": 10}}"#, 1).await;
    assert_eq!((taken.len(), progress), (10, (50, 50)));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_for_the_sink_is_passed_over() {
    let (taken, progress) = routed(sample::alerts(5), r#"{"namespaces": ["kube-*"]}"#, 1).await;
    assert_eq!((taken.len(), progress), (0, (5, 5)));
}
