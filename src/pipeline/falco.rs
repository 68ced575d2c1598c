//! Falco rule files, from the disk to rules that can be run.

use std::path::Path;

use crate::config::ConfigError;
use crate::detect::falco::{Config, File, Loaded, load};
use crate::yaml::Problem;

/// Largest rule file read, bytes. A larger one is taken for a mistake and refused.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads every Falco rule file that is configured.
///
/// # Errors
/// Everything that is wrong in them, and files that cannot be read.
pub fn read(config: &Config) -> Result<Loaded, ConfigError> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in &config.files {
        match text(path) {
            Ok(text) => files.push(File { name: path.display().to_string(), text }),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    load(&files, config.matching).map_err(ConfigError)
}

fn text(path: &Path) -> Result<String, Problem> {
    let wrong = |error: &dyn std::fmt::Display, advice: &str| {
        Problem::new(&path.display().to_string(), format!("cannot read it: {error}")).advise(advice)
    };
    let advice = "correct the path, see that this user may read it, and that it is UTF-8 text";
    let length = std::fs::metadata(path).map_err(|error| wrong(&error, advice))?.len();
    if length > FILE_BYTES_MAX {
        return Err(wrong(&format!("it has {length} bytes, more than {FILE_BYTES_MAX}"), "is this the right file?"));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(&error, advice))
}
