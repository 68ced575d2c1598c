//! Which names promise a credential, and which texts are one.

/// Parts of a name, lower case and without separators, that promise a credential.
const CREDENTIAL_WORDS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "bearer",
    "cookie",
    "signature",
    "sessionid",
];

/// Ends of a name that only points at a credential or describes it.
const POINTER_ENDS: [&str; 9] = ["name", "ref", "refs", "path", "file", "type", "seconds", "policy", "audience"];

/// What the API server's authorizer said of a request: `authorization` stands in these names, and no credential in them.
const VERDICTS: [&str; 2] = ["authorization.k8s.io/decision", "authorization.k8s.io/reason"];

/// Whether a key, parameter or flag of this name holds a credential.
pub(super) fn names_credential(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    if VERDICTS.contains(&name) {
        return false;
    }
    let is_id = plain.ends_with("id") && !plain.ends_with("sessionid");
    let points = is_id || POINTER_ENDS.iter().any(|end| plain.ends_with(end));
    !points && CREDENTIAL_WORDS.iter().any(|word| plain.contains(word))
}

/// A text with the credentials in it masked: JSON web tokens, `Bearer …`, `name=value`, `name: value` and `--name value`
/// pairs with a credential-like name, and passwords in URLs.
pub(super) fn mask_free_text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut mask_next = false;
    for (word, separator) in words(text) {
        if word.is_empty() {
            masked.push_str(separator);
            continue;
        }
        if mask_next {
            masked.push_str(&super::masked_value(word.len()));
        } else {
            masked.push_str(&mask_word(word));
        }
        let announces = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
        let names = word.ends_with(':') || super::is_flag(word);
        mask_next = announces || (!mask_next && names && names_credential(word));
        masked.push_str(separator);
    }
    masked
}

/// Splits at white space and quotes; yields each word with the separator after it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_separator = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | ',' | ';' | '{' | '}');
    text.split_inclusive(is_separator).map(move |piece| {
        let word = piece.trim_end_matches(is_separator);
        (word, &piece[word.len()..])
    })
}

fn mask_word(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=')
        && !value.is_empty()
        && names_credential(name.rsplit(['?', '&', '/']).next().unwrap_or(name))
    {
        let (value, rest) = value.split_at(value.find('&').unwrap_or(value.len()));
        let rest = if rest.is_empty() { String::new() } else { format!("&{}", mask_word(&rest[1..])) };
        return format!("{name}={}{rest}", super::masked_value(value.len()));
    }
    if let Some((before, after)) = word.split_once('&') {
        return format!("{}&{}", mask_word(before), mask_word(after));
    }
    mask_url_password(&mask_web_tokens(word))
}

/// Masks the password in `scheme://user:password@host`.
fn mask_url_password(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let Some((user_info, _)) = authority.rsplit_once('@') else { return word.to_owned() };
    let Some((user, password)) = user_info.split_once(':') else { return word.to_owned() };
    format!("{scheme}://{user}:{}{}", super::masked_value(password.len()), &rest[user_info.len()..])
}

/// Masks JSON web tokens: three runs of base64url joined by dots, of which the first says `{"`.
fn mask_web_tokens(word: &str) -> String {
    let mut masked = String::new();
    let mut rest = word;
    while let Some(start) = rest.find("eyJ") {
        let token = &rest[start..];
        let length = token.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter)));
        let token = &token[..length.unwrap_or(token.len())];
        masked.push_str(&rest[..start]);
        if token.contains('.') || token.len() > 64 {
            masked.push_str(&super::masked_value(token.len()));
        } else {
            masked.push_str(token);
        }
        rest = &rest[start + token.len()..];
    }
    masked.push_str(rest);
    masked
}
