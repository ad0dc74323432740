//! The context of a verdict.

use super::guard::Guard;
use super::request::{Operation, Request};
use super::settings::Settings;
use super::words::Named;
use crate::canon::{Accepted, Canons};

/// The guard and the request.
#[derive(Clone, Copy)]
pub(super) struct Ctx<'r> {
    pub(super) guard: &'r Guard,
    pub(super) request: &'r Request<'r>,
}

impl<'r> Ctx<'r> {
    pub(super) fn canons(self) -> &'r Canons {
        &self.guard.canons
    }

    pub(super) fn settings(self) -> &'r Settings {
        &self.guard.settings
    }

    /// Returns whether the network plugin sent the request.
    pub(super) fn is_by_plugin(self) -> bool {
        self.settings().plugin_writers.iter().any(|writer| self.request.user == **writer)
    }

    /// Returns the accepted policies of the request's namespace.
    pub(super) fn policies(self) -> Option<Accepted<'r>> {
        self.canons().policies(&self.request.namespace)
    }

    /// Returns the object of the request for a sentence. The metadata give its name where the request has none. A new
    /// object is named by its prefix if the API server generates its name: events of one workload are then equal.
    pub(super) fn named<'n>(self, kind: &'n str, name: &'n str, generate_name: &'n str) -> Named<'n>
    where
        'r: 'n,
    {
        let name = if self.request.name.is_empty() { name } else { &self.request.name };
        let is_new = self.request.operation == Operation::Create;
        Named { kind, name: if is_new && is_generated(name, generate_name) { "" } else { name }, generate_name }
    }
}

/// Returns whether the API server generated a name: it appends five characters to the prefix, which it may cut.
fn is_generated(name: &str, prefix: &str) -> bool {
    const SUFFIX: usize = 5;
    !prefix.is_empty()
        && name
            .len()
            .checked_sub(SUFFIX)
            .and_then(|end| name.get(..end))
            .is_some_and(|start| !start.is_empty() && prefix.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_name_is_its_prefix_and_five_characters() {
        assert!(is_generated("pyos-7d9f-x2x4z", "pyos-7d9f-"));
        assert!(is_generated(&format!("{}abcde", "p".repeat(58)), &"p".repeat(70)), "a long prefix is cut");
        for (name, prefix) in
            [("pyos", ""), ("", "pyos-"), ("pyos-", "pyos-"), ("mine", "mi"), ("other-abcde", "pyos-"), ("pyos-longer-x", "pyos-")]
        {
            assert!(!is_generated(name, prefix), "{name} {prefix}");
        }
    }
}
