//! Audit events, as an API server would write them.

use std::time::{SystemTime, UNIX_EPOCH};

use gatecrier::event::Timestamp;

/// Event time: begins now, and goes on by a millisecond with each event.
pub struct Clock(i64);

impl Clock {
    pub fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64)
    }

    pub fn skip_seconds(&mut self, seconds: i64) {
        self.0 += seconds * 1_000_000;
    }

    pub fn next(&mut self) -> Timestamp {
        self.0 += 1000;
        Timestamp::from_micros(self.0)
    }
}

/// One request that succeeded. Its address is private, yet in no trusted network, so that nothing but that is found.
pub struct Attack<'a> {
    pub user: &'a str,
    pub address: &'a str,
    pub uri: &'a str,
    /// Members to add: bodies and the like, each with a comma before it.
    pub more: &'a str,
}

impl Default for Attack<'_> {
    fn default() -> Self {
        Self { user: "eve", address: "10.99.0.5", uri: "/api/v1/namespaces/prod/secrets/db", more: "" }
    }
}

impl Attack<'_> {
    /// A read of a secret by this user, as a line.
    pub fn by(user: &str, time: Timestamp) -> String {
        Attack { user, ..Attack::default() }.line(time)
    }

    /// What nobody has to be told of.
    pub fn harmless(time: Timestamp) -> String {
        Attack { user: "system:kube-scheduler", address: "198.51.100.7", ..Attack::default() }.line(time)
    }

    pub fn line(&self, time: Timestamp) -> String {
        let Self { user, address, uri, more } = self;
        let verb = if uri.contains("/exec") { "create" } else { "get" };
        let subresource = if uri.contains("/exec") { r#","subresource":"exec""# } else { "" };
        let resource = if uri.contains("/pods/") { "pods" } else { "secrets" };
        // As the API server makes them, so that nothing but the attack is found.
        let id = format!("{:08x}-{:04x}-4000-8000-000000000000", (time.micros() >> 16) as u32, time.micros() as u16);
        let agent = if user.starts_with("system:") { "kube-scheduler/v1.36.3" } else { "curl/8.5.0" };
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"{id}","stage":"ResponseComplete","requestURI":"{uri}","verb":"{verb}","user":{{"username":"{user}","groups":["system:authenticated"]}},"sourceIPs":["{address}"],"userAgent":"{agent}","objectRef":{{"resource":"{resource}","namespace":"prod","name":"db","apiVersion":"v1"{subresource}}},"responseStatus":{{"metadata":{{}},"code":200}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}","annotations":{{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}{more}}}"#
        ) + "\n"
    }
}
