//! The release binary over a log in a folder of its own, and a webhook receiver for its alerts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running `gatecrier run`, killed when it is dropped.
pub struct Program {
    child: Child,
    server: SocketAddr,
    /// The log it reads.
    pub log: PathBuf,
    _folder: tempfile::TempDir,
}

/// Memory in megabytes.
pub struct Memory {
    /// In use.
    pub now: f64,
    /// The most so far.
    pub most: f64,
}

impl Program {
    /// Starts it over an empty log and waits until it reads that.
    pub fn start(receiver: &Receiver) -> Self {
        Self::start_with(receiver, "{ audit: { file: { path: audit.log } } }")
    }

    /// Starts it with these sources, beside an empty log, and waits until it is ready.
    pub fn start_with(receiver: &Receiver, sources: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        std::fs::write(&log, "").unwrap();
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab.yaml");
        let config = format!(
            "{}\nstate: {:?}\nsources: {sources}\n\
             sinks: {{ webhook: {{ here: {{ url: \"http://{}/\" }} }} }}\nserver: {{ listen: \"127.0.0.1:0\" }}\n",
            std::fs::read_to_string(lab).unwrap(),
            folder.path().join("state"),
            receiver.address,
        );
        let path = folder.path().join("gatecrier.yaml");
        std::fs::write(&path, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatecrier"))
            .args(["run", "-c"])
            .arg(&path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let server = lines
            .find_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok()?["address"].as_str()?.parse().ok());
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        let program = Self { child, server: server.unwrap(), log, _folder: folder };
        program.wait(|| program.get("/readyz").starts_with("HTTP/1.1 200"));
        program
    }

    /// Waits until so many events have been read.
    pub fn wait_until_read(&self, events: u64) {
        self.wait(|| {
            let metrics = self.get("/metrics");
            let read = metrics.lines().find(|line| line.starts_with("gatecrier_events_total"));
            read.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).is_some_and(|read: u64| read >= events)
        });
    }

    /// What it takes now.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let megabytes = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
        };
        Memory { now: megabytes("VmRSS:"), most: megabytes("VmHWM:") }
    }

    /// CPU time it has taken, of all its threads.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        // The kernel counts in hundredths of a second for everybody, whatever its own clock does.
        Duration::from_millis(ticks * 10)
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.server).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn wait(&self, reached: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached() {
            assert!(Instant::now() < deadline, "waited too long");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When each name in the alerts came in for the first time.
type Arrivals = Arc<(Mutex<HashMap<String, Instant>>, Condvar)>;

/// Takes every alert, and notes whom it is about.
pub struct Receiver {
    address: SocketAddr,
    arrivals: Arrivals,
}

impl Receiver {
    /// Listens on a port of its own.
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, arrivals) = (listener.local_addr().unwrap(), Arrivals::default());
        let shared = Arc::clone(&arrivals);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let arrivals = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &arrivals));
            }
        });
        Self { address, arrivals }
    }

    /// When the alert about this actor came in.
    pub fn wait_for(&self, name: &str) -> Instant {
        let (arrivals, came) = &*self.arrivals;
        let missing = |arrivals: &mut HashMap<String, Instant>| !arrivals.contains_key(name);
        let (arrivals, _) = came.wait_timeout_while(arrivals.lock().unwrap(), PATIENCE, missing).unwrap();
        assert!(arrivals.contains_key(name), "no alert about {name}");
        arrivals[name]
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, (arrivals, came): &(Mutex<HashMap<String, Instant>>, Condvar)) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(&stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            match line.strip_prefix("content-length:") {
                Some(value) => length = value.trim().parse().unwrap(),
                None if line.is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let received = Instant::now();
        let alert: serde_json::Value = serde_json::from_slice(&body).unwrap();
        if let Some(name) = alert["actor"]["name"].as_str() {
            arrivals.lock().unwrap().entry(name.to_owned()).or_insert(received);
            came.notify_all();
        }
        (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    }
}
