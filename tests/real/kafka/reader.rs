//! A `KafkaSource` at work, with a stand-in for the analyzer that keeps what arrives.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatecrier::batch::{Batch, ClusterId, Framing, Input, NoticeKind, Position};
use gatecrier::metrics::Metrics;
use gatecrier::source::kafka::{Config, KafkaSource};
use gatecrier::source::{Intake, Parcel, Saved, Source, channel};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broker::{DEADLINE, Topic, address};

/// What arrived.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Records of each partition in order. Documents over several lines are one.
    pub records: BTreeMap<i32, Vec<Vec<u8>>>,
    /// Offset of the first record of each batch.
    pub starts: BTreeMap<i32, Vec<u64>>,
    /// The latest position of each partition.
    pub positions: BTreeMap<i32, Position>,
    /// Partitions that announced themselves, as often as they did.
    pub begun: Vec<i32>,
    /// Partitions that are at their end now.
    pub at_end: BTreeMap<i32, bool>,
    /// Notices other than of an end: partition, word, offset.
    pub notices: Vec<(i32, &'static str, u64)>,
    /// The last input's number.
    pub number: u64,
}

impl Seen {
    /// Records so far.
    pub fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }

    fn take(&mut self, number: u64, input: Input) {
        self.number = number;
        let partition = partition(input.source().as_str());
        match input {
            Input::Batch(batch) => self.take_batch(partition, batch),
            Input::Notice(notice) => {
                match notice.kind {
                    NoticeKind::AtEnd => drop(self.at_end.insert(partition, true)),
                    kind => self.notices.push((partition, kind.word(), notice.at.offset)),
                }
                self.positions.extend(notice.upto.map(|upto| (partition, upto)));
            }
        }
    }

    fn take_batch(&mut self, partition: i32, batch: Batch) {
        let records = self.records.entry(partition).or_default();
        match batch.framing {
            Framing::Lines => records.extend(batch.bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec)),
            Framing::Documents => records.push(batch.bytes.to_vec()),
        }
        self.starts.entry(partition).or_default().push(batch.start.offset);
        self.positions.insert(partition, batch.upto);
        self.at_end.insert(partition, batch.at_end);
    }
}

fn partition(source: &str) -> i32 {
    source.rsplit('/').next().unwrap().parse().unwrap()
}

/// When the stand-in says that everything so far is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Only when the test says so.
    Never,
    /// When the source asks for it.
    WhenAsked,
    /// With every input.
    Always,
}

/// A running source.
pub struct Reader {
    pub metrics: Metrics,
    pub seen: watch::Receiver<Seen>,
    /// While it is held, the stand-in takes nothing.
    pub taking: Arc<Mutex<()>>,
    saved: Arc<watch::Sender<Saved>>,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

/// Starts a source whose last snapshot has these positions.
pub fn start(topic: &Topic, positions: &[(i32, &str)], saving: Saving) -> Reader {
    let config = Config {
        brokers: vec![address()],
        topics: vec![topic.name.clone()],
        group: topic.name.clone(),
        // A rebalance is noticed with a heartbeat.
        properties: [("heartbeat.interval.ms", "200"), ("session.timeout.ms", "10000")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    let metrics = Metrics::new();
    let source = KafkaSource::new(config, ClusterId::new("test"), metrics.clone()).unwrap();
    let (out, intake) = channel();
    let (stop, taking) = (CancellationToken::new(), Arc::new(Mutex::new(())));
    let positions = positions.iter().map(|&(number, text)| (number, Position::new(text))).collect();
    let (keeper, seen) = watch::channel(Seen { positions, ..Seen::default() });
    let Intake { parcels, saved } = intake;
    let saved = Arc::new(saved);
    tokio::spawn(keep(parcels, keeper, Arc::clone(&saved), saving, Arc::clone(&taking)));
    let running = tokio::spawn(source.run(out, stop.clone()));
    Reader { metrics, seen, taking, saved, stop, running }
}

async fn keep(
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
    keeper: watch::Sender<Seen>,
    saved: Arc<watch::Sender<Saved>>,
    saving: Saving,
    taking: Arc<Mutex<()>>,
) {
    while let Some(parcel) = parcels.recv().await {
        let _taking = taking.lock().await;
        let mut save = saving == Saving::Always;
        match parcel {
            Parcel::Begin { source, answer, .. } => {
                let number = partition(source.as_str());
                // The source may have been stopped meanwhile.
                let _ = answer.send(keeper.borrow().positions.get(&number).cloned());
                keeper.send_modify(|seen| seen.begun.push(number));
            }
            Parcel::Input { number, input, .. } => keeper.send_modify(|seen| seen.take(number, input)),
            Parcel::Checkpoint => save |= saving == Saving::WhenAsked,
        }
        if save {
            let number = keeper.borrow().number;
            saved.send_replace(Saved { latest: number, both: number });
        }
    }
}

impl Reader {
    /// Waits until what arrived is as wished.
    pub async fn until(&self, what: &str, wished: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        match timeout(DEADLINE, seen.wait_for(wished)).await {
            Ok(seen) => seen.expect("the source has ended").clone(),
            Err(_) => panic!("{what}: not in time, {} records so far", self.seen.borrow().count()),
        }
    }

    /// Says that everything up to this number is saved.
    pub fn save(&self, number: u64) {
        self.saved.send_replace(Saved { latest: number, both: number });
    }

    /// Stops it in order.
    pub async fn stop(self) -> Seen {
        self.stop.cancel();
        timeout(DEADLINE, self.running).await.expect("does not end").unwrap().unwrap();
        self.seen.borrow().clone()
    }
}
