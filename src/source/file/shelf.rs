//! Files held open between two runs of a source in one process.

use std::sync::{Arc, Mutex, PoisonError};

use super::log::Log;

/// What clones of a source share: when one ends and another begins from an earlier position, files that were removed
/// in between can still be read.
#[derive(Debug, Clone, Default)]
pub struct Shelf(Arc<Mutex<Vec<Log>>>);

impl Shelf {
    /// Puts the files that are held in it.
    pub fn put(&self, logs: impl Iterator<Item = Log>) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.extend(logs.filter(|log| log.file.is_some()));
    }

    /// What is in it.
    pub fn logs(&self) -> Vec<Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of what is in it.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
