//! The server over real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum_server::accept::Accept;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;

struct Running {
    address: SocketAddr,
    state: State,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
}

fn start(tls: Option<Tls>) -> Running {
    let config = Config { listen: "127.0.0.1:0".parse().unwrap(), tls };
    let server = Server::bind(&config).unwrap();
    let state = State { metrics: Metrics::new(), ready: Readiness::new() };
    let (address, stop) = (server.address(), CancellationToken::new());
    let served = tokio::spawn(server.run(state.clone(), stop.clone()));
    Running { address, state, stop, served }
}

impl Running {
    /// Stops it and says how long that took.
    async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
        begun.elapsed()
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        let response = reqwest::get(format!("http://{}{path}", self.address)).await.unwrap();
        let kind = response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
        (response.status().as_u16(), kind, response.text().await.unwrap())
    }
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let server = start(None);
    assert_eq!(server.get("/healthz").await.0, 200);
    assert!(server.get("/").await.2.contains("/readyz"));
    assert_eq!(server.get("/no-such-page").await.0, 404);

    server.state.metrics.duplicates.inc();
    let (status, kind, text) = server.get("/metrics").await;
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(text.contains("gatecrier_duplicate_records_total 1"), "{text}");

    server.state.ready.met(Condition::Rules);
    server.state.ready.unmet(Condition::Inputs, "file:audit.log cannot be read: permission denied");
    let (status, kind, text) = server.get("/readyz").await;
    assert_eq!((status, kind.as_str()), (503, "application/json"));
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["ready"], false);
    let inputs = json_condition("inputs", Some("file:audit.log cannot be read: permission denied"));
    assert_eq!(told["conditions"][0], inputs);
    assert_eq!(told["conditions"][1], json_condition("rules", None));
    assert_eq!(told["conditions"][2], json_condition("outbox", Some("starting")));

    server.state.ready.met(Condition::Inputs);
    server.state.ready.met(Condition::Outbox);
    assert_eq!(server.get("/readyz").await.0, 200);
    assert!(server.stop().await < Duration::from_secs(1));
}

fn json_condition(name: &str, reason: Option<&str>) -> serde_json::Value {
    match reason {
        None => serde_json::json!({"name": name, "ok": true}),
        Some(reason) => serde_json::json!({"name": name, "ok": false, "reason": reason}),
    }
}

#[tokio::test]
async fn an_address_in_use_is_told_with_the_way_out() {
    let server = start(None);
    let config = Config { listen: server.address, tls: None };
    let error = format!("{:#}", Server::bind(&config).unwrap_err());
    assert!(error.contains(&server.address.to_string()), "{error}");
    assert!(error.contains("another program listens there") && error.contains("`server.listen`"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_hold_up_the_stop() {
    let server = start(None);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    // An answer to somebody else shows that the server runs and has taken the slow one in before it.
    assert_eq!(server.get("/healthz").await.0, 200);
    assert!(server.stop().await < Duration::from_millis(1_500));
}

#[tokio::test]
async fn endless_headers_are_refused() {
    let server = start(None);
    let mut greedy = TcpStream::connect(server.address).await.unwrap();
    let mut request = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
    request.resize(socket::HEADER_BYTES_MAX + 4096, b'a');
    // The server may close before it has read all.
    let _ = greedy.write_all(&request).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), greedy.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_at_once() {
    let server = start(None);
    let mut idle = Vec::new();
    for _ in 0..BOUNDS.connections_max {
        let mut one = TcpStream::connect(server.address).await.unwrap();
        one.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        one.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(one);
    }
    let mut one_more = TcpStream::connect(server.address).await.unwrap();
    let mut nothing = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), one_more.read_to_end(&mut nothing)).await;
    assert!(read.is_ok() && nothing.is_empty(), "the connection beyond the bound stays open");
    drop(idle);
    let deadline = Instant::now() + Duration::from_secs(5);
    while reqwest::get(format!("http://{}/healthz", server.address)).await.is_err() {
        assert!(Instant::now() < deadline, "the room is not given back");
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_which_nothing_moves_is_cut() {
    let (near, _far) = tokio::io::duplex(1);
    let accepted: std::io::Result<(guard::Guarded<_>, ())> = guard::Guard::new(BOUNDS).accept(near, ()).await;
    let (mut stream, ()) = accepted.unwrap();
    let error = stream.write_all(b"nobody reads this").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

/// Writes a fresh certificate for `localhost` and its key; returns the certificate.
fn certify(folder: &Path) -> (Tls, reqwest::Certificate) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = Tls { cert_file: folder.join("tls.crt"), key_file: folder.join("tls.key") };
    std::fs::write(&tls.key_file, signing_key.serialize_pem()).unwrap();
    std::fs::write(&tls.cert_file, cert.pem()).unwrap();
    (tls, reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap())
}

async fn get_trusting(certificate: &reqwest::Certificate, address: SocketAddr) -> reqwest::Result<u16> {
    let client = reqwest::Client::builder().tls_certs_only([certificate.clone()]).build().unwrap();
    let response = client.get(format!("https://localhost:{}/healthz", address.port())).send().await?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, first) = certify(folder.path());
    let server = start(Some(tls));
    assert_eq!(get_trusting(&first, server.address).await.unwrap(), 200);
    assert!(reqwest::get(format!("http://{}/healthz", server.address)).await.is_err(), "plain HTTP is answered");

    let (_, second) = certify(folder.path());
    let deadline = Instant::now() + Duration::from_secs(20);
    while get_trusting(&second, server.address).await.is_err() {
        assert!(Instant::now() < deadline, "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(get_trusting(&first, server.address).await.is_err());
    assert!(server.stop().await < Duration::from_millis(1_500));
}

#[test]
fn a_certificate_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _) = certify(folder.path());
    let other = tempfile::tempdir().unwrap();
    let (stranger, _) = certify(other.path());
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (cert_file, key_file, said) in [
        (&tls.cert_file, &stranger.key_file, "do they belong together?"),
        (&empty, &tls.key_file, "no certificate in `server.tls.cert_file`"),
        (&tls.cert_file, &empty, "read the private key in `server.tls.key_file`"),
    ] {
        let files = Tls { cert_file: cert_file.clone(), key_file: key_file.clone() };
        let error = format!("{:#}", tls::Certificate::load(files.files("server.tls")).unwrap_err());
        assert!(error.contains(said), "{error}");
    }
}
