use std::io::Write;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::mmdb::Value::{Map, Number, Text};
use super::*;

const JULY: u64 = 1_751_328_000; // 2025-07-01
const MAY: u64 = 1_746_057_600; // 2025-05-01

fn country_file() -> Vec<u8> {
    let nested = |code| Map(vec![("country", Map(vec![("iso_code", Text(code))]))]);
    let long = "The organisation with a name that no chat channel would ever want to see in full, and then some more of it, and more, and more still";
    mmdb::file(
        &[
            ("198.51.100.0/24", nested("NL")),
            ("2001:db8::/32", nested("FR")),
            ("203.0.113.0/25", Map(vec![("country", Text("DE")), ("asn", Text("AS64500")), ("as_name", Text("Flat"))])),
            ("203.0.113.128/25", Map(vec![("country", Number(7)), ("asn", Text("none")), ("as_name", Map(vec![]))])),
            ("192.0.2.0/25", Text("just text")),
            ("192.0.2.128/25", Map(vec![("country_code", Text("nowhere")), ("as_name", Text(long))])),
        ],
        JULY,
    )
}

fn asn_file() -> Vec<u8> {
    let system = vec![("autonomous_system_number", Number(64501)), ("autonomous_system_organization", Text("Example"))];
    mmdb::file(&[("198.51.100.0/24", Map(system))], MAY)
}

fn on_disk(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn either_file_answers_what_it_knows() {
    let (country, asn) = (on_disk(&country_file()), on_disk(&asn_file()));
    let places = Places::open(Some(country.path()), Some(asn.path())).unwrap();
    let check = |address: &str, expected: &str| {
        let Place { country, asn, as_org } = places.lookup(address.parse().unwrap());
        let asn = asn.map_or("-".to_owned(), |asn| asn.to_string());
        let got = format!("{} {asn} {}", country.as_deref().unwrap_or("-"), as_org.as_deref().unwrap_or("-"));
        assert_eq!(got, expected, "{address}");
    };
    check("198.51.100.20", "NL 64501 Example");
    check("::ffff:198.51.100.20", "NL 64501 Example");
    check("64:ff9b::198.51.100.20", "NL 64501 Example");
    check("2001:db8::1", "FR - -");
    check("203.0.113.9", "DE 64500 Flat");
    check("10.0.0.1", "- - -");
    // Records of another shape know nothing, and harm nobody.
    check("203.0.113.129", "- - -");
    check("192.0.2.1", "- - -");
    let cut = places.lookup("192.0.2.129".parse().unwrap());
    assert_eq!((cut.country, cut.as_org.unwrap().chars().count()), (None, AS_ORG_CHARS_MAX));
    assert_eq!(places.date().as_deref(), Some("2025-05-01"), "the older of the two");
}

#[test]
fn without_files_nothing_has_a_place() {
    let places = Places::open(None, None).unwrap();
    assert!(places.is_empty());
    assert_eq!((places.lookup("8.8.8.8".parse().unwrap()), places.date()), (Place::default(), None));
}

#[test]
fn a_missing_or_damaged_file_is_named_with_its_field() {
    let error = Places::open(None, Some(Path::new("/nowhere/asn.mmdb"))).unwrap_err();
    assert!(format!("{error:#}").starts_with("read the `asn` file /nowhere/asn.mmdb: "), "{error:#}");

    let whole = country_file();
    for damaged in [&b""[..], b"not such a file", &whole[..whole.len() / 2], &whole[whole.len() / 2..]] {
        let file = on_disk(damaged);
        let error = format!("{:#}", Places::open(Some(file.path()), None).unwrap_err());
        assert!(error.contains("the `country` file"), "{error}");
        assert!(error.contains("is damaged or not in MaxMind's format"), "{error}");
    }
}

proptest! {
    #[test]
    fn a_damaged_file_harms_nobody(at in any::<prop::sample::Index>(), byte in any::<u8>(), address in any::<IpAddr>()) {
        let mut bytes = country_file();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(reader) = Reader::from_source(bytes) {
            let places = Places { files: vec![reader] };
            for address in [address, "198.51.100.20".parse().unwrap(), "203.0.113.9".parse().unwrap()] {
                let place = places.lookup(address);
                prop_assert!(place.country.is_none_or(|code| is_country(&code)));
            }
        }
    }
}
