//! Where a receiver lives. Its path and query may be secrets, as with chat webhooks, and are not printed.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Deserializer};

/// An `http://` or `https://` address. Printed, it shows scheme, host and port only.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    origin: String,
}

impl Endpoint {
    /// Reads an address, white space around it left out. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url =
            Url::parse(text.trim()).map_err(|error| format!("not an address ({error}): write https://host/path"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the address must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address must not hold a user or password: use `auth` and files".to_owned());
        }
        let origin = shown(&url);
        Ok(Self { url, origin })
    }

    /// An address that stands in our own source.
    #[allow(clippy::expect_used, reason = "a constant, which a test reads")]
    pub(in crate::sink) fn fixed(text: &'static str) -> Self {
        Self::parse(text).expect("a fixed address is one")
    }

    /// What people are shown of an address that a file may hold.
    pub(in crate::sink) fn shown(endpoint: Option<&Self>) -> String {
        endpoint.map_or_else(|| "the address in `url_file`".to_owned(), |endpoint| endpoint.origin.clone())
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is spoken to without TLS.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The address of `path?query` below this one. The endpoint's own query, if any, goes with an empty path only.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if path.is_empty() {
            return url;
        }
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}/{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// The same address without `suffix` at the end of its path: people paste whole push addresses.
    #[must_use]
    pub fn without(&self, suffix: &str) -> Self {
        let mut url = self.url.clone();
        if let Some(stem) = self.url.path().trim_end_matches('/').strip_suffix(suffix) {
            url.set_path(stem);
        }
        Self { url, origin: self.origin.clone() }
    }

    /// Where a redirect points, as people may see it.
    pub fn redirect_origin(&self, location: &str) -> Option<String> {
        self.url.join(location).ok().map(|url| shown(&url))
    }
}

fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.origin)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_is_printed() {
        let endpoint = Endpoint::parse("https://hooks.example/services/T0/B0/secret?key=secret").unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "https://hooks.example:443 Endpoint(https://hooks.example:443)");
    }

    #[test]
    fn useless_addresses_are_refused_without_being_repeated() {
        for text in ["", "hooks.example", "ftp://secret.example", "https://user:secret@x/", "https://secret@x/"] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn paths_go_below() {
        let check = |base: &str, path: &str, expected: &str| {
            assert_eq!(Endpoint::parse(base).unwrap().below(path).as_str(), expected);
        };
        check("http://x:9200", "_bulk?a=b", "http://x:9200/_bulk?a=b");
        check("http://x/es/", "s/_bulk", "http://x/es/s/_bulk");
        check("http://x/hook?key=1", "", "http://x/hook?key=1");
        let endpoint = Endpoint::parse("http://x/p/loki/api/v1/push").unwrap().without("/loki/api/v1/push");
        assert_eq!(endpoint.below("ready").as_str(), "http://x/p/ready");
    }
}
