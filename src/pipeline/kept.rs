//! What the clusters, each with snapshots of its own, still need of the one outbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::batch::ClusterId;
use crate::state::lock;

/// For each cluster, the end of the outbox that the older of its snapshots recorded. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Kept(Arc<Mutex<BTreeMap<ClusterId, u64>>>);

impl Kept {
    /// Everything is needed until a cluster has said otherwise.
    pub(super) fn of<'c>(clusters: impl Iterator<Item = &'c ClusterId>) -> Self {
        Self(Arc::new(Mutex::new(clusters.map(|cluster| (cluster.clone(), 0)).collect())))
    }

    /// A cluster needs what was written from `end` on. Returns from where on any of them does.
    pub(super) fn from(&self, cluster: &ClusterId, end: u64) -> u64 {
        let mut ends = lock(&self.0);
        ends.insert(cluster.clone(), end);
        ends.values().copied().min().unwrap_or(end)
    }
}
