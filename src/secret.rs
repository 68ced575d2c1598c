//! Secrets, which come from files and are seen only at the wire.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Deserializer};

/// Longest secret file read, bytes. A longer one is an error: somebody named the wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Text that cannot be printed: neither `Debug` nor an error message nor a log shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Call it where the bytes go out, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// A secret in a file that may be replaced while we run.
#[derive(Debug)]
pub struct SecretFile {
    path: PathBuf,
    last: Mutex<Secret>,
}

impl SecretFile {
    /// Reads the file once. Fails when it is missing, empty, longer than 64 KiB or not text; the error names
    /// the setting and the file.
    pub fn open(setting: &str, path: &Path) -> anyhow::Result<Self> {
        let secret = read(path).with_context(|| format!("read `{setting}` {}", path.display()))?;
        Ok(Self { path: path.to_owned(), last: Mutex::new(secret) })
    }

    /// What the file holds now. While it cannot be read, what it held last: files are replaced under us.
    pub fn current(&self) -> Secret {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(secret) = read(&self.path) {
            *last = secret;
        }
        last.clone()
    }
}

fn read(path: &Path) -> anyhow::Result<Secret> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        bail!("longer than {SECRET_BYTES_MAX} bytes");
    }
    // Editors and `echo` end a file with a newline; no secret does.
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        bail!("the file is empty");
    }
    Ok(Secret(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(…) Some(Secret(…))");
    }

    #[test]
    fn a_replaced_file_is_read_again_and_a_missing_one_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let file = SecretFile::open("auth.token_file", &path).unwrap();
        assert_eq!(file.current().expose(), "first");
        std::fs::write(&path, "second\r\n").unwrap();
        assert_eq!(file.current().expose(), "second");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.current().expose(), "second");
        assert!(!format!("{file:?}").contains("second"));
    }

    #[test]
    fn a_useless_file_is_an_error_that_names_setting_and_file() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content, expected) in [
            ("missing", None, "No such file"),
            ("empty", Some(b"\n".to_vec()), "empty"),
            ("long", Some(vec![b'x'; 65 * 1024]), "longer than 65536 bytes"),
            ("binary", Some(vec![0xff, 0xfe]), "UTF-8"),
        ] {
            let path = dir.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = format!("{:#}", SecretFile::open("auth.token_file", &path).unwrap_err());
            for part in ["auth.token_file", path.to_str().unwrap(), expected] {
                assert!(error.contains(part), "{error} lacks {part}");
            }
        }
    }
}
