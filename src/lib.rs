//! Gatecrier stands at the Kubernetes API server's gate.
pub mod alert;
pub mod amount;
pub mod batch;
pub mod cli;
pub mod config;
pub mod decode;
pub mod detect;
pub mod enrich;
pub mod event;
pub mod mask;
pub mod metrics;
pub mod outbox;
pub mod secret;
pub mod server;
pub mod sink;
pub mod source;
pub mod terminal;
