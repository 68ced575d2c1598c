//! Rules in files: Sigma 2.1, and the array blocks of version 3.
//!
//! `read` turns texts into rules and refuses what could never match; `program` puts the rules together so that equal
//! wishes are looked at once an event, and in `chorus` those about one field at the same time; `index` finds the rules
//! that hold by what is left of them (`residue`) once the usual things are known; `detector` raises what they find. How Sigma is
//! understood here is written down in `docs/rules.md`.

mod any_of;
mod chorus;
mod correlation;
mod demand;
mod detector;
mod expr;
mod index;
mod leaves;
mod load;
mod mistake;
mod pack;
mod pattern;
mod program;
mod read;
mod residue;
mod show;
mod subject;
mod taxonomy;
mod trial;
mod truth;
mod wanted;

use std::path::PathBuf;

use serde::Deserialize;

pub use correlation::{Condition, Correlation, Kind as CorrelationKind};
pub use detector::{Rules, observed_as};
pub use load::{Loaded, Sheet, load, load_over};
pub use pack::Pack;
pub use read::{COUNTED_MAX, Head, Lists, TestCase, Whose};
pub use trial::{Clause, Mutant, Trial};
pub use wanted::Operator;

/// Values that a placeholder stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListConfig {
    /// Values.
    pub values: Vec<String>,
    /// Files with a value a line; `#` begins a comment.
    pub files: Vec<PathBuf>,
}
