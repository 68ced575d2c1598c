//! The index template: which fields can be searched, and how.

use serde_json::{Map, Value, json};

/// Grows by one whenever the mapping changes: an older template of ours is replaced.
const VERSION: u64 = 1;
/// Above Elastic's own templates, which have up to 100, and those that people copy from them.
const PRIORITY: u64 = 250;
/// Longest text that can be found whole. A longer one is kept but not found: the index would refuse it.
const KEYWORD_CHARS_MAX: u64 = 1024;

/// How the receiver can hold a whole audit event, whose keys nobody knows beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Elasticsearch: `flattened`, each key can be searched.
    Elasticsearch,
    /// OpenSearch: `flat_object`, likewise.
    OpenSearch,
    /// Anything else: kept, not searched.
    Plain,
}

impl Dialect {
    /// What the answer to `GET /` says.
    pub(super) fn of(body: &[u8]) -> Self {
        let about: Value = serde_json::from_slice(body).unwrap_or_default();
        match (about["version"]["distribution"].as_str(), about["version"]["number"].as_str()) {
            (Some("opensearch"), _) => Self::OpenSearch,
            (None, Some(_)) => Self::Elasticsearch,
            _ => Self::Plain,
        }
    }

    fn event_type(self) -> Value {
        match self {
            Self::Elasticsearch => json!({"type": "flattened", "ignore_above": KEYWORD_CHARS_MAX}),
            Self::OpenSearch => json!({"type": "flat_object"}),
            Self::Plain => json!({"type": "object", "enabled": false}),
        }
    }
}

/// Whether the template in an answer to `GET _index_template/…` can stay: ours in this version or a later one, or
/// not ours at all, as somebody wrote his own.
pub(super) fn is_current(body: &[u8]) -> bool {
    let held: Value = serde_json::from_slice(body).unwrap_or_default();
    let meta = &held["index_templates"][0]["index_template"]["_meta"];
    meta["managed_by"].as_str() != Some("gatecrier")
        || meta["version"].as_u64().is_some_and(|version| version >= VERSION)
}

/// The template for a data stream.
pub(super) fn template(data_stream: &str, dialect: Dialect) -> Value {
    json!({
        "index_patterns": [data_stream],
        "data_stream": {},
        "priority": PRIORITY,
        "_meta": {"managed_by": "gatecrier", "version": VERSION},
        "template": {"mappings": mappings(dialect)},
    })
}

const KEYWORDS: &[&str] = &[
    "ecs.version",
    "event.action",
    "event.category",
    "event.dataset",
    "event.id",
    "event.kind",
    "event.module",
    "event.outcome",
    "event.type",
    "gatecrier.actor.credential",
    "gatecrier.actor.kind",
    "gatecrier.client.forwarded",
    "gatecrier.client.scope",
    "gatecrier.client.trusted",
    "gatecrier.client.zone",
    "gatecrier.id",
    "gatecrier.reasons.rule",
    "gatecrier.request.outcome",
    "gatecrier.severity",
    "gatecrier.status",
    "gatecrier.subject",
    "orchestrator.cluster.name",
    "orchestrator.namespace",
    "orchestrator.resource.name",
    "orchestrator.resource.type",
    "orchestrator.type",
    "related.user",
    "rule.id",
    "rule.name",
    "source.address",
    "source.as.organization.name",
    "source.geo.country_iso_code",
    "threat.framework",
    "threat.technique.id",
    "url.path",
    "url.query",
    "user.effective.name",
    "user.group.name",
    "user.name",
    "user_agent.original",
];

/// Fields of other types.
const OTHERS: &[(&str, &str)] = &[
    ("@timestamp", "date"),
    ("event.created", "date"),
    ("event.end", "date"),
    ("event.reason", "text"),
    ("event.severity", "long"),
    ("event.start", "date"),
    ("gatecrier.count", "long"),
    ("gatecrier.first_seen", "date"),
    ("gatecrier.last_seen", "date"),
    ("gatecrier.revision", "long"),
    ("http.response.status_code", "long"),
    ("message", "text"),
    ("related.ip", "ip"),
    ("source.as.number", "long"),
    ("source.ip", "ip"),
];

fn mappings(dialect: Dialect) -> Value {
    let mut properties = Map::new();
    for path in KEYWORDS {
        insert(&mut properties, path, json!({"type": "keyword", "ignore_above": KEYWORD_CHARS_MAX}));
    }
    for (path, kind) in OTHERS {
        insert(&mut properties, path, json!({"type": kind}));
    }
    insert(&mut properties, "kubernetes.audit", dialect.event_type());
    // Whatever is not named here is kept and not searched: what clients write cannot make the mapping grow.
    json!({"dynamic": false, "properties": properties})
}

/// Puts a field at its dotted path, making the objects on the way.
fn insert(properties: &mut Map<String, Value>, path: &str, field: Value) {
    match path.split_once('.') {
        None => _ = properties.insert(path.to_owned(), field),
        Some((object, rest)) => {
            let object = properties.entry(object).or_insert_with(|| json!({"properties": {}}));
            if let Some(inner) = object["properties"].as_object_mut() {
                insert(inner, rest, field);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_at_their_paths() {
        let template = template("alerts", Dialect::OpenSearch);
        let at = |path: &str| template.pointer(&format!("/template/mappings/properties/{path}")).cloned();
        assert_eq!(at("source/properties/ip"), Some(json!({"type": "ip"})));
        assert_eq!(at("source/properties/as/properties/number"), Some(json!({"type": "long"})));
        assert_eq!(at("@timestamp"), Some(json!({"type": "date"})));
        assert_eq!(at("kubernetes/properties/audit"), Some(json!({"type": "flat_object"})));
        assert_eq!(template["template"]["mappings"]["dynamic"], json!(false));
    }

    #[test]
    fn the_receiver_says_what_it_is() {
        let check = |body: &str, dialect| assert_eq!(Dialect::of(body.as_bytes()), dialect, "{body}");
        check(r#"{"version":{"distribution":"opensearch","number":"2.19.1"}}"#, Dialect::OpenSearch);
        check(r#"{"version":{"number":"8.19.21","build_flavor":"default"}}"#, Dialect::Elasticsearch);
        check(r#"{"version":{"distribution":"another","number":"1"}}"#, Dialect::Plain);
        check("hello", Dialect::Plain);
    }

    #[test]
    fn only_an_older_template_of_ours_is_replaced() {
        let check = |meta: &str, current| {
            let body = format!(r#"{{"index_templates":[{{"index_template":{{"_meta":{meta}}}}}]}}"#);
            assert_eq!(is_current(body.as_bytes()), current, "{meta}");
        };
        check(r#"{"managed_by":"gatecrier","version":0}"#, false);
        check(&format!(r#"{{"managed_by":"gatecrier","version":{VERSION}}}"#), true);
        check(r#"{"managed_by":"gatecrier","version":9999}"#, true);
        check(r#"{"managed_by":"us"}"#, true);
        check("null", true);
    }
}
