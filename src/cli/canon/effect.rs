//! The effect of a difference on connections.

use anstyle::Style;

use crate::cli::output::{BAD, NAME, WARN};
use crate::policy::{Beyond, Change, Difference};

/// The effect of a difference on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Only the second canon allows it.
    Opens,
    /// Only the first canon allows it.
    Breaks,
    /// Both of these.
    Both,
    /// Other policies of the canon make up for it.
    Nothing,
}

impl Effect {
    pub(super) fn of(difference: &Difference) -> Effect {
        match (difference.change, &difference.beyond) {
            (_, Some(Beyond::Nothing)) => Effect::Nothing,
            (Change::Wider, _) => Effect::Opens,
            (Change::Narrower, _) => Effect::Breaks,
            (Change::Both, _) => Effect::Both,
        }
    }

    /// Returns the name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Effect::Opens => "opens",
            Effect::Breaks => "breaks",
            Effect::Both => "both",
            Effect::Nothing => "nothing",
        }
    }

    /// Returns the words for a line of text, and their style.
    pub(super) fn words(self) -> (&'static str, Style) {
        match self {
            Effect::Opens => ("opens", WARN),
            Effect::Breaks => ("would break", BAD),
            Effect::Both => ("opens and would break", BAD),
            Effect::Nothing => ("made up for by other policies", NAME),
        }
    }
}
