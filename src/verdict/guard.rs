//! The canons and the flags that verdicts depend on.

use std::sync::Arc;

use super::settings::Settings;
use crate::canon::{Canon, Canons};

/// The accepted canons and the settings of all verdicts. A reload replaces it as a whole.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The accepted canons.
    pub canons: Arc<Canons>,
    /// The flags that a verdict depends on.
    pub settings: Arc<Settings>,
    /// How a message says where a canonical policy can be restored from.
    pub hints: Hints,
    /// The position of the canon that a drifted policy is compared with, if it has the policy and the old policy does
    /// not match another one: 0 for the target.
    pub reference: usize,
}

/// How a message says where a canonical policy can be restored from.
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
        Guard { canons, settings, hints: Hints::Command, reference: 0 }
    }

    /// Returns the canon at the position `reference`.
    pub fn referenced(&self) -> &Canon {
        self.canons.all().nth(self.reference).unwrap_or_else(|| self.canons.first())
    }
}
