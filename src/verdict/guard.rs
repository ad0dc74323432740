//! The canons and the flags that verdicts depend on.

use std::sync::Arc;

use super::settings::Settings;
use crate::canon::{BUILT_IN, Canon, Canons};

/// The accepted canons and the settings of all verdicts. A reload replaces it as a whole.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The accepted canons.
    pub canons: Arc<Canons>,
    /// The flags that a verdict depends on.
    pub settings: Arc<Settings>,
    /// How messages name a canon, and where a canonical policy can be restored from.
    pub hints: Hints,
    /// The position of the canon that a drifted policy is compared with, if it has the policy and the old policy does
    /// not match another one. `None` if nothing says which of the canons is meant: then it is compared with the first one
    /// that has the policy.
    pub reference: Option<usize>,
    /// Whether the user of a request is known. If not, as for manifests in files, who may claim an identity is not judged.
    pub knows_user: bool,
}

/// How messages name a canon, and where a canonical policy can be restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hints {
    /// By a command with the name or path of the canon: the message is read on the machine that has the canon.
    Command,
    /// By a command only if the canon is built in. The path of another canon is one of the server, so the message has the
    /// display name of the canon instead (`--canon-name`), if there is one.
    Remote(Option<String>),
}

impl Guard {
    /// Creates a guard whose hints are commands that refer to the first canon.
    pub fn new(canons: Arc<Canons>, settings: Arc<Settings>) -> Guard {
        Guard { canons, settings, hints: Hints::Command, reference: None, knows_user: true }
    }

    /// Returns the canon at the position `reference`.
    pub fn referenced(&self) -> Option<&Canon> {
        self.canons.all().nth(self.reference?)
    }

    /// Returns the name of an accepted canon for a message: `the canon "abcdesktop-4.4"`. A message for users of the cluster
    /// has the display name of a canon that is not built in, or a neutral phrase, and never its path.
    pub fn name_of(&self, canon: &Canon) -> String {
        let Hints::Remote(display_name) = &self.hints else { return format!("the canon \"{}\"", canon.source) };
        if is_built_in(canon) {
            return format!("the canon \"{}\"", canon.source);
        }
        let custom: Vec<&Canon> = self.canons.all().filter(|canon| !is_built_in(canon)).collect();
        // One display name stands for all of them.
        let number = custom.iter().position(|other| std::ptr::eq(*other, canon)).filter(|_| custom.len() > 1).map(|index| index + 1);
        match (display_name, number) {
            (Some(name), None) => format!("the canon \"{name}\""),
            (Some(name), Some(number)) => format!("the canon \"{name}\" (custom canon {number})"),
            (None, None) => "the custom canon".to_owned(),
            (None, Some(number)) => format!("custom canon {number}"),
        }
    }
}

/// Returns whether a canon is built in. A path is never the name of a built-in canon: the name comes first.
pub(super) fn is_built_in(canon: &Canon) -> bool {
    BUILT_IN.contains(&canon.source.as_str())
}
