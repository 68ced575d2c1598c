//! Gatecrier stands at the Kubernetes API server's gate.
pub mod alert;
pub mod batch;
pub mod event;
pub mod metrics;
pub mod segment;
pub mod sink;
pub mod source;
pub mod state;
