//! Alerts into Kafka.

use std::time::Instant;

use gatecrier::alert::Alert;
use gatecrier::sink::kafka::Kafka;
use gatecrier::sink::{SendError, Sink as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::json;

use crate::BROKER;
use crate::broker::{self, DEADLINE, PARTITIONS, Topic};

fn alert(id: &str, revision: u32) -> Alert {
    let mut alert: Alert = serde_json::from_str(include_str!("../../alerts/full.json")).unwrap();
    (alert.id, alert.revision) = (id.to_owned(), revision);
    alert
}

fn sink(topic: &str, properties: serde_json::Value) -> Kafka {
    let config = json!({"brokers": [broker::address()], "topic": topic, "properties": properties});
    Kafka::new(&serde_json::from_value(config).unwrap()).unwrap()
}

/// Partition, key and alert of so many records, as they lie in the topic.
fn records(topic: &str, count: usize) -> Vec<(i32, String, Alert)> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", broker::address()).set("group.id", "nobody").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = client.create().unwrap();
    let mut all = TopicPartitionList::new();
    (0..PARTITIONS).for_each(|number| all.add_partition_offset(topic, number, Offset::Beginning).unwrap());
    consumer.assign(&all).unwrap();
    let (mut records, began) = (Vec::new(), Instant::now());
    while records.len() < count {
        assert!(began.elapsed() < DEADLINE, "{} of {count} records", records.len());
        let Some(polled) = consumer.poll(std::time::Duration::from_millis(100)) else { continue };
        let record = polled.unwrap();
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        records.push((record.partition(), key, serde_json::from_slice(record.payload().unwrap()).unwrap()));
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_keeps_an_alerts_revisions_together_and_in_order() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let mut sink = sink(&topic.name, json!({}));
    assert!(sink.check().await.unwrap().contains("3 partitions"));
    let alerts: Vec<Alert> = (0..60).map(|number| alert(&(number % 10).to_string(), number / 10 + 1)).collect();
    sink.send(&alerts).await.unwrap();
    let found = records(&topic.name, 60);
    for id in (0..10).map(|number| number.to_string()) {
        let of_id: Vec<_> = found.iter().filter(|(_, key, _)| *key == id).collect();
        assert!(of_id.iter().all(|(partition, ..)| *partition == of_id[0].0));
        assert_eq!(of_id.iter().map(|(.., alert)| alert.revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_leaves_a_long_event_out_and_rejects_what_is_too_long_without_it() {
    let _broker = BROKER.read().await;
    let topic = Topic::make().await;
    let mut sink = sink(&topic.name, json!({"message.max.bytes": "10000", "compression.type": "none"}));
    let mut long = alert("long", 1);
    let event = format!("{{\"verb\":\"{}\"}}", "x".repeat(50_000));
    long.evidence.as_mut().unwrap().event = serde_json::value::RawValue::from_string(event).unwrap();
    let mut longer = alert("longer", 1);
    longer.summary = "x".repeat(50_000);
    let error = sink.send(&[long, longer, alert("fine", 1)]).await.unwrap_err();
    let SendError::Partly { rejected, retry, .. } = error else { panic!("{error}") };
    assert_eq!((rejected[0].0, rejected.len(), retry.len()), (1, 1, 0));
    let mut keys: Vec<String> = records(&topic.name, 2).into_iter().map(|(_, key, _)| key).collect();
    keys.sort();
    assert_eq!(keys, ["fine", "long"]);
}

#[test]
fn a_setting_that_is_unknown_or_ours_is_said_when_the_sink_is_built() {
    for (properties, word) in [(json!({"acks": "0"}), "acks"), (json!({"no.such.thing": "1"}), "no.such.thing")] {
        let config = json!({"brokers": ["127.0.0.1:9"], "topic": "t", "properties": properties});
        let error = format!("{:#}", Kafka::new(&serde_json::from_value(config).unwrap()).unwrap_err());
        assert!(error.contains(word), "{error}");
    }
}
