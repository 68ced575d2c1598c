//! Keeps slow and many clients from holding the server: a bound on connections, and an end to those
//! over which nothing moves.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready as ready_or_pending};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Most connections at a time. Beyond it a new one is closed at once; probes and scrapers try again.
pub const CONNECTIONS_MAX: usize = 64;

/// Longest time without a byte read or written while one of both is wanted. Beyond it the connection is cut.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// Lets connections in while there is room.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Semaphore>);

impl Guard {
    /// With room for [`CONNECTIONS_MAX`].
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS_MAX)))
    }
}

impl<I, S> Accept<I, S> for Guard {
    type Stream = Guarded<I>;
    type Service = S;
    type Future = Ready<io::Result<(Guarded<I>, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        ready(match Arc::clone(&self.0).try_acquire_owned() {
            Ok(room) => Ok((Guarded { stream, stalled: Box::pin(sleep(STALLED_MAX)), _room: room }, service)),
            Err(_) => Err(io::Error::other("too many connections")),
        })
    }
}

/// A connection that keeps its place and is cut when nothing moves.
#[derive(Debug)]
pub struct Guarded<I> {
    stream: I,
    stalled: Pin<Box<Sleep>>,
    _room: OwnedSemaphorePermit,
}

impl<I> Guarded<I> {
    /// What came of an attempt to move bytes: those that moved start the clock anew, those that wait may run out of time.
    fn moved<T>(&mut self, attempt: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.stalled.as_mut().reset(Instant::now() + STALLED_MAX);
            return attempt;
        }
        ready_or_pending!(self.stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Guarded<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.moved(attempt, cx)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Guarded<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.moved(attempt, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let attempt = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.moved(attempt, cx)
    }
}
