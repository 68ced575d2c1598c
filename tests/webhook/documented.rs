//! The example of the documentation page is a configuration that works.

use gatecrier::server::audit::Config;

#[test]
fn the_example_is_read() {
    let page = include_str!("../../docs/sources/webhook.md");
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let whole: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    let config: Config = serde_json::from_value(whole["sources"]["api"]["webhook"].clone()).unwrap();
    assert_eq!(config.clusters["prod-eu"].senders, ["cp-1", "cp-2", "cp-3"]);
}
