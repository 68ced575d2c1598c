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

/// How much of a server clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most connections at a time. Beyond it a new one is closed at once; whoever it is tries again.
    pub connections_max: usize,
    /// Longest time without a byte read or written while one of both is wanted. Beyond it the connection is cut.
    pub stalled_max: Duration,
    /// Longest wait for a request's headers, or for the next request. Beyond it the connection is closed.
    pub headers_timeout: Duration,
    /// How long running answers may take once we are to stop. Beyond it they are cut.
    pub stop_grace: Duration,
}

/// Lets connections in while there is room.
#[derive(Debug, Clone)]
pub struct Guard {
    room: Arc<Semaphore>,
    stalled_max: Duration,
}

impl Guard {
    /// With room for so many.
    pub fn new(bounds: Bounds) -> Self {
        Self { room: Arc::new(Semaphore::new(bounds.connections_max)), stalled_max: bounds.stalled_max }
    }
}

impl<I, S> Accept<I, S> for Guard {
    type Stream = Guarded<I>;
    type Service = S;
    type Future = Ready<io::Result<(Guarded<I>, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let stalled_max = self.stalled_max;
        ready(match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => {
                Ok((Guarded { stream, stalled: Box::pin(sleep(stalled_max)), stalled_max, _room: room }, service))
            }
            Err(_) => Err(io::Error::other("too many connections")),
        })
    }
}

/// A connection that keeps its place and is cut when nothing moves.
#[derive(Debug)]
pub struct Guarded<I> {
    stream: I,
    stalled: Pin<Box<Sleep>>,
    stalled_max: Duration,
    _room: OwnedSemaphorePermit,
}

impl<I> Guarded<I> {
    /// What came of an attempt to move bytes: those that moved start the clock anew, those that wait may run out of time.
    fn moved<T>(&mut self, attempt: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.stalled.as_mut().reset(Instant::now() + self.stalled_max);
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
