//! A sink whose kind is not known where it is used.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::{SendError, Sink};
use crate::alert::Alert;

/// A sink of any kind.
#[derive(Debug)]
pub struct AnySink(Box<dyn Boxed>);

impl AnySink {
    /// Forgets the kind.
    pub fn new(sink: impl Sink + Sync + fmt::Debug) -> Self {
        Self(Box::new(sink))
    }
}

impl Sink for AnySink {
    async fn send(&mut self, alerts: &[Alert]) -> Result<(), SendError> {
        self.0.send_boxed(alerts).await
    }

    async fn check(&self) -> anyhow::Result<String> {
        self.0.check_boxed().await
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Sink`] with futures in boxes, so that it can stand behind a pointer.
trait Boxed: fmt::Debug + Send + Sync + 'static {
    fn send_boxed<'a>(&'a mut self, alerts: &'a [Alert]) -> Pending<'a, Result<(), SendError>>;
    fn check_boxed(&self) -> Pending<'_, anyhow::Result<String>>;
}

impl<S: Sink + Sync + fmt::Debug> Boxed for S {
    fn send_boxed<'a>(&'a mut self, alerts: &'a [Alert]) -> Pending<'a, Result<(), SendError>> {
        Box::pin(self.send(alerts))
    }

    fn check_boxed(&self) -> Pending<'_, anyhow::Result<String>> {
        Box::pin(self.check())
    }
}
