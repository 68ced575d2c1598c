//! The writing end: what waits goes to the disk together, and is answered after the sync.

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Entry, Refused, Spool};
use crate::segment::AppendError;
use crate::state::lock;

/// Bytes after which a group is closed: it is copied once more before it is written. A larger body makes a group of
/// its own.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// An entry, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) answer: oneshot::Sender<Result<(), Refused>>,
}

/// Writes what is to be kept. There is one for each spool.
#[derive(Debug)]
pub struct Writer {
    spool: Spool,
    arriving: mpsc::UnboundedReceiver<Waiting>,
}

impl Writer {
    pub(super) fn new(spool: Spool, arriving: mpsc::UnboundedReceiver<Waiting>) -> Self {
        Self { spool, arriving }
    }

    /// Writes until `stop`, blocking the thread; what has arrived by then is still written. `runtime` is the one whose
    /// channel it waits on. While it waits for the disk more arrives, and all of that goes with the next sync.
    ///
    /// # Errors
    /// What is on disk is no longer known: the process must stop.
    pub fn run(mut self, runtime: &Handle, stop: &CancellationToken) -> anyhow::Result<()> {
        loop {
            let first = runtime.block_on(async {
                tokio::select! {
                    biased;
                    first = self.arriving.recv() => first,
                    () = stop.cancelled() => None,
                }
            });
            let Some(first) = first else {
                self.arriving.close();
                return Ok(());
            };
            let mut bytes = first.entry.record.len();
            let mut group = vec![first];
            while bytes < GROUP_BYTES
                && let Ok(next) = self.arriving.try_recv()
            {
                bytes += next.entry.record.len();
                group.push(next);
            }
            self.write(group)?;
        }
    }

    fn write(&self, group: Vec<Waiting>) -> anyhow::Result<()> {
        let mut held = self.spool.held();
        let fits = |waiting: &Waiting| {
            held = held.saturating_add(waiting.entry.record.len() as u64);
            held <= self.spool.0.bytes_max
        };
        let (fitting, others): (Vec<_>, Vec<_>) = group.into_iter().partition(fits);
        let appended = self.append(&fitting);
        let (kept, fatal) = match appended {
            Ok(()) => (Ok(()), None),
            Err(AppendError::Full) => (Err(Refused::Full), None),
            Err(fatal) => (Err(Refused::Stopping), Some(fatal)),
        };
        self.spool.set_full(kept.is_err() || !others.is_empty());
        for Waiting { answer, .. } in fitting {
            // Whoever is gone will send it again, and it will be recognised.
            let _ = answer.send(kept);
        }
        for Waiting { answer, .. } in others {
            let _ = answer.send(Err(Refused::Full));
        }
        fatal.map_or(Ok(()), |fatal| Err(anyhow::Error::new(fatal).context("write the spool")))
    }

    fn append(&self, group: &[Waiting]) -> Result<(), AppendError> {
        let records: Vec<&[u8]> = group.iter().map(|waiting| waiting.entry.record.as_slice()).collect();
        let mut log = lock(&self.spool.0.log);
        log.append(&records)?;
        self.spool.0.end.send_replace(log.end());
        Ok(())
    }
}
