//! Health and metrics over HTTP.

mod config;

pub use config::{Config, Tls};
