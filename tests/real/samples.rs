//! Real audit logs of a real cluster, kept beside the repository.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

/// The first lines of a log in `shared/audit-logs`, without their newlines.
pub fn lines(log: &str, count: usize) -> Vec<String> {
    let path = shared().join("audit-logs").join(log);
    let file = File::open(&path).unwrap_or_else(|error| panic!("open {}: {error}", path.display()));
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines().take(count);
    let lines: Vec<_> = lines.collect::<Result<_, _>>().unwrap();
    assert_eq!(lines.len(), count, "{} is too short", path.display());
    lines
}

/// The folder with the logs: `GATECRIER_SHARED`, or `shared` beside the repository or beside a folder above it.
fn shared() -> PathBuf {
    if let Some(named) = std::env::var_os("GATECRIER_SHARED") {
        return named.into();
    }
    let above = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = above.ancestors().map(|folder| folder.join("shared")).find(|shared| shared.join("audit-logs").is_dir());
    found.expect("the sample logs are missing: name the folder that holds `audit-logs` in GATECRIER_SHARED")
}
