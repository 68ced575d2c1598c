//! Load, written by the API server's own log writer.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lab::{Attack, Clock};
use crate::ledger::Written;

/// Events a second. With a kilobyte each, a file of a megabyte is full in less than a second.
const RATE: u32 = 1200;

/// One event in so many is an attack, each by a user of its own, so that a file never has none.
const ATTACK_EVERY: usize = 50;

/// Writes until asked to end.
pub struct Writer {
    child: Child,
    producer: Option<JoinHandle<()>>,
    written: Arc<Mutex<Vec<Written>>>,
    end: Arc<AtomicBool>,
    /// Seconds by which event time is to jump next.
    jump: Arc<AtomicI64>,
}

impl Writer {
    /// One megabyte a file, compressed, three kept.
    pub fn start(log: &Path) -> Self {
        let binary =
            std::env::var_os("GATECRIER_TEST_LUMBERJACK").expect("GATECRIER_TEST_LUMBERJACK: run tests/real/run kill");
        let mut command = Command::new(binary);
        command.arg("-path").arg(log).args(["-maxsize", "1", "-maxbackups", "3", "-compress"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (written, end, jump) = (Arc::default(), Arc::default(), Arc::default());
        let input = child.stdin.take().unwrap();
        let producer = {
            let (written, end, jump) = (Arc::clone(&written), Arc::clone(&end), Arc::clone(&jump));
            std::thread::spawn(move || produce(input, &written, &end, &jump))
        };
        Self { child, producer: Some(producer), written, end, jump }
    }

    /// Lets event time jump, so that everything before is quiet for long enough to be closed.
    pub fn jump(&self, seconds: i64) {
        self.jump.store(seconds, Ordering::SeqCst);
    }

    /// Ends the load and says what was written.
    pub fn finish(mut self) -> Vec<Written> {
        self.end.store(true, Ordering::SeqCst);
        self.producer.take().unwrap().join().unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn produce(mut input: impl Write, written: &Mutex<Vec<Written>>, end: &AtomicBool, jump: &AtomicI64) {
    let (began, mut clock, mut bytes) = (Instant::now(), Clock::now(), 0);
    let filler = format!(r#","annotations.filler":"{}""#, "x".repeat(400));
    for number in 0.. {
        clock.skip_seconds(jump.swap(0, Ordering::SeqCst));
        let time = clock.next();
        let attacker = (number % ATTACK_EVERY == 0).then(|| format!("eve-{number}"));
        let (user, address) = attacker.as_deref().map_or(("alice", "198.51.100.7"), |user| (user, "10.99.0.5"));
        let line = Attack { user, address, more: &filler, ..Attack::default() }.line(time);
        bytes += line.len() as u64;
        let time = time.to_string();
        // Noted first: it may be told of as soon as it is written.
        written.lock().unwrap().push(Written { time, attacker, bytes, at: Instant::now() });
        input.write_all(line.as_bytes()).unwrap();
        if end.load(Ordering::SeqCst) {
            return;
        }
        let due = Duration::from_secs(1) * number as u32 / RATE;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
}
