//! The findings and repairs that the sections of a plan collect.

use super::action::{Action, Target};
use super::finding::{Finding, NotEvaluated, Section};
use super::memory::Key;
use super::objects::Writer;

/// A repair before the memory decides whether it is tried.
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) action: Action,
    pub(super) writer: Option<Writer>,
}

/// What the sections found.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) findings: Vec<Finding>,
    pub(super) not_evaluated: Vec<NotEvaluated>,
    pub(super) wanted: Vec<Wanted>,
    /// The kinds and namespaces of which every object was evaluated.
    pub(super) evaluated: Vec<(Target, String)>,
}

impl Draft {
    /// Adds a part that could not be evaluated.
    pub(super) fn skip(&mut self, section: Section, reason: impl Into<String>) {
        self.not_evaluated.push(NotEvaluated { section, reason: reason.into() });
    }
}
