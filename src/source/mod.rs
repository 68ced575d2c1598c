//! Where records come from. Every source is a log that can be read again from a position.

pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
mod outlet;
pub mod spool;

pub use outlet::{Closed, Intake, Outlet, Parcel, Saved, channel};

use std::future::Future;

use tokio_util::sync::CancellationToken;

/// One input, running until it is stopped.
pub trait Source: Send + 'static {
    /// Reads and hands over until `stop`. Returns early only with an error that waiting cannot mend.
    fn run(self, out: Outlet, stop: CancellationToken) -> impl Future<Output = anyhow::Result<()>> + Send;
}
