//! TLS: whom we believe, and who we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use gatecrier::sink::webhook::Webhook;
use gatecrier::sink::{SendError, Sink as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use serde_json::json;

use crate::server::Server;
use crate::{alerts, config};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate, key)
    }

    /// Writes the authority's certificate into a file.
    pub fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join("ca.pem");
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }

    /// Writes a client's certificate and key into two files.
    fn write_client(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.issue("gatecrier");
        let paths = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    /// A server that shows a certificate of this authority and wants one of `clients`, if any.
    fn serve(&self, clients: Option<&Self>) -> Server {
        Server::tls(self.config(clients))
    }

    /// Likewise, what such a server is set up with.
    pub fn config(&self, clients: Option<&Self>) -> RustlsConfig {
        let (certificate, key) = self.issue("127.0.0.1");
        let builder = rustls::ServerConfig::builder();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.0.der().clone()).unwrap();
                builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        RustlsConfig::from_config(Arc::new(config))
    }
}

async fn send(server: &Server, tls: serde_json::Value) -> Result<(), SendError> {
    let url = format!("https://{}/", server.address);
    Webhook::new(&config(json!({"url": url, "tls": tls}))).unwrap().send(&alerts(1)).await
}

#[tokio::test]
async fn only_the_given_authority_is_believed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    let ca_file = ours.write(dir.path());
    send(&ours.serve(None), json!({"ca_file": ca_file})).await.unwrap();
    let error = send(&theirs.serve(None), json!({"ca_file": ca_file})).await.unwrap_err();
    assert!(matches!(error, SendError::Retry { .. }));
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    let ca_file = servers.write(dir.path());
    let (cert_file, key_file) = clients.write_client(dir.path());
    let server = servers.serve(Some(&clients));
    let error = send(&server, json!({"ca_file": ca_file})).await.unwrap_err();
    assert!(matches!(error, SendError::Retry { .. }), "{error}");
    assert!(server.asked().is_empty());
    send(&server, json!({"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file})).await.unwrap();
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_certificate_replaced_on_disk_is_used() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    let ca_file = servers.write(dir.path());
    let (cert_file, key_file) = strangers.write_client(dir.path());
    let server = servers.serve(Some(&clients));
    let url = format!("https://{}/", server.address);
    let tls = json!({"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file});
    let mut sink = Webhook::new(&config(json!({"url": url, "tls": tls}))).unwrap();
    sink.send(&alerts(1)).await.unwrap_err();
    clients.write_client(dir.path());
    sink.send(&alerts(1)).await.unwrap();
    // A broken file leaves what was there in use.
    std::fs::write(&cert_file, "-----BEGIN").unwrap();
    sink.send(&alerts(1)).await.unwrap();
}

#[test]
fn files_without_a_certificate_are_errors_that_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "nothing here").unwrap();
    for tls in [json!({"ca_file": empty}), json!({"cert_file": empty, "key_file": empty})] {
        let error = Webhook::new(&config(json!({"url": "https://x", "tls": tls}))).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("empty.pem") && text.contains("tls."), "{text}");
    }
}
