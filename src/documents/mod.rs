//! Kubernetes documents as values: the JSON tree that everything else reads, YAML and JSON files, the
//! names that the API accepts, and what to say about a field that is wrong.
//!
//! Pure: callers read the files. [`reading`] turns the text of a file into documents, [`node`] is the
//! borrowed tree of one document, [`fault`] names a field and what is wrong with it, [`problem`] adds
//! the file and the object, [`names`] checks label keys, label values and DNS names.

pub mod fault;
pub mod names;
pub mod node;
pub mod problem;
pub mod reading;
pub mod text;
pub(crate) mod yaml;

pub use fault::{Fault, FaultKind};
pub use node::Node;
pub use problem::Problem;

/// The maximum number of characters of a key in a message.
const MAX_KEY: usize = 80;

/// The text of a file and the name that messages use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// The file's name in its folder, or the path that the user gave.
    pub(crate) name: String,
    /// The content.
    pub(crate) text: String,
}
