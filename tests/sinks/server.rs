//! A server that answers as scripted and remembers what it was asked.

use std::collections::VecDeque;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum_server::tls_rustls::RustlsConfig;
use serde_json::Value;

/// One answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// None, ever.
    Hang,
    /// Half a body, then the connection is cut.
    Cut,
}

/// A status and nothing else.
pub fn status(status: u16) -> Answer {
    Answer::Status(status, Vec::new(), String::new())
}

/// A status and a body.
pub fn body(status: u16, body: &str) -> Answer {
    Answer::Status(status, Vec::new(), body.to_owned())
}

/// A status and a header.
pub fn header(status: u16, name: &'static str, value: &str) -> Answer {
    Answer::Status(status, vec![(name, value.to_owned())], String::new())
}

/// One question.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    /// Decompressed.
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

type Choose = dyn Fn(&Asked) -> Option<Answer> + Send + Sync;

struct Shared {
    script: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
    choose: Box<Choose>,
}

/// Runs as long as the test does.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Answers with the script, then 204.
    pub fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::choosing(script, |_| None)
    }

    /// Answers what `choose` says, else with the script, then 204.
    pub fn choosing(
        script: impl IntoIterator<Item = Answer>,
        choose: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let (server, listener, router) = Self::prepare(script, choose);
        let running = axum_server::from_tcp(listener).unwrap().serve(router.into_make_service());
        tokio::spawn(running);
        server
    }

    /// Likewise, by TLS; answers 204 to everything.
    pub fn tls(config: RustlsConfig) -> Self {
        let (server, listener, router) = Self::prepare([], |_| None);
        let running = axum_server::from_tcp_rustls(listener, config).unwrap().serve(router.into_make_service());
        tokio::spawn(running);
        server
    }

    fn prepare(
        script: impl IntoIterator<Item = Answer>,
        choose: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> (Self, TcpListener, Router) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared { script, asked: Mutex::default(), choose: Box::new(choose) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        (Self { address: listener.local_addr().unwrap(), shared }, listener, router)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let asked = Asked { method, uri, body: decompress(&headers, &body), headers };
    let chosen = (shared.choose)(&asked);
    shared.asked.lock().unwrap().push(asked);
    let next = || shared.script.lock().unwrap().pop_front().unwrap_or(status(204));
    match chosen.unwrap_or_else(next) {
        Answer::Hang => std::future::pending().await,
        // The body ends before the length it announced: the server closes the connection.
        Answer::Cut => Response::builder().header("content-length", "1000").body(Body::from("half")).unwrap(),
        Answer::Status(status, headers, body) => {
            let response = Response::builder().status(status);
            let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
            response.body(Body::from(body)).unwrap()
        }
    }
}

fn decompress(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    if headers.get("content-encoding").is_none() {
        return body.to_vec();
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}
