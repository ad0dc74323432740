//! Which pods several sets of policies isolate in common.

use super::direction::Direction;
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};

/// Whether some policies isolate every pod that each of several sets isolates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Isolation {
    /// They do.
    Common,
    /// Each set isolates pods in this direction that these policies do not isolate. The selector selects such pods.
    Apart(Direction, Selector),
    /// The limit on steps was reached first.
    NotProven,
}

/// Returns whether the policies `common` isolate every pod that each of `sets` isolates, in each direction. A policy
/// isolates the pods that it selects in the directions of its `policyTypes` (`semantics.md` rules 8 to 10).
pub fn isolation(sets: &[Vec<&Policy>], common: &[&Policy]) -> Isolation {
    let mut steps = Steps::new(MAX_STEPS);
    for direction in Direction::BOTH {
        match apart(sets, common, direction, &mut steps) {
            Ok(None) => {}
            Ok(Some(pods)) => return Isolation::Apart(direction, pods),
            Err(Exhausted) => return Isolation::NotProven,
        }
    }
    Isolation::Common
}

/// Returns pods that each of `sets` isolates in a direction, but none of `common`.
fn apart(sets: &[Vec<&Policy>], common: &[&Policy], direction: Direction, steps: &mut Steps) -> Result<Option<Selector>, Exhausted> {
    let subjects = |policies: &[&Policy]| -> Vec<Selector> {
        policies.iter().filter(|policy| policy.rules(direction).is_some()).map(|policy| policy.subject.clone()).collect()
    };
    let mut pods = vec![Selector::all()];
    for subject in subjects(common) {
        let mut rest = Vec::new();
        for part in pods {
            steps.take(1)?;
            rest.extend(part.subtract(&subject, steps)?);
        }
        pods = rest;
    }
    for set in sets {
        let mut both = Vec::new();
        for subject in subjects(set) {
            for part in &pods {
                steps.take(1)?;
                let part = part.intersect(&subject, steps)?;
                if !part.is_empty() && !both.contains(&part) {
                    both.push(part);
                }
            }
        }
        pods = both;
    }
    Ok(pods.into_iter().next())
}
