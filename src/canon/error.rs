//! The error of a canon that cannot be used.

use std::fmt;

use crate::documents::problem::{Problem, Problems};

/// A canon that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonError {
    /// The name or path that the user gave.
    pub source: String,
    /// What is wrong, in the order of the documents: at least one problem, at most 20.
    pub problems: Vec<Problem>,
    /// The number of further problems.
    pub more: usize,
}

impl fmt::Display for CanonError {
    /// One line if there is one problem, else one line for each.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] if self.more == 0 => write!(formatter, "canon \"{}\" cannot be used: {only}", self.source),
            problems => {
                write!(formatter, "canon \"{}\" cannot be used, {} problems:", self.source, problems.len() + self.more)?;
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

impl CanonError {
    pub(super) fn new(source: &str, problems: Problems) -> CanonError {
        let (problems, more) = problems.into_parts();
        CanonError { source: source.to_owned(), problems, more }
    }
}
