//! Wakes the reader when the log's folder changes. Only a wake: what is true is found by looking.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::identity::Inode;

/// A watch on one folder, made anew when another folder takes its place.
pub struct Watch {
    wake: Arc<Notify>,
    watched: Option<(PathBuf, Inode, RecommendedWatcher)>,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new() -> Self {
        Self { wake: Arc::default(), watched: None }
    }

    /// Makes sure that `folder` is watched. Where that cannot be, polling has to do.
    pub fn arm(&mut self, folder: &Path) {
        let inode = std::fs::metadata(folder).ok().map(|meta| Inode::of(&meta));
        let current = self.watched.as_ref().map(|(path, inode, _)| (path.as_path(), *inode));
        if current == inode.map(|inode| (folder, inode)) {
            return;
        }
        self.watched = inode.and_then(|inode| Some((folder.to_path_buf(), inode, watch(folder, &self.wake)?)));
        if self.watched.is_some() {
            // What happened before the watch stood is looked at now.
            self.wake.notify_one();
        }
    }

    /// Waits for a change, at most for `longest`.
    pub async fn wait(&self, longest: Duration) {
        tokio::time::timeout(longest, self.wake.notified()).await.ok();
    }
}

fn watch(folder: &Path, wake: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let wake = Arc::clone(wake);
    let woken = move |event: notify::Result<notify::Event>| {
        // Our own opening and reading are no news.
        if !matches!(event, Ok(notify::Event { kind: EventKind::Access(_), .. })) {
            wake.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(woken).ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
