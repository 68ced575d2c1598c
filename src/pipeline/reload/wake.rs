//! Wakes when a folder changes. Only a wake: what is true is found by looking.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// A watch on some folders.
pub(super) struct Wake {
    wake: Arc<Notify>,
    folders: BTreeSet<PathBuf>,
    watcher: Option<RecommendedWatcher>,
}

impl Wake {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        Self { wake: Arc::default(), folders: BTreeSet::new(), watcher: None }
    }

    /// Watches these folders from now on. Where one cannot be watched, polling has to do.
    pub(super) fn arm(&mut self, folders: BTreeSet<PathBuf>) {
        if folders == self.folders && self.watcher.is_some() {
            return;
        }
        let wake = Arc::clone(&self.wake);
        let woken = move |event: notify::Result<notify::Event>| {
            // Our own opening and reading are no news.
            if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
                wake.notify_one();
            }
        };
        self.watcher = notify::recommended_watcher(woken).ok();
        if let Some(watcher) = &mut self.watcher {
            for folder in &folders {
                let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
            }
        }
        self.folders = folders;
    }

    /// Waits for a change, at most for `longest`.
    pub(super) async fn wait(&self, longest: Duration) {
        tokio::time::timeout(longest, self.wake.notified()).await.ok();
    }
}
