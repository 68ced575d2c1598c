//! `client.*`: the address a request is held to.

use crate::enrich::field::table::{Entry, Kind, Whence, row};
use crate::enrich::field::value::{See, Value};

fn text(text: Option<&str>, see: See<'_>) -> bool {
    text.is_some_and(|text| see(Value::Text(text)))
}

fn shown(value: Option<impl ToString>, see: See<'_>) -> bool {
    value.is_some_and(|value| see(Value::Text(&value.to_string())))
}

pub(super) fn rows() -> Vec<Entry> {
    use Kind::{Flag, Number, Text, Texts};
    use Whence::Fact;
    vec![
        row(
            "client.ip",
            Text,
            "203.0.113.7",
            "the address the caller is held to; missing when the log does not show it",
            Fact(|facts, _, see| shown(facts.origin.address, see)),
        ),
        row(
            "client.trusted",
            Text,
            "false",
            "whether the caller comes from a trusted network; unknown is never trusted",
            Fact(|facts, _, see| text(Some(facts.origin.trusted.word()), see)),
        )
        .of(&["true", "false", "unknown"]),
        row(
            "client.zone",
            Text,
            "office",
            "name of the network the address belongs to",
            Fact(|facts, _, see| text(facts.origin.zone.as_ref().map(|zone| &*zone.name), see)),
        ),
        row(
            "client.zone_kind",
            Text,
            "pods",
            "what lives in that network",
            Fact(|facts, _, see| text(facts.origin.zone.as_ref().map(|zone| zone.kind.word()), see)),
        )
        .of(&["trusted", "pods", "nodes", "control-plane", "admin", "untrusted"]),
        row(
            "client.scope",
            Text,
            "public",
            "kind of the address by the registries, which says nothing about trust",
            Fact(|facts, _, see| text(facts.origin.scope.map(|scope| scope.word()), see)),
        )
        .of(&[
            "loopback",
            "private",
            "link-local",
            "cgnat",
            "documentation",
            "multicast",
            "reserved",
            "public",
        ]),
        row(
            "client.forwarded",
            Text,
            "forged",
            "how the forwarding chain looked",
            Fact(|facts, _, see| text(Some(facts.origin.forwarded.word()), see)),
        )
        .of(&["none", "verified", "forged", "ambiguous", "hidden"]),
        row(
            "client.flags",
            Texts,
            "unverified_prefix",
            "what was odd about the forwarding chain",
            Fact(|facts, _, see| facts.origin.flags.words().into_iter().any(|word| see(Value::Text(word)))),
        )
        .of(&[
            "forwarded_header_from_untrusted_peer",
            "unverified_prefix",
            "ambiguous_x_real_ip",
            "client_hidden_by_proxy",
            "client_hidden_by_hop",
            "oversized_chain",
            "unparsable_ip",
            "no_peer",
        ]),
        row(
            "client.claims_trusted",
            Flag,
            "true",
            "a forwarding header that nobody vouches for names a trusted address",
            Fact(|facts, _, see| see(Value::Bool(facts.origin.claims_trusted))),
        ),
        row(
            "client.peer",
            Text,
            "10.0.0.10",
            "the TCP peer that the API server saw",
            Fact(|facts, _, see| shown(facts.origin.peer, see)),
        ),
        row(
            "client.hop",
            Text,
            "haproxy",
            "name of the proxy or hiding hop that the request came through",
            Fact(|facts, _, see| text(facts.origin.hop.as_deref(), see)),
        ),
        row(
            "client.country",
            Text,
            "DE",
            "ISO 3166 code of the country, by your GeoIP file",
            Fact(|facts, _, see| text(facts.origin.place.country.as_deref(), see)),
        ),
        row(
            "client.asn",
            Number,
            "3320",
            "number of the autonomous system, by your GeoIP file",
            Fact(|facts, _, see| facts.origin.place.asn.is_some_and(|asn| see(Value::Number(&asn.to_string())))),
        ),
        row(
            "client.as_org",
            Text,
            "Example Networks",
            "who runs the autonomous system, by your GeoIP file",
            Fact(|facts, _, see| text(facts.origin.place.as_org.as_deref(), see)),
        ),
    ]
}
