//! Evaluates the rules for policies and endpoints that were read.

use crate::analysis::lint::{Input, Lint, lint};
use crate::canon::Canons;
use crate::cli::reach::source::World;

/// Returns the findings. `canons` is the canon that the policies are those of, if they are those of one.
pub(crate) fn findings(world: &World, canons: Option<&Canons>) -> Lint {
    let ignores: Vec<Option<String>> = world.written.iter().map(|written| written.lint_ignore.clone()).collect();
    lint(Input {
        policies: &world.policies,
        endpoints: &world.endpoints,
        namespaces: &world.namespaces,
        canon: canons,
        namespace: &world.namespace.name,
        ignores: &ignores,
    })
}
