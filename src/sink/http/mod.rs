//! What all sinks that speak HTTP have in common: where to, who we are, and what an answer means.

mod answer;
mod endpoint;
mod wire;

pub use answer::Answer;
pub use endpoint::Endpoint;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::secret::{Secret, SecretFile};
use crate::sink::SendError;
use wire::Wire;

/// How we say who we are. At most one of password, token and API key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// User name of basic authentication; needs `password_file`.
    pub username: Option<String>,
    /// File with the password of basic authentication; needs `username`.
    pub password_file: Option<PathBuf>,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// File with an API key, sent as `Authorization: ApiKey …`, as Elasticsearch reads it.
    pub api_key_file: Option<PathBuf>,
}

/// Whom we believe, and our certificate. All files are PEM and are read again when they change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Authorities to believe instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate with its chain; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Our certificate's private key; needs `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// Headers as configured. Their values may be secrets and are not printed.
pub type Headers = BTreeMap<String, Secret>;

/// One receiver, with everything that each request to it carries.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    endpoint: Endpoint,
    /// Where the address itself comes from, when it is a secret.
    url_file: Option<SecretFile>,
    /// What is added to the endpoint's own query.
    query: Option<(&'static str, &'static str)>,
    headers: HeaderMap,
    login: Login,
}

#[derive(Debug)]
enum Login {
    None,
    Basic { username: String, password: SecretFile },
    Bearer(SecretFile),
    ApiKey(SecretFile),
}

impl Client {
    /// Prepares to speak to `endpoint`. Fails when a file is missing or useless, a header cannot be sent, or
    /// settings contradict each other; the error names the setting.
    pub fn new(endpoint: &Endpoint, headers: &Headers, auth: &Auth, tls: &Tls) -> anyhow::Result<Self> {
        if endpoint.is_plain() && *tls != Tls::default() {
            bail!("`tls` has no effect on an http:// address: use https:// in `url`");
        }
        Ok(Self {
            wire: Wire::new(tls, endpoint.is_plain())?,
            endpoint: endpoint.clone(),
            url_file: None,
            query: None,
            headers: header_map(headers)?,
            login: Login::new(auth)?,
        })
    }

    /// Likewise, for a receiver whose address is the secret that lets one in: either it is set, or the file that
    /// holds it, which is read again when it changes.
    pub fn secret(url: Option<&Endpoint>, url_file: Option<&Path>, tls: &Tls) -> anyhow::Result<Self> {
        let (endpoint, url_file) = match (url, url_file) {
            (Some(url), None) => (url.clone(), None),
            (None, Some(path)) => {
                let file = SecretFile::open("url_file", path)?;
                let parsed = Endpoint::parse(file.current().expose());
                (parsed.map_err(|error| anyhow!("`url_file` {}: {error}", path.display()))?, Some(file))
            }
            (Some(_), Some(_)) => bail!("`url` and `url_file` are both set: keep one of them"),
            (None, None) => bail!("set `url_file`, a file that holds the address to post to, or `url`"),
        };
        Ok(Self { url_file, ..Self::new(&endpoint, &Headers::new(), &Auth::default(), tls)? })
    }

    /// Likewise, with a pair added to the query of the endpoint itself.
    #[must_use]
    pub(in crate::sink) fn with_query(self, name: &'static str, value: &'static str) -> Self {
        Self { query: Some((name, value)), ..self }
    }

    /// The address as it is now.
    fn endpoint(&self) -> Result<Endpoint, SendError> {
        let Some(file) = &self.url_file else { return Ok(self.endpoint.clone()) };
        let endpoint = Endpoint::parse(file.current().expose());
        endpoint.map_err(|error| SendError::slow(anyhow!("`url_file`: {error}")))
    }

    /// Posts JSON to `path` below the endpoint.
    pub async fn post_json(&self, path: &str, mut headers: HeaderMap, body: &Value) -> Result<Answer, SendError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.post(path, headers, body.to_string().into_bytes()).await
    }

    /// Posts a body to `path` below the endpoint; an empty path is the endpoint itself.
    pub async fn post(&self, path: &str, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, SendError> {
        self.request(Method::POST, path, headers, Some(body)).await
    }

    /// Puts a body at `path` below the endpoint.
    pub async fn put(&self, path: &str, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, SendError> {
        self.request(Method::PUT, path, headers, Some(body)).await
    }

    /// Gets `path` below the endpoint.
    pub async fn get(&self, path: &str) -> Result<Answer, SendError> {
        self.request(Method::GET, path, HeaderMap::new(), None).await
    }

    /// Asks the endpoint for its headers only, which no receiver takes for an alert.
    pub async fn head(&self) -> Result<Answer, SendError> {
        self.request(Method::HEAD, "", HeaderMap::new(), None).await
    }

    /// Connects without sending an alert, to receivers that can only be posted to, and says what was found.
    pub async fn reach(&self) -> anyhow::Result<String> {
        let answer = self.head().await?;
        match answer.status() {
            300..=399 => Err(answer.into_error().into()),
            500..=599 => bail!(answer.describe()),
            status => Ok(format!("{} can be reached (it answered {status} to HEAD)", self.origin())),
        }
    }

    /// The receiver as people may see it: scheme, host and port.
    pub fn origin(&self) -> &str {
        self.endpoint.origin()
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, SendError> {
        let endpoint = self.endpoint()?;
        let lost = |error: reqwest::Error| answer::lost(&endpoint, error);
        if let Some(authorization) = self.login.authorization(self.origin())? {
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut url = endpoint.below(path);
        if let Some((name, value)) = self.query.filter(|_| path.is_empty()) {
            url.query_pairs_mut().append_pair(name, value);
        }
        let request = self.wire.current().request(method, url);
        // Headers set later replace those of the same name: a configured header cannot break the format.
        let mut request = request.headers(self.headers.clone()).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(lost)?;
        Answer::read(&endpoint, response).await
    }
}

impl Login {
    fn new(auth: &Auth) -> anyhow::Result<Self> {
        let open = |setting: &str, path: &PathBuf| SecretFile::open(setting, path);
        Ok(match (&auth.username, &auth.password_file, &auth.token_file, &auth.api_key_file) {
            (None, None, None, None) => Self::None,
            (Some(username), Some(password), None, None) => {
                let password = open("auth.password_file", password)?;
                Self::Basic { username: username.clone(), password }
            }
            (None, None, Some(token), None) => Self::Bearer(open("auth.token_file", token)?),
            (None, None, None, Some(key)) => Self::ApiKey(open("auth.api_key_file", key)?),
            _ => bail!("`auth` must name one of: `username` with `password_file`; `token_file`; `api_key_file`"),
        })
    }

    fn authorization(&self, origin: &str) -> Result<Option<HeaderValue>, SendError> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = match self {
            Self::None => return Ok(None),
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.current().expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            Self::Bearer(token) => format!("Bearer {}", token.current().expose()),
            Self::ApiKey(key) => format!("ApiKey {}", key.current().expose()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            SendError::slow(anyhow!("{origin}: the secret in `auth` holds characters no header can carry"))
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn header_map(headers: &Headers) -> anyhow::Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let key: HeaderName = name.parse().with_context(|| format!("`headers`: `{name}` is not a header name"))?;
        // The value is not repeated in the message: it may be a secret.
        let Ok(mut value) = HeaderValue::from_str(value.expose()) else {
            bail!("`headers`: the value of `{name}` holds characters no header can carry");
        };
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

/// A map of headers with fixed names and values.
pub fn fixed_headers<const N: usize>(headers: [(HeaderName, &'static str); N]) -> HeaderMap {
    headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// The bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to a vector does not fail.
    _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(url: &str, headers: Headers, auth: Auth, tls: Tls) -> anyhow::Result<Client> {
        Client::new(&Endpoint::parse(url).unwrap(), &headers, &auth, &tls)
    }

    #[track_caller]
    fn check_error(result: anyhow::Result<Client>, expected: &[&str]) {
        let error = format!("{:#}", result.unwrap_err());
        for part in expected {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }

    #[test]
    fn what_cannot_work_is_said_when_it_is_built() {
        let https = "https://alerts.example";
        let none = Headers::new;
        let missing = || Some(PathBuf::from("/no/such/file"));
        let auth = Auth { token_file: missing(), ..Auth::default() };
        check_error(build(https, none(), auth, Tls::default()), &["auth.token_file", "/no/such/file"]);
        let auth = Auth { username: Some("eve".into()), ..Auth::default() };
        check_error(build(https, none(), auth, Tls::default()), &["`username` with `password_file`"]);
        let auth = Auth { token_file: missing(), api_key_file: missing(), ..Auth::default() };
        check_error(build(https, none(), auth, Tls::default()), &["one of"]);
        let tls = Tls { ca_file: missing(), ..Tls::default() };
        check_error(build(https, none(), Auth::default(), tls.clone()), &["tls.ca_file", "/no/such/file"]);
        check_error(build("http://x", none(), Auth::default(), tls), &["https://"]);
        let tls = Tls { cert_file: missing(), ..Tls::default() };
        check_error(build(https, none(), Auth::default(), tls), &["tls.key_file"]);
        let headers = Headers::from([("bad name".to_owned(), Secret::new("x"))]);
        check_error(build(https, headers, Auth::default(), Tls::default()), &["`bad name`"]);
        let headers = Headers::from([("X-Key".to_owned(), Secret::new("hunter2\n"))]);
        let error = format!("{:#}", build(https, headers, Auth::default(), Tls::default()).unwrap_err());
        assert!(error.contains("X-Key") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_plain_address_needs_no_system_roots() {
        build("http://127.0.0.1:1", Headers::new(), Auth::default(), Tls::default()).unwrap();
    }
}
