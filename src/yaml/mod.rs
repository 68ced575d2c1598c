//! YAML files of every kind, read so that each mistake is told with its place and the way out.
//!
//! Nothing here opens a file: what is read is text.

mod explain;
mod nearest;
mod outline;
mod problem;
mod tree;

use serde::de::DeserializeOwned;
pub use serde_saphyr::{Location, Spanned};
use serde_saphyr::{MergeKeyPolicy, Options};

pub use nearest::nearest;
pub use outline::Outline;
pub use problem::{Problem, Spot};
pub use serde_saphyr::Location as Place;
pub use tree::Node;

/// Most YAML nodes read; beyond it the file is refused. Aliases count as often as they are used.
const NODES_MAX: usize = 100_000;

/// Reads one document of the text that `outline` was made of.
///
/// # Errors
/// It is not YAML, or not what `T` wants: the first mistake, with its place.
pub fn read<T: DeserializeOwned>(text: &str, outline: &Outline<'_>) -> Result<T, Problem> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| explain::problem(&error, outline))
}

/// Reads every document of a text as a tree; empty ones are left out. Only `true` and `false` are truth values:
/// `NO` is a country.
///
/// # Errors
/// It is not YAML: the first mistake, with its place.
pub fn documents(text: &str, outline: &Outline<'_>) -> Result<Vec<Spanned<Node>>, Problem> {
    let mut options = options();
    options.strict_booleans = true;
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| explain::problem(&error, outline))
}

/// How files are read.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_events: 4 * NODES_MAX, max_depth: 64 },
        merge_keys: MergeKeyPolicy::Merge,
        with_snippet: false,
    }
}
