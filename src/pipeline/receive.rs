//! Audit webhooks: a listener, and a writer for each of its spools.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::{ClusterId, SourceId};
use crate::metrics::Metrics;
use crate::server::audit::{AuditServer, Config, Spools};
use crate::source::spool::{Spool, SpoolSource, Writer};
use crate::state::StateDir;

/// One audit webhook, ready to listen.
pub(super) struct Receiver {
    server: AuditServer,
    writers: Vec<Writer>,
}

/// A webhook as configured, and the sources that read what it takes, with their clusters.
///
/// # Errors
/// A spool that cannot be used, an address that cannot be bound, a file that cannot be read.
pub(super) fn open(
    name: &str,
    config: &Config,
    state: &StateDir,
    metrics: &Metrics,
) -> anyhow::Result<(Receiver, Vec<(ClusterId, SpoolSource)>)> {
    let (mut spools, mut sources, mut writers) = (Spools::new(), Vec::new(), Vec::new());
    for (cluster, entry) in &config.clusters {
        let named: Vec<&str> = entry.senders.iter().map(String::as_str).collect();
        for &sender in if named.is_empty() { &[""] } else { named.as_slice() } {
            let (spool, writer) = open_spool(name, cluster, sender, config, state, metrics)?;
            let source =
                if named.is_empty() { SpoolSource::new(spool.clone()) } else { SpoolSource::expected(spool.clone()) };
            sources.push((ClusterId::new(cluster.as_str()), source));
            writers.push(writer);
            spools.entry(cluster.clone()).or_insert_with(BTreeMap::new).insert(sender.to_owned(), spool);
        }
    }
    let server = AuditServer::bind(name, config, spools, metrics.clone())?;
    tracing::info!(source = name, audit_address = %server.address(), "taking audit events");
    Ok((Receiver { server, writers }, sources))
}

fn open_spool(
    name: &str,
    cluster: &str,
    sender: &str,
    config: &Config,
    state: &StateDir,
    metrics: &Metrics,
) -> anyhow::Result<(Spool, Writer)> {
    let path = [name, cluster, sender].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    let source = SourceId::new(format!("webhook:{path}"));
    let cluster = ClusterId::new(cluster);
    Spool::open(state, &format!("spool/{path}"), source, cluster, config.spool_bytes_max, metrics.clone())
        .with_context(|| format!("open the spool of webhook {path}"))
}

/// Takes audit events until `stop`. Says through `broken` when that ends by itself: the process must stop.
pub(super) struct Receiving {
    servers: JoinSet<()>,
    writers: JoinSet<()>,
    stop_writing: CancellationToken,
}

impl Receiving {
    pub(super) fn start(
        receivers: Vec<Receiver>,
        stop: &CancellationToken,
        broken: &UnboundedSender<anyhow::Error>,
    ) -> Self {
        let (mut servers, mut writers, stop_writing) = (JoinSet::new(), JoinSet::new(), CancellationToken::new());
        for Receiver { server, writers: of_server } in receivers {
            for writer in of_server {
                let (runtime, stop, broken) = (Handle::current(), stop_writing.clone(), broken.clone());
                writers.spawn_blocking(move || tell(writer.run(&runtime, &stop), &broken));
            }
            let (stop, broken) = (stop.clone(), broken.clone());
            servers.spawn(async move { tell(server.run(stop).await, &broken) });
        }
        Self { servers, writers, stop_writing }
    }

    /// Once it was told to stop: waits for the answers that are still to be given.
    pub(super) async fn end(mut self) {
        while self.servers.join_next().await.is_some() {}
        self.stop_writing.cancel();
        while self.writers.join_next().await.is_some() {}
    }
}

fn tell(ended: anyhow::Result<()>, broken: &UnboundedSender<anyhow::Error>) {
    if let Err(error) = ended {
        // Nobody listens any more when we are stopping anyway.
        let _ = broken.send(error);
    }
}
