//! A webhook's receiver: keeps every alert it takes, and takes them or not.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::wait_for;

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes everything.
    Well,
    /// Takes nothing, and says so.
    Status(u16),
    /// Takes nothing, and asks to be left alone for a second.
    Busy,
    /// Says nothing for as long as this lasts.
    Hang,
}

struct Shared {
    mood: Mutex<Mood>,
    taken: Mutex<Vec<Value>>,
    /// Requests that were not taken.
    refused: Mutex<Vec<Vec<u8>>>,
}

/// Listens until dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    /// An address at which nobody listens yet.
    pub fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    pub fn at(address: SocketAddr) -> Self {
        let shared = Shared { mood: Mutex::new(Mood::Well), taken: Mutex::default(), refused: Mutex::default() };
        let shared = Arc::new(shared);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, shared, runtime: Some(runtime) }
    }

    pub fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// The alerts taken so far, in the order they came.
    pub fn alerts(&self) -> Vec<Value> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// The bodies of what was not taken.
    pub fn refused(&self) -> Vec<Vec<u8>> {
        self.shared.refused.lock().unwrap().clone()
    }

    /// The subjects of the alerts taken so far, each once, in the order they first came.
    pub fn subjects(&self) -> Vec<String> {
        let mut subjects = Vec::new();
        for alert in self.shared.taken.lock().unwrap().iter() {
            let subject = alert["subject"].as_str().unwrap();
            if !subjects.iter().any(|known| known == subject) {
                subjects.push(subject.to_owned());
            }
        }
        subjects
    }

    /// The newest revision of each id.
    pub fn newest(&self) -> BTreeMap<String, Value> {
        let mut newest: BTreeMap<String, Value> = BTreeMap::new();
        for alert in self.alerts() {
            let known = newest.entry(alert["id"].as_str().unwrap().to_owned()).or_insert_with(|| alert.clone());
            if alert["revision"].as_u64() > known["revision"].as_u64() {
                *known = alert;
            }
        }
        newest
    }

    /// Waits until an alert about a subject that contains this has come.
    #[track_caller]
    pub fn wait_for(&self, part: &str) {
        wait_for(&format!("an alert about {part}"), || self.has(part));
    }

    pub fn has(&self, part: &str) -> bool {
        self.shared.taken.lock().unwrap().iter().any(|alert| alert["subject"].as_str().unwrap().contains(part))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let mood = *shared.mood.lock().unwrap();
    if mood != Mood::Well {
        shared.refused.lock().unwrap().push(body.to_vec());
    }
    let response = match mood {
        Mood::Well => {
            shared.taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            Response::builder().status(204)
        }
        Mood::Status(status) => Response::builder().status(status),
        Mood::Busy => Response::builder().status(429).header("retry-after", "1"),
        Mood::Hang => {
            while *shared.mood.lock().unwrap() == Mood::Hang {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Response::builder().status(503)
        }
    };
    response.body(Body::empty()).unwrap()
}
