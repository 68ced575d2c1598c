//! A kube-apiserver with its etcd posts its audit events to the binary, which is killed meanwhile.
//!
//! `tests/real/run webhook` builds both and names their folder in `GATECRIER_TEST_KUBE_APISERVER`.

// A test ends at its first failure, wherever that is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../lab/mod.rs"]
mod lab;

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use lab::{Folder, Process, Receiver, wait_for, webhook};

/// Requests in each round, each by somebody else.
const REQUESTS: usize = 25;
const ROUNDS: usize = 3;

/// Longest that Gatecrier is away: less than the 80 s after which an API server throws a batch away.
const AWAY: Duration = Duration::from_secs(3);

/// Who asks.
fn users() -> impl Iterator<Item = String> {
    (0..ROUNDS).flat_map(|round| (0..REQUESTS).map(move |n| format!("eve-{round}-{n}.")))
}

/// Longest until the API server has sent a batch again: it waits 10 s after the first failure, 15 s after the second,
/// and so on.
const SENT_AGAIN_MAX: Duration = Duration::from_secs(120);

/// A process that is killed when dropped.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        Self(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An API server over an etcd of its own.
struct Cluster {
    folder: PathBuf,
    port: u16,
    _servers: [Server; 2],
}

impl Cluster {
    /// Its audit events go to `url`, which shows the certificate in `gatecrier.crt`, with a token.
    fn start(folder: &Path, url: &str) -> Self {
        let programs = std::env::var_os("GATECRIER_TEST_KUBE_APISERVER").map(PathBuf::from);
        let programs = programs.unwrap_or_else(|| panic!("no kube-apiserver: run `tests/real/run webhook`"));
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let etcd = format!("http://127.0.0.1:{client}");
        let mut command = Command::new(programs.join("etcd"));
        command.args(["--listen-client-urls", &etcd, "--advertise-client-urls", &etcd, "--unsafe-no-fsync"]);
        command.arg("--listen-peer-urls").arg(format!("http://127.0.0.1:{peer}"));
        let etcd_server = Server::start(command.arg("--data-dir").arg(folder.join("etcd")), &folder.join("etcd.out"));
        write_files(folder, url);
        let mut command = Command::new(programs.join("kube-apiserver"));
        command.args([
            "--bind-address=127.0.0.1",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
        ]);
        command.args(["--service-account-issuer=https://kubernetes.default.svc", "--audit-webhook-batch-max-wait=1s"]);
        command.args([format!("--etcd-servers={etcd}"), format!("--secure-port={port}")]);
        for (flag, file) in [
            ("cert-dir", "certs"),
            ("service-account-key-file", "sa.key"),
            ("service-account-signing-key-file", "sa.key"),
            ("token-auth-file", "tokens.csv"),
            ("audit-policy-file", "policy.yaml"),
            ("audit-webhook-config-file", "audit-webhook.yaml"),
            ("audit-log-path", "truth.log"),
        ] {
            command.arg(format!("--{flag}={}", folder.join(file).display()));
        }
        let api_server = Server::start(&mut command, &folder.join("kube-apiserver.out"));
        Self { folder: folder.to_owned(), port, _servers: [etcd_server, api_server] }
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// The API server's own log: what it says to have posted.
    fn truth(&self) -> String {
        std::fs::read_to_string(self.folder.join("truth.log")).unwrap_or_default()
    }
}

fn write_files(folder: &Path, url: &str) {
    let key = Command::new("openssl").args(["genrsa", "-out"]).arg(folder.join("sa.key")).output().unwrap();
    assert!(key.status.success(), "{key:?}");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("tokens.csv", &users().map(|user| format!("token-of-{user},{user},{user}\n")).collect::<String>());
    write(
        "policy.yaml",
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: RequestResponse}]\n",
    );
    let authority = folder.join("gatecrier.crt");
    write(
        "audit-webhook.yaml",
        &format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: gatecrier, cluster: {{server: \"{url}\", certificate-authority: \
             \"{}\"}}}}]\nusers: [{{name: api-server, user: {{token: sesame}}}}]\ncontexts: [{{name: gatecrier, context: \
             {{cluster: gatecrier, user: api-server}}}}]\ncurrent-context: gatecrier\n",
            authority.display()
        ),
    );
}

/// Gatecrier with a certificate and a token, always at the same address.
fn gatecrier(receiver: &Receiver, address: SocketAddr) -> Folder {
    let sources = format!(
        "{{ api: {{ webhook: {{ listen: \"{address}\", tls: {{ cert_file: gatecrier.crt, key_file: gatecrier.key }}, clusters: {{ \
         prod: {{ senders: [cp-1], token_file: token }} }} }} }} }}"
    );
    let folder = Folder::reading(&sources, &webhook(receiver.address));
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    for (name, text) in [("gatecrier.crt", cert.pem()), ("gatecrier.key", signing_key.serialize_pem())] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::fs::write(folder.path().join("token"), "sesame").unwrap();
    folder
}

#[test]
fn what_a_kube_apiserver_posts_is_told_of_although_gatecrier_is_killed_meanwhile() {
    let receiver = Receiver::start();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let folder = gatecrier(&receiver, address);
    let mut process = Process::start(&folder);
    let cluster = Cluster::start(folder.path(), &format!("https://{address}/audit/prod/cp-1"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let get = |path: &str, user: &str| {
        let request = client.get(cluster.url(path)).bearer_auth(format!("token-of-{user}")).send();
        runtime.block_on(request).map(|answer| answer.status().as_u16())
    };
    let users: Vec<_> = users().collect();
    wait_for("the API server", || get("/readyz", &users[0]).is_ok_and(|status| status == 403));
    for round in users.chunks(REQUESTS) {
        for user in round {
            assert_eq!(get("/api/v1/namespaces/default/secrets/db", user).unwrap(), 403);
        }
        process.kill();
        std::thread::sleep(AWAY);
        process = Process::start(&folder);
    }
    // One of them is the twentieth failure from one address: the alert about that has his name among its reasons.
    let told = |user: &str| receiver.alerts().iter().any(|alert| alert.to_string().contains(user));
    let missing = || users.iter().filter(|user| !told(user)).cloned().collect::<Vec<_>>();
    let began = std::time::Instant::now();
    while !missing().is_empty() {
        let said = std::fs::read_to_string(folder.path().join("kube-apiserver.out")).unwrap();
        let said: Vec<_> = said.lines().filter(|line| line.contains("audit")).collect();
        assert!(
            began.elapsed() < SENT_AGAIN_MAX,
            "missing: {:?} of {:?}; the API server said {said:#?}; Gatecrier said {}",
            missing(),
            receiver.subjects(),
            process.said()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let truth = cluster.truth();
    for user in &users {
        let asked = truth.lines().filter(|line| line.contains(user.as_str()) && line.contains("secrets/db")).count();
        assert_eq!(asked, 1, "{user} in the API server's own log");
    }
    println!("{} bytes in the API server's own log", truth.len());
    assert_eq!(process.total("gatecrier_malformed_records_total"), 0.0);
}
