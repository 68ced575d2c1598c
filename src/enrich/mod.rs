//! What we work out about an event.

pub mod network;
pub mod place;
