//! The broker that `tests/real/run` started, and what the tests do to it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// Long enough for a broker on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Partitions of every topic here.
pub const PARTITIONS: i32 = 3;

/// A topic of a test's own, named like the consumer group that reads it.
pub struct Topic {
    pub name: String,
    producer: FutureProducer,
}

/// Where the broker listens.
pub fn address() -> String {
    std::env::var("GATECRIER_TEST_KAFKA").expect("GATECRIER_TEST_KAFKA is not set: run tests/real/run kafka")
}

/// Stops or starts the broker.
pub async fn control(verb: &'static str) {
    let ctl = std::env::var("GATECRIER_TEST_KAFKA_CTL").expect("GATECRIER_TEST_KAFKA_CTL is not set");
    let status = tokio::task::spawn_blocking(move || Command::new(ctl).arg(verb).status());
    assert!(status.await.unwrap().unwrap().success(), "{verb} failed");
}

fn client() -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address()).set("message.max.bytes", "100000000");
    client
}

impl Topic {
    /// Makes one that nobody used before.
    pub async fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("audit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1)).set("max.message.bytes", "104857600");
        let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
        admin.create_topics([&topic], &options).await.unwrap().remove(0).unwrap();
        Self { name, producer: client().set("linger.ms", "5").create().unwrap() }
    }

    /// Appends records to a partition, in order, and waits until the broker has them.
    pub async fn append(&self, partition: i32, payloads: &[Option<&[u8]>]) {
        let sent = payloads.iter().map(|payload| {
            let mut record = FutureRecord::<(), [u8]>::to(&self.name).partition(partition);
            record.payload = *payload;
            self.producer.send_result(record).map_err(|(error, _)| error).unwrap()
        });
        for delivery in sent.collect::<Vec<_>>() {
            delivery.await.unwrap().unwrap();
        }
    }

    /// Deals lines out over the partitions, a record each; says which went where.
    pub async fn deal(&self, lines: &[String]) -> Vec<Vec<String>> {
        let mut dealt = vec![Vec::new(); PARTITIONS as usize];
        for (at, line) in lines.iter().enumerate() {
            dealt[at % PARTITIONS as usize].push(line.clone());
        }
        for (number, lines) in dealt.iter().enumerate() {
            let payloads: Vec<_> = lines.iter().map(|line| Some(line.as_bytes())).collect();
            self.append(number as i32, &payloads).await;
        }
        dealt
    }

    /// Removes a partition's records before an offset, as retention does.
    pub async fn remove_before(&self, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset)).unwrap();
        let removed = admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
        removed.elements()[0].error().unwrap();
    }

    /// The group's offsets, partition by partition.
    pub async fn committed(&self) -> Vec<Option<i64>> {
        let name = self.name.clone();
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = client().set("group.id", &name).create().unwrap();
            let until = Instant::now() + DEADLINE;
            // A broker that has just come back reads the offsets in before it answers.
            let list = loop {
                let mut list = TopicPartitionList::new();
                list.add_partition_range(&name, 0, PARTITIONS - 1);
                match consumer.committed_offsets(list, DEADLINE) {
                    Ok(list) => break list,
                    Err(error) => assert!(Instant::now() < until, "{error}"),
                }
            };
            let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
            list.elements().iter().map(|element| offset(element.offset())).collect()
        })
        .await
        .unwrap()
    }

    /// Waits until the group's offsets are these.
    pub async fn until_committed(&self, expected: &[Option<i64>]) {
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            let committed = self.committed().await;
            if committed == expected {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "committed {committed:?}, expected {expected:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
