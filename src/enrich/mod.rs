//! What we work out about an event: who asked, from where, and whether that place is trusted.
//!
//! Plain functions over values: no clock, no logging, and no files beyond the `load` and `open`
//! that read what the configuration names before the first event is looked at.

pub mod client;
pub mod network;
pub mod place;
pub mod scope;
pub mod trust;
