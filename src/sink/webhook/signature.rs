//! Signatures in the layout of Standard Webhooks.

use anyhow::{anyhow, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// Most secrets that sign at a time: the new one and the one it replaces.
const SECRETS_MAX: usize = 2;

/// The keys in a secret's text, newest first as written.
pub(super) fn keys(secret: &Secret) -> anyhow::Result<Vec<Vec<u8>>> {
    let lines: Vec<&str> = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > SECRETS_MAX {
        bail!("`secret_file` must hold one secret, or two while one replaces the other");
    }
    let key = |line: &str| match line.strip_prefix("whsec_") {
        Some(encoded) => {
            STANDARD.decode(encoded).map_err(|_| anyhow!("`secret_file`: what follows `whsec_` is not base64"))
        }
        None => Ok(line.as_bytes().to_vec()),
    };
    lines.into_iter().map(key).collect()
}

/// One signature for each key over `id.timestamp.body`, apart by a space.
pub(super) fn signature(keys: &[Vec<u8>], id: &str, timestamp: &str, body: &[u8]) -> String {
    let sign = |key: &Vec<u8>| {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    keys.iter().filter_map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let keys = keys(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = signature(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let both = keys(&Secret::new("new\nold\n")).unwrap();
        let [new, old] = ["new", "old"].map(|key| signature(&[key.into()], "1.1", "0", b"{}"));
        assert_eq!(signature(&both, "1.1", "0", b"{}"), format!("{new} {old}"));
        keys(&Secret::new("a\nb\nc")).unwrap_err();
        keys(&Secret::new("whsec_!")).unwrap_err();
    }
}
