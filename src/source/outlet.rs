//! The way from sources to the analyzer: bounded in bytes for each source, with word back about what is saved.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::batch::{ClusterId, Envelope, Input, Position, SourceId};

/// Most bytes of one source on the way at a time. Beyond it the source waits: back-pressure. A single
/// longer record passes alone. Each source has its own share, so that one that is waited for is never
/// kept out by the others.
const SOURCE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How far the saved snapshots reach, as numbers that [`Outlet::send`] returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saved {
    /// The newest snapshot covers every input up to this number.
    pub latest: u64,
    /// Both kept snapshots do: nothing before it will be asked for again.
    pub both: u64,
}

/// The analyzer is gone; the source should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the analyzer has stopped")]
pub struct Closed;

/// What arrives at the analyzer's end.
#[derive(Debug)]
pub enum Parcel {
    /// A source announces itself and asks where to begin.
    Begin {
        /// Who.
        source: SourceId,
        /// Whose records it reads.
        cluster: ClusterId,
        /// Where the answer goes: the position to resume from, once a snapshot that knows this source is saved.
        answer: oneshot::Sender<Option<Position>>,
    },
    /// Records or a notice.
    Input {
        /// Grows by one with each input; snapshots are reported by it.
        number: u64,
        /// The input.
        input: Input,
        /// The source's share of the channel that it occupies; dropped when analyzed.
        room: Option<OwnedSemaphorePermit>,
    },
    /// A source wishes a snapshot soon, such as after a rotation.
    Checkpoint,
}

/// A source's end of the way.
#[derive(Debug, Clone)]
pub struct Outlet {
    parcels: mpsc::UnboundedSender<Parcel>,
    numbers: Arc<std::sync::Mutex<u64>>,
    room: Arc<Semaphore>,
    saved: watch::Receiver<Saved>,
    envelope: Envelope,
}

/// The analyzer's end of the way.
#[derive(Debug)]
pub struct Intake {
    /// What the sources sent, in the order of its numbers.
    pub parcels: mpsc::UnboundedReceiver<Parcel>,
    /// Where it is said what is saved.
    pub saved: watch::Sender<Saved>,
}

/// A way for the sources of one cluster. Give each source its own [`Outlet::another`].
pub fn channel() -> (Outlet, Intake) {
    let (parcels, arriving) = mpsc::unbounded_channel();
    let (saved, reader) = watch::channel(Saved::default());
    let outlet = Outlet {
        parcels,
        numbers: Arc::default(),
        room: Arc::new(Semaphore::new(SOURCE_BYTES_MAX)),
        saved: reader,
        envelope: Envelope::default(),
    };
    (outlet, Intake { parcels: arriving, saved })
}

impl Outlet {
    /// An outlet for one more source, with a share of its own.
    pub fn another(&self) -> Self {
        Self { room: Arc::new(Semaphore::new(SOURCE_BYTES_MAX)), ..self.clone() }
    }

    /// An outlet for one more source, whose records are wrapped. A source reads bytes, and need not know what stands in
    /// them.
    pub fn wrapped(&self, envelope: &Envelope) -> Self {
        Self { envelope: envelope.clone(), ..self.another() }
    }

    /// Announces a source and learns the position to resume from; nothing means from the very beginning.
    pub async fn begin(&self, source: &SourceId, cluster: &ClusterId) -> Result<Option<Position>, Closed> {
        let (answer, position) = oneshot::channel();
        let parcel = Parcel::Begin { source: source.clone(), cluster: cluster.clone(), answer };
        self.parcels.send(parcel).map_err(|_| Closed)?;
        position.await.map_err(|_| Closed)
    }

    /// Hands over an input, waiting for room, and returns its number.
    pub async fn send(&self, mut input: Input) -> Result<u64, Closed> {
        if let Input::Batch(batch) = &mut input {
            batch.envelope = self.envelope.clone();
        }
        let weight = u32::try_from(input.weight().min(SOURCE_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = match weight {
            0 => None,
            weight => Some(Arc::clone(&self.room).acquire_many_owned(weight).await.map_err(|_| Closed)?),
        };
        // The number is taken and the parcel sent under one lock, so that numbers arrive in order.
        let mut last = self.numbers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last += 1;
        self.parcels.send(Parcel::Input { number: *last, input, room }).map_err(|_| Closed)?;
        Ok(*last)
    }

    /// Asks for a snapshot soon.
    pub fn checkpoint(&self) -> Result<(), Closed> {
        self.parcels.send(Parcel::Checkpoint).map_err(|_| Closed)
    }

    /// How far the saved snapshots reach.
    pub fn saved(&self) -> Saved {
        *self.saved.borrow()
    }

    /// Waits until the newest snapshot covers the input with this number.
    pub async fn until_saved(&mut self, number: u64) -> Result<(), Closed> {
        self.saved.wait_for(|saved| saved.latest >= number).await.map(|_| ()).map_err(|_| Closed)
    }
}
