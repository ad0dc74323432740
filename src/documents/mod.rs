//! Reading Kubernetes documents: the JSON tree, YAML and JSON files, name syntax, and faults of fields.
//!
//! Pure: callers read the files. [`reading`] parses the text of a file into documents, [`node`] is the
//! borrowed JSON tree of one document, [`fault`] reports what is wrong with a field, [`problem`] adds the
//! file and the object, [`names`] checks label keys, label values and DNS names, [`values`] reads and writes
//! fields of a `serde_json::Value`, [`text`] truncates and escapes text for messages.

pub mod fault;
mod file;
pub mod names;
pub mod node;
pub mod problem;
pub mod reading;
pub mod text;
pub mod values;
mod yaml;

pub use fault::{Fault, FaultKind};
pub use file::Document;
pub(crate) use file::File;
pub use node::Node;
pub use problem::Problem;
