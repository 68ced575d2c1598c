//! How a request ended.

use super::object::{Object, Target};
use crate::event::Raw;

/// A status as the API server would have logged it.
pub(super) fn status(payload: Raw<'_>, target: &Target<'_>, stage: &str) -> Vec<u8> {
    let of_status = |key| payload.at(&["status", key]);
    let code = of_status("code").and_then(Raw::number).unwrap_or(0.0);
    let message = of_status("message").and_then(Raw::text).unwrap_or_default();
    let http = match http(code) {
        // Protocol buffers leave out what is zero, so that a denial without a code looks like a success.
        0 if granted(payload) == Some(false) => 403,
        0 => success(target, stage),
        http => http,
    };
    let mut status = Object::new();
    status.raw("metadata", b"{}");
    if http >= 400 {
        status.text("status", "Failure");
    }
    if !message.is_empty() {
        status.text("message", &message.decode());
    }
    status.raw("code", http.to_string().as_bytes());
    status.finish()
}

/// The API server's answer to what succeeds.
fn success(target: &Target<'_>, stage: &str) -> u16 {
    match (target.subresource.as_str(), target.verb) {
        ("exec" | "attach" | "portforward", _) => 101,
        ("", "create") if stage == "ResponseComplete" => 201,
        _ => 200,
    }
}

/// HTTP's code for gRPC's, as in the comments of google.rpc.Code; 0 for success.
fn http(code: f64) -> u16 {
    match code as i64 {
        0 => 0,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Whether the request was allowed, if the entry says so. One that was refused anything was refused.
pub(super) fn granted(payload: Raw<'_>) -> Option<bool> {
    let mut granted = None;
    for one in payload.get("authorizationInfo").into_iter().flat_map(Raw::items) {
        // False is left out, like all that is zero.
        let this = one.get("granted").is_some_and(|value| value.bytes() == b"true");
        granted = Some(granted.unwrap_or(true) && this);
    }
    granted
}
