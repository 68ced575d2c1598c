//! What an answer means: taken, try again, try again slowly, or never.

use std::time::Duration;

use anyhow::anyhow;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::Endpoint;
use crate::sink::SendError;
use crate::terminal::escape_terminal;

/// Most bytes of an answer kept, decompressed. Beyond it the answer is cut; nobody needs more to say what happened.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most characters of an answer's body in an error. Beyond it they are left out.
const EXCERPT_CHARS: usize = 300;
/// Longest wish of a receiver that is heard. A longer one is cut to it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What a receiver answered.
#[derive(Debug)]
pub struct Answer {
    origin: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    redirects_to: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) async fn read(endpoint: &Endpoint, mut response: Response) -> Result<Self, SendError> {
        let headers = response.headers();
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let mut answer = Self {
            origin: endpoint.origin().to_owned(),
            status: response.status(),
            retry_after: retry_after(headers, jiff::Timestamp::now()),
            redirects_to: location.and_then(|location| endpoint.redirect_origin(location)),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(endpoint, error))? {
            let room = BODY_BYTES_MAX - answer.body.len();
            answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(answer)
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The body, at most 4 MiB of it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The receiver's wish when to be asked again, at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The beginning of the body, safe to print.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4 * EXCERPT_CHARS)]);
        let cut: String = text.trim().chars().take(EXCERPT_CHARS).collect();
        escape_terminal(&cut).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the body holds these words, whatever their case.
    pub fn mentions(&self, words: &str) -> bool {
        self.body.to_ascii_lowercase().windows(words.len().max(1)).any(|window| window == words.as_bytes())
    }

    /// This answer as one that only an operator can mend, with the way out.
    pub fn into_slow(self, advice: &str) -> SendError {
        SendError::slow(anyhow!("{}: {advice}", self.describe()))
    }

    /// Who answered what, safe to print.
    pub fn describe(&self) -> String {
        let excerpt = self.excerpt();
        let colon = if excerpt.is_empty() { "" } else { ": " };
        format!("{} answered {}{colon}{excerpt}", self.origin, self.status.as_u16())
    }

    /// What to do, when the answer is not the success that was hoped for.
    pub fn into_error(self) -> SendError {
        let cause = anyhow!(self.describe());
        match self.status.as_u16() {
            // 409 is a receiver still busy with the same idempotency key.
            408 | 409 | 425 | 429 | 500..=599 => SendError::Retry { after: self.retry_after, cause },
            300..=399 => SendError::slow(anyhow!(
                "{} redirects to {}: redirects are not followed, write the final address in `url`",
                self.origin,
                self.redirects_to.as_deref().unwrap_or("nowhere"),
            )),
            // A wrong token, path, method or proxy is the operator's to mend; the alerts wait.
            401 | 403 | 404 | 405 | 407 | 410 | 421 | 426 | 451 => SendError::slow(cause),
            _ => SendError::Reject(cause),
        }
    }
}

/// The error of a request that got no whole answer. The address is left out: its path may be a secret.
pub(super) fn lost(endpoint: &Endpoint, error: reqwest::Error) -> SendError {
    let cause = anyhow::Error::new(error.without_url()).context(format!("no answer from {endpoint}"));
    SendError::Retry { after: None, cause }
}

fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wish = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(moment.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wish.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_retry_after(text: &str, expected: Option<u64>) {
        let now = "2015-10-21T07:27:00Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn a_wish_is_seconds_or_a_date_and_at_most_an_hour() {
        check_retry_after("7", Some(7));
        check_retry_after("0", Some(0));
        check_retry_after("86400", Some(3600));
        check_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", Some(60));
        check_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", Some(0));
        check_retry_after("Fri, 21 Oct 2016 07:00:00 GMT", Some(3600));
        check_retry_after("soon", None);
        check_retry_after("-3", None);
    }

    fn answer(status: u16) -> Answer {
        Answer {
            origin: "https://x:443".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some(Duration::from_secs(9)),
            redirects_to: Some("https://y:443".to_owned()),
            body: b"no\x1b[2J ".to_vec(),
        }
    }

    #[test]
    fn each_status_is_tried_again_or_rejected() {
        for (status, expected) in [
            (301, "slow"),
            (308, "slow"),
            (400, "reject"),
            (401, "slow"),
            (403, "slow"),
            (404, "slow"),
            (405, "slow"),
            (408, "retry"),
            (409, "retry"),
            (410, "slow"),
            (413, "reject"),
            (422, "reject"),
            (425, "retry"),
            (429, "retry"),
            (500, "retry"),
            (502, "retry"),
            (503, "retry"),
            (504, "retry"),
        ] {
            let outcome = match answer(status).into_error() {
                SendError::Retry { after: Some(after), .. } if after == Duration::from_secs(9) => "retry",
                SendError::Retry { .. } => "slow",
                SendError::Reject(_) => "reject",
                SendError::Partly { .. } => "partly",
            };
            assert_eq!(outcome, expected, "{status}");
        }
    }

    #[test]
    fn messages_are_safe_and_say_who_answered() {
        assert_eq!(answer(500).into_error().to_string(), "https://x:443 answered 500: no\\u{1b}[2J");
        let text = answer(302).into_error().to_string();
        assert!(text.starts_with("https://x:443 redirects to https://y:443"), "{text}");
    }
}
