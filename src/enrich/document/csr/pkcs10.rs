//! The subject of a PKCS#10 certificate request (RFC 2986), read out of its DER.
//!
//! `CertificationRequest` is a sequence that begins with the info: a sequence of a version and the name, which is a
//! sequence of sets of sequences of a type and a value.

/// Most parts of a name that are read.
const PARTS_MAX: usize = 64;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// Whom a certificate would name: user and groups.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) common_names: Vec<String>,
    pub(super) organizations: Vec<String>,
}

impl Subject {
    /// Reads it; nothing when this is no request.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, request, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (_, info, _) = element(request).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (_, _, after_version) = element(info)?;
        let (_, mut name, _) = element(after_version).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let mut subject = Self::default();
        for _ in 0..PARTS_MAX {
            let Some((SET, mut set, rest)) = element(name) else { break };
            while let Some((SEQUENCE, pair, more)) = element(set) {
                subject.take(pair);
                set = more;
            }
            name = rest;
        }
        Some(subject)
    }

    fn take(&mut self, pair: &[u8]) {
        let Some((OBJECT_ID, kind, rest)) = element(pair) else { return };
        let Some((_, value, _)) = element(rest) else { return };
        let to = match kind {
            COMMON_NAME => &mut self.common_names,
            ORGANIZATION => &mut self.organizations,
            _ => return,
        };
        if to.len() < PARTS_MAX {
            to.push(String::from_utf8_lossy(value).into_owned());
        }
    }
}

/// Tag, contents and what follows of the element at the start.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Subject::read(&bytes);
            Subject::read(&[&[0x30, 0x81, bytes.len() as u8, 0x30, 0x50, 2, 1, 0, 0x30, 0x40][..], &bytes].concat());
        }
    }
}
