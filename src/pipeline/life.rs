//! One life of sources, thinker and writer: whichever ends first ends the others.

use anyhow::Context;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::think::Ended;

/// Three kinds of work that end together.
pub(super) struct Life {
    pub(super) reading: JoinSet<anyhow::Result<()>>,
    pub(super) thinking: JoinHandle<anyhow::Result<Ended>>,
    pub(super) writing: JoinHandle<anyhow::Result<()>>,
    /// Ends this life, and no other.
    pub(super) stop: CancellationToken,
}

impl Life {
    /// Waits for its end, and for everybody in it.
    ///
    /// # Errors
    /// The writer's, else the thinker's, else that of the source that ended first.
    pub(super) async fn end(mut self) -> anyhow::Result<Ended> {
        let (mut read, mut thought, mut written) = (None, None, None);
        tokio::select! {
            ended = &mut self.thinking => thought = Some(ended),
            ended = &mut self.writing => written = Some(ended),
            failed = first_failure(&mut self.reading, &self.stop), if !self.reading.is_empty() => read = failed,
        }
        self.stop.cancel();
        while self.reading.join_next().await.is_some() {}
        let thought = match thought {
            Some(ended) => ended,
            None => self.thinking.await,
        };
        let written = match written {
            Some(ended) => ended,
            None => self.writing.await,
        };
        // Where the others ended for want of the writer, only he knows why.
        written.context("join the writer")??;
        let ended = thought.context("join the thinker")??;
        read.map_or(Ok(ended), Err)
    }
}

/// The first source that ended without being asked to; nothing once all were asked.
async fn first_failure(reading: &mut JoinSet<anyhow::Result<()>>, stop: &CancellationToken) -> Option<anyhow::Error> {
    match reading.join_next().await {
        _ if stop.is_cancelled() => None,
        Some(Ok(Err(error))) => Some(error),
        Some(Err(error)) => Some(anyhow::Error::new(error).context("join a source")),
        Some(Ok(Ok(()))) | None => Some(anyhow::anyhow!("watch a source: it ended although nobody asked it to")),
    }
}
