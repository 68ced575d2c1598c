//! What a cluster's lives work by, and how another analyzer takes the place of the one at work.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::analyze::Analyzer;
use crate::config::Config;
use crate::state::lock;

/// The configuration of a cluster's lives, and the analyzer of a newer one until it is taken over. Clones share it.
#[derive(Clone)]
pub(super) struct Renewal(Arc<Mutex<Inner>>);

struct Inner {
    config: Arc<Config>,
    fresh: Option<Fresh>,
}

/// An analyzer, and what may take its place.
pub(super) struct AtWork {
    pub(super) analyzer: Analyzer,
    pub(super) renewal: Renewal,
}

/// An analyzer that waits for the next moment between two batches. It remembers nothing yet.
pub(super) struct Fresh {
    pub(super) analyzer: Analyzer,
    /// What came of it: rules that begin anew.
    pub(super) taken: oneshot::Sender<anyhow::Result<Vec<String>>>,
}

impl Renewal {
    /// Nothing newer is there yet.
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self(Arc::new(Mutex::new(Inner { config, fresh: None })))
    }

    /// Offers the analyzer of a newer configuration, which the next life begins with as well. The answer never comes
    /// when the life that should take it ends before: then the next one has.
    pub(super) fn offer(
        &self,
        config: &Arc<Config>,
        analyzer: Analyzer,
    ) -> oneshot::Receiver<anyhow::Result<Vec<String>>> {
        let (taken, answer) = oneshot::channel();
        *lock(&self.0) = Inner { config: Arc::clone(config), fresh: Some(Fresh { analyzer, taken }) };
        answer
    }

    /// A life begins: by the newest configuration, so nothing newer waits.
    pub(super) fn begin(&self) -> Arc<Config> {
        let mut inner = lock(&self.0);
        inner.fresh = None;
        Arc::clone(&inner.config)
    }

    /// What waits, once.
    pub(super) fn take(&self) -> Option<Fresh> {
        lock(&self.0).fresh.take()
    }
}
