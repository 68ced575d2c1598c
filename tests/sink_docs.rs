//! The examples in `docs/sinks/` are configurations that work.
#![allow(clippy::unwrap_used, clippy::panic)]

use gatecrier::sink::{alertmanager, elasticsearch, loki, stdout, webhook};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What the page's example says under `sinks.KIND`.
fn example(page: &str, kind: &str) -> Value {
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let whole: Value = serde_saphyr::from_str(yaml).unwrap();
    whole["sinks"][kind].clone()
}

/// Reads every named sink of the example.
fn check_named<T: DeserializeOwned>(page: &str, kind: &str) {
    for (name, config) in example(page, kind).as_object().unwrap() {
        let read: Result<T, _> = serde_json::from_value(config.clone());
        if let Err(error) = read {
            panic!("{kind}.{name}: {error}");
        }
    }
}

#[test]
fn examples_are_read() {
    let config = example(include_str!("../docs/sinks/stdout.md"), "stdout");
    let config: stdout::Config = serde_json::from_value(config).unwrap();
    assert_eq!(config.format, stdout::Format::Json);
    check_named::<webhook::Config>(include_str!("../docs/sinks/webhook.md"), "webhook");
    check_named::<loki::Config>(include_str!("../docs/sinks/loki.md"), "loki");
    check_named::<elasticsearch::Config>(include_str!("../docs/sinks/elasticsearch.md"), "elasticsearch");
    check_named::<alertmanager::Config>(include_str!("../docs/sinks/alertmanager.md"), "alertmanager");
}
