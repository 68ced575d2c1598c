//! Syslog over UDP, TCP and TLS.

use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use gatecrier::alert::Alert;
use gatecrier::sink::Sink as _;
use gatecrier::sink::syslog::Syslog;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};

use crate::{HOSTILE, alert, alerts, config, hostile_alert, outcome};

fn syslog(address: impl ToString, more: Value) -> Syslog {
    let mut value = json!({"address": address.to_string()});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Syslog::new(&config(value)).unwrap()
}

/// One message with its octets counted.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut length = 0;
    loop {
        match stream.read_u8().await.unwrap() {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.unwrap();
    String::from_utf8(message).unwrap()
}

/// The header's fields and the message.
fn parts(message: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = message.splitn(8, ' ').collect();
    let text = parts.pop().unwrap();
    (parts, text)
}

#[tokio::test]
async fn messages_are_counted_on_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = syslog(listener.local_addr().unwrap(), json!({"facility": 13}));
    sink.send(&alerts(2)).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    for expected in alerts(2) {
        let message = receive(&mut stream).await;
        let (header, text) = parts(&message);
        assert_eq!(header[..2], ["<107>1", "2026-11-22T12:21:52.577015Z"]);
        assert_eq!((header[3], header[5], header[6]), ("gatecrier", "outside-trusted-networks", "-"));
        assert_eq!(serde_json::from_str::<Alert>(text).unwrap(), expected);
    }
}

#[tokio::test]
async fn hostile_text_stays_in_its_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for format in ["json", "text"] {
        let mut sink = syslog(listener.local_addr().unwrap(), json!({"format": format, "max_bytes": 480}));
        let long = "🦀".repeat(100_000);
        let texts: Vec<&str> = HOSTILE.iter().copied().chain([long.as_str()]).collect();
        let mut hostile: Vec<Alert> = texts.iter().map(|text| hostile_alert(text)).collect();
        hostile.iter_mut().for_each(|alert| alert.rule.id = "a rule\n<1>1 \u{202e}".repeat(9));
        sink.send(&hostile).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in texts {
            let message = receive(&mut stream).await;
            assert!(message.len() <= 480 && !message.contains(char::is_control), "{message:?}");
            let (header, _) = parts(&message);
            assert!(header[5].len() <= 32 && header[5].is_ascii() && header[6] == "-", "{message}");
        }
    }
}

#[tokio::test]
async fn the_last_batch_is_sent_again_when_the_receiver_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = syslog(listener.local_addr().unwrap(), json!({}));
    sink.send(&[alert("first")]).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    drop(stream);
    // Until the kernel has told us of the end.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        assert!(tokio::time::Instant::now() < deadline);
        // Broken while it was written to, it is sent again, as the lane does.
        _ = sink.send(&[alert("second")]).await;
        if let Ok(accepted) = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await {
            let (mut stream, _) = accepted.unwrap();
            let ids = [receive(&mut stream).await, receive(&mut stream).await]
                .map(|message| serde_json::from_str::<Alert>(parts(&message).1).unwrap().id);
            assert!(["first", "second"].contains(&ids[0].as_str()) && ids[1] == "second", "{ids:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_datagram_is_a_message() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    syslog(socket.local_addr().unwrap(), json!({"protocol": "udp", "format": "text"})).send(&alerts(1)).await.unwrap();
    let mut bytes = vec![0; 65_535];
    let length = socket.recv(&mut bytes).await.unwrap();
    let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
    assert_eq!(parts(&message).1, "eve read secrets from 203.0.113.7");
}

#[tokio::test]
async fn no_receiver_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (outcome, text) = outcome(&mut syslog(address, json!({}))).await;
    assert_eq!(outcome, "retry");
    assert!(text.contains(&address.to_string()), "{text}");
}

#[tokio::test]
async fn a_stream_may_be_within_tls() {
    let authority = crate::tls::Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let ca_file = authority.write(dir.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server: RustlsConfig = authority.config(None);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&server.get_inner()));
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        receive(&mut acceptor.accept(stream).await.unwrap()).await
    });
    let mut sink = syslog(address, json!({"protocol": "tls", "tls": {"ca_file": ca_file}}));
    sink.send(&alerts(1)).await.unwrap();
    assert!(received.await.unwrap().contains("outside-trusted-networks"));
}

#[test]
fn what_cannot_work_is_said_when_it_is_built() {
    for (value, word) in [
        (json!({"address": "nowhere"}), "host:port"),
        (json!({"address": "a:1", "facility": 24}), "0 to 23"),
        (json!({"address": "a:1", "max_bytes": 10}), "at least"),
        (json!({"address": "a:1", "protocol": "udp", "max_bytes": 100_000}), "datagram"),
        (json!({"address": "a:1", "protocol": "tls"}), "ca_file"),
        (json!({"address": "a:1", "tls": {"ca_file": "/x"}}), "protocol: tls"),
    ] {
        let error = format!("{:#}", Syslog::new(&config(value)).unwrap_err());
        assert!(error.contains(word), "{error}");
    }
}
