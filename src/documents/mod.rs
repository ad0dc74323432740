//! Reading Kubernetes documents: the JSON tree, YAML and JSON files, name syntax, and faults of fields.
//!
//! Pure: callers read the files.
//!
//! | file | content |
//! |---|---|
//! | `reading`, `file` | parses the text of a file into documents; a file and its documents |
//! | `encoding` | decodes the bytes of a file: UTF-8 or UTF-16 |
//! | `yaml`, `json` | parse YAML and JSON into JSON values |
//! | `decoded` | changes a document to what `kubectl` sends for it |
//! | `node`, `values` | a borrowed JSON tree; fields of a `serde_json::Value` |
//! | `difference` | the first difference between two trees |
//! | `fault`, `problem` | what is wrong with a field; the same with the file and the object |
//! | `names`, `metadata` | check label keys, label values and DNS names, and the metadata of an object |
//! | `text` | truncates and escapes text for messages |

pub mod decoded;
pub mod difference;
pub mod encoding;
pub mod fault;
mod file;
mod json;
pub mod metadata;
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
