//! Gatecrier stands at the Kubernetes API server's gate.
//!
//! It reads kube-apiserver audit logs as they are written, says who came in from where, raises an alert when a
//! request comes from outside the trusted networks, and makes sure that the alert arrives. This page is the tour;
//! `ARCHITECTURE.md` has the reasons.
//!
//! ```text
//!   read (async)            think (plain functions)                  tell (async)
//!   source::file  ─┐        decode ─▶ enrich ─▶ detect ─▶ judge ─▶ throttle         ┌─▶ sink::webhook
//!   source::kafka ─┼─Input─▶ Event     Facts     Finding  Finding   Alert ─▶ outbox ─┼─▶ sink::loki
//!                  ┘         └───────── analyze, and a snapshot ────────┘            └─▶ sink::elasticsearch
//! ```
//!
//! # Invariants
//!
//! * Sources never see an alert. Sinks never see an event.
//! * The core (everything up to `analyze`) never awaits, opens no file, reads no clock and prints nothing.
//! * What is suppressed is left out behind the judges and before the throttle, and counted.
//! * Detectors remember nothing and never see each other. Judges remember, and know no time but that of events.
//! * Modules own their configuration; only `config` puts it together.
//! * Only `pipeline` spawns. Only `metrics` holds a metric's name. A secret is seen only at the wire.
//! * Positions and memory are saved in one snapshot, and a snapshot only after every alert before it is on disk.

// What travels.
pub mod alert;
pub mod batch;
pub mod event;
pub mod hit;

// What thinks: pure functions over bytes and event time.
pub mod decode;
pub mod enrich;
pub mod mask;

pub mod detect;
pub mod judge;
pub mod request;
pub mod suppress;
pub mod throttle;

pub mod analyze;

// What the API server is told to log, and what that leaves in the dark.
pub mod policy;

// What remembers.
pub mod outbox;
pub mod quarantine;
pub mod segment;
pub mod snapshot;
pub mod state;

// What touches the world.
pub mod backoff;
pub mod deliver;
pub mod forward;
pub mod server;
pub mod sink;
pub mod source;

// What people touch.
pub mod amount;
pub mod cli;
pub mod config;
pub mod hex;
pub mod metrics;
pub mod pipeline;
pub mod secret;
pub mod terminal;
pub mod yaml;
