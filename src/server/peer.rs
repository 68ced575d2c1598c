//! Who is at the other end of a TLS connection: the name in the certificate it showed, for the answers to ask.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Extension;
use axum::Router;
use axum_server::accept::Accept;
use tokio_rustls::server::TlsStream;

/// The common name of a client's certificate, which its authority vouches for. Nothing stands for a certificate
/// without one, or with several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer(pub Option<Arc<str>>);

/// Lets a request know whose certificate its connection showed: a [`Peer`] among its extensions, if there was any.
#[derive(Debug, Clone)]
pub struct Introduce<A>(pub A);

impl<A, I, G> Accept<I, Router> for Introduce<A>
where
    A: Accept<I, Router, Stream = TlsStream<G>, Service = Router>,
    A::Future: Send + 'static,
{
    type Stream = TlsStream<G>;
    type Service = Router;
    type Future = Introducing<A::Future>;

    fn accept(&self, stream: I, service: Router) -> Self::Future {
        Introducing(Box::pin(self.0.accept(stream, service)))
    }
}

/// A handshake on its way.
pub struct Introducing<F>(Pin<Box<F>>);

impl<F, G> Future for Introducing<F>
where
    F: Future<Output = io::Result<(TlsStream<G>, Router)>>,
{
    type Output = io::Result<(TlsStream<G>, Router)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (stream, service) = ready!(self.0.as_mut().poll(cx))?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let service = match certificate {
            Some(certificate) => service.layer(Extension(Peer(common_name(certificate).map(Arc::from)))),
            None => service,
        };
        Poll::Ready(Ok((stream, service)))
    }
}

/// The object identifier of a common name, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const VERSION: u8 = 0xa0;

/// The common name of a certificate's subject (RFC 5280, section 4.1), if there is exactly one.
fn common_name(certificate: &[u8]) -> Option<String> {
    let (mut signed, _) = inside(inside(certificate, SEQUENCE)?.0, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        (_, signed) = inside(signed, VERSION)?;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        (_, _, signed) = element(signed)?;
    }
    let (mut subject, _) = inside(signed, SEQUENCE)?;
    let mut found = None;
    while !subject.is_empty() {
        let mut set;
        (set, subject) = inside(subject, SET)?;
        while !set.is_empty() {
            let pair;
            (pair, set) = inside(set, SEQUENCE)?;
            let (kind, value) = inside(pair, OBJECT_IDENTIFIER)?;
            let (tag, text, _) = element(value)?;
            if kind != COMMON_NAME {
                continue;
            }
            let text = matches!(tag, UTF8_STRING | PRINTABLE_STRING).then(|| std::str::from_utf8(text).ok())??;
            if found.replace(text.to_owned()).is_some() {
                return None;
            }
        }
    }
    found
}

/// What is in the DER element of this kind at the start of the bytes, and what follows it.
fn inside(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == kind).then_some((content, rest))
}

/// Kind, content and what follows the DER element at the start of the bytes.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        // More than four bytes of length are no certificate of ours.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    #[track_caller]
    fn check(names: &[(DnType, DnValue)], expected: Option<&str>) {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(common_name(certificate.der()).as_deref(), expected);
        for end in 0..certificate.der().len() {
            // Cut anywhere, it says nothing or the same, and does not panic.
            let _ = common_name(&certificate.der()[..end]);
        }
    }

    #[test]
    fn the_common_name_is_found() {
        let text = |text: &str| DnValue::Utf8String(text.to_owned());
        check(&[(DnType::CommonName, text("kube-apiserver-prod"))], Some("kube-apiserver-prod"));
        check(&[(DnType::OrganizationName, text("system:masters")), (DnType::CommonName, text("bö"))], Some("bö"));
        check(&[(DnType::OrganizationName, text("kube-apiserver-prod"))], None);
        check(&[], None);
        let printable = DnValue::PrintableString("cp-1".try_into().unwrap());
        check(&[(DnType::CommonName, printable)], Some("cp-1"));
        let wide = DnValue::BmpString("cp-1".try_into().unwrap());
        check(&[(DnType::CommonName, wide)], None);
    }
}
