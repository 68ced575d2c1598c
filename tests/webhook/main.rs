//! The audit webhook of the real binary: what API servers, strangers and bad days do to it.

// A test ends at its first failure, wherever that is.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../lab/mod.rs"]
mod lab;

mod answers;
mod clusters;
mod documented;
mod durable;
mod forward;
mod recorded;
mod saturated;
mod secured;

use std::net::SocketAddr;

use lab::{Folder, Process, Receiver, webhook};

/// The smallest configuration of the source.
const PLAIN: &str = "{ api: { webhook: { listen: \"127.0.0.1:0\" } } }";

/// A binary with an audit webhook, and the receiver of its alerts.
struct Bench {
    receiver: Receiver,
    folder: Folder,
}

impl Bench {
    fn new(sources: &str) -> Self {
        let receiver = Receiver::start();
        let folder = Folder::reading(sources, &webhook(receiver.address));
        Self { receiver, folder }
    }

    /// Starts it, and says where it takes audit events once it does.
    fn start(&self) -> (Process, SocketAddr) {
        let process = Process::start(&self.folder);
        let address = process.address("audit_address");
        let spools = || process.values("gatecrier_spool_size_bytes{").len();
        let open =
            || process.values("gatecrier_source_attached{source=\"webhook:").iter().filter(|at| **at > 0.0).count();
        lab::wait_for("all spools to be open", || spools() > 0 && open() == spools());
        (process, address)
    }
}

/// The events as an API server posts them.
fn list(events: &[String]) -> String {
    let items: Vec<&str> = events.iter().map(|event| event.trim()).collect();
    format!(
        "{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{{}},\"items\":[{}]}}\n",
        items.join(",")
    )
}
