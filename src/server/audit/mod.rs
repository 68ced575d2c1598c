//! The audit webhook: API servers post their events here, and so do other Gatecriers that forward.
//!
//! A body is answered 200 once it is on the disk. Nothing in it is looked at before that: what cannot be read is the
//! analyzer's to quarantine and raise, and never a reason to refuse it, for the API server would throw all of the batch
//! away. Whoever comes when there is no room is asked to come back.

mod answer;
mod body;
mod config;
mod door;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::guard::Bounds;
use super::peer::Peer;
use super::socket::{Socket, Terms};
use crate::batch::Place;
use crate::metrics::{BySource, BySourceResult, Metrics};
use crate::source::spool::{Entry, NOTICE_TYPE, STANDING_BEHIND, STANDING_HEADER, Spool, Standing, Told, ToldKind};
use crate::state::lock;
use answer::Refusal;
use body::Taken;
pub use config::{BODY_BYTES_MOST, Config, Sender, Tls};
use door::{Door, Doors, Target};

/// An API server keeps a few connections open, and uses each again within 90 s or not at all.
const BOUNDS: Bounds = Bounds {
    connections_max: 1024,
    stalled_max: Duration::from_secs(120),
    headers_timeout: Duration::from_secs(120),
    stop_grace: Duration::from_secs(3),
};

/// Longest that a body may take to arrive. The API server itself gives up after 30 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes read and forgotten of somebody whom we do not know. Beyond it the connection is cut.
const STRANGERS_BYTES_MAX: u64 = 1024 * 1024;

/// How often it is logged that somebody is refused.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// The audit webhook: has its address and certificate, and serves once it is run.
#[derive(Debug)]
pub struct AuditServer {
    socket: Socket,
    desk: Arc<Desk>,
}

/// Spools by cluster and sender; the empty name is that of a cluster without named senders.
pub type Spools = BTreeMap<String, BTreeMap<String, Spool>>;

impl AuditServer {
    /// Takes the address, reads certificate and tokens. `name` is the source's in the configuration.
    ///
    /// # Errors
    /// The address cannot be bound, or a file cannot be used. The text says what to do.
    pub fn bind(name: &str, config: &Config, mut spools: Spools, metrics: Metrics) -> anyhow::Result<Self> {
        let setting = format!("sources.{name}.webhook");
        let mut doors = Doors::default();
        for (cluster, sender) in &config.clusters {
            let spools = spools.remove(cluster).unwrap_or_default();
            let door = Door::new(&format!("{setting}.clusters.{cluster}"), sender, spools)?;
            doors.0.insert(cluster.clone(), door);
        }
        let files = config.tls.clone().map(|tls| tls.files(format!("{setting}.tls")));
        let terms = Terms { purpose: "the audit webhook", setting: format!("{setting}.listen"), bounds: BOUNDS };
        let memory = usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let desk = Desk {
            source: format!("webhook:{name}"),
            doors,
            body_bytes_max: config.body_bytes_max,
            memory_bytes_max: memory,
            memory: Arc::new(Semaphore::new(memory)),
            metrics,
            complained: std::sync::Mutex::default(),
        };
        Ok(Self { socket: Socket::bind(config.listen, files, terms)?, desk: Arc::new(desk) })
    }

    /// Where it listens; the port is a real one even when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.socket.address()
    }

    /// Serves until `stop`; then takes nothing new, and answers what is on its way to the disk.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        self.socket.run(router(self.desk), stop).await
    }
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/audit", only(post(by_certificate)))
        .route("/audit/{cluster}", only(post(by_cluster)))
        .route("/audit/{cluster}/{sender}", only(post(by_sender)))
        .fallback(async || Refusal::Unknown("this path".to_owned()).into_response())
        .with_state(desk)
}

fn only(post: MethodRouter<Arc<Desk>>) -> MethodRouter<Arc<Desk>> {
    post.fallback(async || (StatusCode::METHOD_NOT_ALLOWED, [("allow", "POST")], "post an audit EventList here\n"))
}

type Shared = State<Arc<Desk>>;

async fn by_certificate(State(desk): Shared, request: Request) -> Response {
    desk.receive(&Target::Certificate, request).await
}

async fn by_cluster(State(desk): Shared, Path(cluster): Path<String>, request: Request) -> Response {
    desk.receive(&Target::Named { cluster, sender: String::new() }, request).await
}

async fn by_sender(State(desk): Shared, Path((cluster, sender)): Path<(String, String)>, request: Request) -> Response {
    desk.receive(&Target::Named { cluster, sender }, request).await
}

/// Where requests are dealt with.
#[derive(Debug)]
struct Desk {
    source: String,
    doors: Doors,
    body_bytes_max: u64,
    memory_bytes_max: usize,
    memory: Arc<Semaphore>,
    metrics: Metrics,
    /// When it was last logged that somebody was refused, by what for.
    complained: std::sync::Mutex<BTreeMap<&'static str, Instant>>,
}

impl Desk {
    async fn receive(&self, target: &Target, request: Request) -> Response {
        let (parts, mut body) = request.into_parts();
        let spool = match self.doors.find(target, parts.extensions.get::<Peer>(), &parts.headers) {
            Ok(spool) => spool,
            Err(refusal) => {
                let _ = tokio::time::timeout(BODY_TIMEOUT, body::drain(&mut body, STRANGERS_BYTES_MAX)).await;
                return self.answer(&self.source, Err(refusal));
            }
        };
        let taken = tokio::time::timeout(BODY_TIMEOUT, async {
            let taken = self.take(spool, &parts.headers, &mut body).await;
            if taken.is_err() {
                // A sender that has not written all yet would see a cut connection instead of the answer.
                body::drain(&mut body, self.body_bytes_max).await;
            }
            taken
        });
        let taken = taken.await.unwrap_or(Err(Refusal::Slow));
        self.observe();
        self.answer(spool.source().as_str(), taken)
    }

    async fn take(&self, spool: &Spool, headers: &HeaderMap, body: &mut Body) -> Result<(), Refusal> {
        if let Some(refused) = spool.refuses() {
            return Err(refused.into());
        }
        let standing = match headers.get(STANDING_HEADER) {
            Some(standing) if standing == STANDING_BEHIND => Standing::Behind,
            _ => Standing::AtEnd,
        };
        let is_notice = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == NOTICE_TYPE);
        let start = if is_notice { Vec::new() } else { Entry::body_start(standing) };
        match body::take(body, headers, start, self.body_bytes_max, &self.memory).await? {
            Taken::Whole { bytes, .. } if is_notice => {
                let told = serde_json::from_slice(&bytes).map_err(|_| Refusal::Broken("this is no notice"))?;
                Ok(spool.keep(Entry::notice(&told, standing)).await?)
            }
            Taken::Whole { bytes, .. } if bytes.len() == 1 => Ok(()),
            Taken::Whole { bytes, room } => {
                self.observe();
                Ok(spool.keep(Entry::body(bytes, room)).await?)
            }
            Taken::TooLong { prefix, length, sha256 } => {
                let at = Place { name: "a body".into(), offset: 0 };
                let told = Told { at, kind: ToldKind::Oversized { length, prefix, sha256 } };
                spool.keep(Entry::notice(&told, standing)).await?;
                Err(Refusal::TooLong(self.body_bytes_max))
            }
        }
    }

    fn answer(&self, source: &str, taken: Result<(), Refusal>) -> Response {
        let result = taken.as_ref().map_or_else(Refusal::word, |()| "taken");
        let by = BySourceResult { source: source.to_owned(), result };
        self.metrics.posts.get_or_create(&by).inc();
        match taken {
            Ok(()) => StatusCode::OK.into_response(),
            Err(refusal) => {
                self.complain(source, &refusal);
                refusal.into_response()
            }
        }
    }

    /// Says in the log what somebody has to mend, now and then.
    fn complain(&self, source: &str, refusal: &Refusal) {
        let now = Instant::now();
        let mut complained = lock(&self.complained);
        let last = complained.get(refusal.word());
        if !refusal.is_the_senders() || last.is_some_and(|last| now - *last < COMPLAIN_EVERY) {
            return;
        }
        complained.insert(refusal.word(), now);
        drop(complained);
        tracing::warn!(source, "a request to the audit webhook was refused: {}", refusal.text());
    }

    fn observe(&self) {
        let used = self.memory_bytes_max - self.memory.available_permits().min(self.memory_bytes_max);
        let by = BySource { source: self.source.clone() };
        self.metrics.bodies_bytes.get_or_create(&by).set(i64::try_from(used).unwrap_or(i64::MAX));
    }
}
