//! A file and its documents.

use serde_json::Value;

/// The text of a file and the name that messages use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// The file's name in its folder, or the path that the user gave.
    pub(crate) name: String,
    /// The content.
    pub(crate) text: String,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The number of the document in its file, from 1. Empty documents are not counted.
    pub number: usize,
    /// The line of the file where the content starts, from 1.
    pub line: usize,
    /// The content. No map in it has a duplicate key.
    pub value: Value,
}
