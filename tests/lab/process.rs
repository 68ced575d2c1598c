//! The binary at work.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Folder, wait_for};

/// `gatecrier run`, killed when dropped.
pub struct Process {
    child: Child,
    stderr: PathBuf,
    /// Where in stderr this process began.
    began: usize,
}

impl Process {
    pub fn start(folder: &Folder) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_gatecrier")), folder)
    }

    /// Likewise, by a command that takes the binary's arguments.
    pub fn start_by(command: Command, folder: &Folder) -> Self {
        Self::begin(command, "run", folder)
    }

    /// `gatecrier forward`.
    pub fn forward(folder: &Folder) -> Self {
        Self::begin(Command::new(env!("CARGO_BIN_EXE_gatecrier")), "forward", folder)
    }

    fn begin(mut command: Command, subcommand: &str, folder: &Folder) -> Self {
        let stderr = folder.path().join("stderr");
        let began = fs::read(&stderr).map_or(0, |text| text.len());
        let append = |name| OpenOptions::new().create(true).append(true).open(folder.path().join(name)).unwrap();
        let (out, err): (File, File) = (append("stdout"), append("stderr"));
        command.arg(subcommand).arg("-c").arg(folder.config()).env_remove("RUST_LOG");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Self { child, stderr, began }
    }

    /// Its number, and that of whatever it becomes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// As the kernel does it when memory is short.
    pub fn kill(self) {
        drop(self);
    }

    /// Kills what a tracer runs before the tracer, which would let it go.
    fn kill_traced(&self) {
        let pid = self.child.id();
        let traced = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for pid in traced.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
    }

    /// Asks it to stop; says how it ended and how long that took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        (self.end(), asked.elapsed())
    }

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_for("the process to end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it said on stderr so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap()[self.began..]).into_owned()
    }

    /// Where it listens, by the name under which it says so.
    pub fn address(&self, name: &str) -> std::net::SocketAddr {
        let said = || {
            let said = self.said();
            let mut lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            lines.find_map(|line| line[name].as_str()?.parse().ok())
        };
        wait_for(name, || said().is_some());
        said().unwrap()
    }

    /// The answer to a GET of a path of the server for health and metrics.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address("address")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }

    /// The values of a metric under all its labels that begin like this.
    pub fn values(&self, name: &str) -> Vec<f64> {
        let page = self.metrics().unwrap_or_default();
        page.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' ')?.1.parse().ok()).collect()
    }

    /// The sum of a metric over all its labels.
    pub fn total(&self, name: &str) -> f64 {
        self.values(name).iter().sum()
    }

    /// The value of a metric, given as it is written up to its value; nothing as long as there is none.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics().ok()?.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    fn metrics(&self) -> std::io::Result<String> {
        let said = self.said();
        let serving = said.lines().find(|line| line.contains("serving health and metrics"));
        let line: serde_json::Value = serde_json::from_str(serving.unwrap_or_default())?;
        let mut stream = TcpStream::connect(line["address"].as_str().unwrap())?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_traced();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
