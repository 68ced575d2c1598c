//! Gatecrier stands at the Kubernetes API server's gate.
pub mod alert;
pub mod batch;
pub mod decode;
pub mod detect;
pub mod enrich;
pub mod event;
pub mod mask;
pub mod metrics;
pub mod outbox;
pub mod quarantine;
pub mod request;
pub mod segment;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod state;
pub mod throttle;
