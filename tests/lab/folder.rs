//! A folder with a log, a configuration and a state directory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Of an attack only the caller's place is found, so that it is one alert and its subject names him.
pub const ONLY_ATTACKS: &str = "rules: { pack: false }\n";

/// Gone when dropped.
pub struct Folder {
    temp: tempfile::TempDir,
    pub state: PathBuf,
}

impl Folder {
    /// One that tells the sinks of this YAML.
    pub fn new(sinks: &str) -> Self {
        Self::with("", sinks)
    }

    /// Likewise, with more settings of the file source, each with a comma before it.
    pub fn with(file: &str, sinks: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let state = temp.path().join("state");
        let folder = Self { temp, state };
        folder.configure(file, sinks);
        folder
    }

    /// One that tells the webhook at this address.
    pub fn telling(address: std::net::SocketAddr) -> Self {
        Self::new(&webhook(address))
    }

    /// One that reads the sources of this YAML.
    pub fn reading(sources: &str, sinks: &str) -> Self {
        let folder = Self::new(sinks);
        folder.read(sources, sinks);
        folder
    }

    pub fn configure(&self, file: &str, sinks: &str) {
        self.read(&format!("{{ audit: {{ file: {{ path: log/audit.log, poll_ms: 20{file} }} }} }}"), sinks);
    }

    /// The pack becomes active as well.
    pub fn with_pack(self) -> Self {
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text.replace(ONLY_ATTACKS, "")).unwrap();
        self
    }

    /// Writes the configuration anew, with these sources and sinks.
    pub fn read(&self, sources: &str, sinks: &str) {
        fs::create_dir_all(self.path().join("log")).unwrap();
        let yaml = format!(
            "cluster: prod\nstate: {}\nsources: {sources}\n\
             networks: {{ office: {{ cidrs: [198.51.100.0/24] }} }}\n{ONLY_ATTACKS}server: {{ listen: \"127.0.0.1:0\" }}\nsinks: {sinks}\n",
            self.state.display()
        );
        fs::write(self.config(), yaml).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("gatecrier.yaml")
    }

    pub fn log(&self) -> PathBuf {
        self.path().join("log/audit.log")
    }

    /// Writes into the log.
    pub fn write(&self, text: &str) {
        let mut log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    /// Every file and directory below the state directory, itself included.
    pub fn kept(&self) -> Vec<PathBuf> {
        let mut found = vec![self.state.clone()];
        let mut next = 0;
        while next < found.len() {
            if found[next].is_dir() {
                found.extend(fs::read_dir(&found[next]).unwrap().map(|entry| entry.unwrap().path()));
            }
            next += 1;
        }
        found
    }

    pub fn has_snapshot(&self) -> bool {
        self.kept().iter().any(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snapshot-"))
    }
}

/// The sinks of a configuration: one webhook.
pub fn webhook(address: std::net::SocketAddr) -> String {
    format!("{{ webhook: {{ soc: {{ url: \"http://{address}/hook\" }} }} }}")
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
