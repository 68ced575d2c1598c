//! What is answered, and what each answer is called in the metrics.
//!
//! The API server sends everything but a success again, and gives up after some minutes. With `Retry-After` it comes
//! back within its own time limit, so whatever may pass is answered that way.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::source::spool::Refused;

/// Why something is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody of that name is configured.
    Unknown(String),
    /// No token or certificate, or a wrong token.
    Unauthorized(&'static str),
    /// A certificate of somebody else.
    Forbidden,
    /// Compressed in a way we do not read.
    Encoding,
    /// Longer than the limit, in bytes. It has been raised.
    TooLong(u64),
    /// All memory for bodies is in use.
    Busy,
    /// The spool says no.
    Spool(Refused),
    /// The body did not come to its end in time.
    Slow,
    /// The body did not come to its end, or is not what it says it is.
    Broken(&'static str),
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::Spool(refused)
    }
}

impl Refusal {
    /// What it is called in the metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Encoding => "encoding",
            Self::TooLong(_) => "too-long",
            Self::Busy => "busy",
            Self::Spool(Refused::Full) => "full",
            Self::Spool(Refused::Starting) => "starting",
            Self::Spool(Refused::Stopping) => "stopping",
            Self::Slow => "slow",
            Self::Broken(_) => "broken",
        }
    }

    /// Whether the sender is told to mend something; otherwise it only has to wait.
    pub(super) fn is_the_senders(&self) -> bool {
        !matches!(self, Self::Busy | Self::Spool(_))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::Spool(Refused::Full) => StatusCode::TOO_MANY_REQUESTS,
            Self::Spool(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Seconds after which it is worth trying again. The API server tries ten times within its 30 s.
    fn retry_after(&self) -> Option<&'static str> {
        match self {
            Self::Busy | Self::Spool(Refused::Starting) => Some("1"),
            Self::Spool(_) => Some("5"),
            _ => None,
        }
    }

    /// For people who read their API server's log.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Unknown(name) => {
                format!("nobody is configured under `{name}`: post to /audit/CLUSTER as `webhook.clusters` names it")
            }
            Self::Unauthorized(what) => (*what).to_owned(),
            Self::Forbidden => "the certificate is not one of those in `subjects` of this cluster".to_owned(),
            Self::Encoding => "send the body as it is, or with Content-Encoding: gzip".to_owned(),
            Self::TooLong(max) => {
                format!("the body is longer than {max} bytes: raise `body_bytes_max`, or lower the batch size")
            }
            Self::Busy => "all memory for bodies is in use".to_owned(),
            Self::Spool(Refused::Full) => "no room on the disk".to_owned(),
            Self::Spool(Refused::Starting) => "starting".to_owned(),
            Self::Spool(Refused::Stopping) => "stopping".to_owned(),
            Self::Slow => "the body did not arrive in time".to_owned(),
            Self::Broken(what) => (*what).to_owned(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.text() + "\n").into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if matches!(self, Self::Unauthorized(_)) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
