//! TLS: who may post for whom by his certificate, and certificates that are renewed.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};

use crate::lab::{Attack, Clock, wait_for};
use crate::{Bench, list};

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key of this common name, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// Writes a server's certificate and key, and this authority as that of the clients.
    fn write(&self, folder: &Path, clients: &Self) {
        let (certificate, key) = self.issue("gatecrier");
        for (name, text) in [("tls.key", key), ("tls.crt", certificate), ("clients.crt", clients.0.pem())] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    fn client(&self, identity: Option<(String, String)>) -> Client {
        let root = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let builder = Client::builder().tls_certs_only([root]);
        let builder = match identity {
            Some((certificate, key)) => builder.identity(Identity::from_pem((certificate + &key).as_bytes()).unwrap()),
            None => builder,
        };
        builder.build().unwrap()
    }
}

#[test]
fn a_certificate_opens_the_doors_it_is_meant_for() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let bench = Bench::new(
        "{ api: { webhook: { listen: \"127.0.0.1:0\", tls: { cert_file: tls.crt, key_file: tls.key, client_ca_file: \
         clients.crt }, clusters: { prod: { subjects: [prod-api, both] }, dev: { subjects: [dev-api, both] } } } } }",
    );
    servers.write(bench.folder.path(), &clients);
    let (_process, address) = bench.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let mut clock = Clock::now();
    let body = list(&[Attack::by("eve", clock.next())]);
    let post = |client: &Client, path: &str| {
        let request = client.post(url(path)).body(body.clone()).send();
        runtime.block_on(request).map(|answer| answer.status().as_u16())
    };
    let prod = servers.client(Some(clients.issue("prod-api")));
    let both = servers.client(Some(clients.issue("both")));
    assert_eq!(post(&prod, "/audit/prod").unwrap(), 200);
    assert_eq!(post(&prod, "/audit").unwrap(), 200, "its certificate says which cluster it is of");
    assert_eq!(post(&prod, "/audit/dev").unwrap(), 403);
    assert_eq!(post(&both, "/audit/dev").unwrap(), 200);
    assert_eq!(post(&both, "/audit").unwrap(), 403, "it may be of either cluster");
    assert_eq!(post(&servers.client(Some(clients.issue("admin"))), "/audit/prod").unwrap(), 403);
    assert_eq!(post(&servers.client(None), "/audit/prod").unwrap(), 401);
    post(&servers.client(Some(strangers.issue("prod-api"))), "/audit/prod").unwrap_err();
    wait_for("both clusters' alerts", || {
        let mut clusters: Vec<_> =
            bench.receiver.newest().into_values().map(|alert| alert["cluster"].clone()).collect();
        clusters.sort_by_key(ToString::to_string);
        clusters == ["dev", "prod"]
    });

    // Renewed, with other authorities on both sides.
    strangers.write(bench.folder.path(), &strangers);
    wait_for("the new certificate to be served", || {
        post(&strangers.client(Some(strangers.issue("prod-api"))), "/audit/prod").is_ok_and(|status| status == 200)
    });
    post(&servers.client(Some(clients.issue("prod-api"))), "/audit/prod").unwrap_err();
}
