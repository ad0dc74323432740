//! What is wrong with a canon.

use std::fmt;

/// A canon that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonError {
    /// The source as it was asked for.
    pub source: String,
    /// What is wrong, in the order of the documents: never empty, at most 20.
    pub problems: Vec<Problem>,
    /// How many further problems there are.
    pub more: usize,
}

/// One thing that is wrong with a canon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as far as it is about one: its name in the folder, or the path that was asked for.
    pub file: Option<String>,
    /// The number of the document in the file, from 1.
    pub document: Option<usize>,
    /// Kind and name of the object, as far as they are known: `NetworkPolicy "memcached-rights"`.
    pub object: Option<String>,
    /// Where in the object: `spec.egress[0].ports[1].port`.
    pub field: Option<String>,
    /// What is wrong, and what to do: a lower-case sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `policies.yaml, document 3 (NetworkPolicy "a"), spec.podSelector: …`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(file) = &self.file {
            formatter.write_str(file)?;
            separator = ", ";
        }
        if let Some(document) = self.document {
            write!(formatter, "{separator}document {document}")?;
            separator = ", ";
        }
        if let Some(object) = &self.object {
            if self.document.is_some() {
                write!(formatter, " ({object})")?;
            } else {
                write!(formatter, "{separator}{object}")?;
            }
            separator = ", ";
        }
        if let Some(field) = &self.field {
            write!(formatter, "{separator}{field}")?;
            separator = ", ";
        }
        if !separator.is_empty() {
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl fmt::Display for CanonError {
    /// One line where there is one problem, else a line for each.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.problems.len() + self.more;
        match self.problems.as_slice() {
            [only] if self.more == 0 => write!(formatter, "canon `{}` cannot be used: {only}", self.source),
            problems => {
                write!(formatter, "canon `{}` cannot be used, {total} problems:", self.source)?;
                for problem in problems {
                    write!(formatter, "\n  {problem}")?;
                }
                if self.more > 0 {
                    write!(formatter, "\n  and {} more", self.more)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for CanonError {}
