//! Gatecrier stands at the Kubernetes API server's gate.
pub mod alert;
pub mod batch;
pub mod deliver;
pub mod event;
pub mod metrics;
pub mod secret;
pub mod sink;
pub mod source;
pub mod terminal;
