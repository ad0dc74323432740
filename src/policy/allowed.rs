//! What a set of policies allows, and what another policy grants beyond it.

use super::ports::NamedPort;
use super::relation::{Relation, Union};
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::traffic::Piece;
use super::{Beyond, Direction, words};

/// What a set of policies of one namespace allows together, prepared for questions about another policy.
#[derive(Debug, Default)]
pub struct Allowed {
    ingress: Side,
    egress: Side,
    /// A policy of the set was too large to be merged: nothing is provable beside it.
    too_large: bool,
}

/// One direction: the pods that are isolated, and what their policies' rules allow.
#[derive(Debug, Default)]
struct Side {
    members: Vec<(Selector, Relation)>,
}

impl Allowed {
    /// Prepares a set.
    pub fn new<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Allowed {
        let mut allowed = Allowed::default();
        for policy in policies {
            for direction in [Direction::Ingress, Direction::Egress] {
                let Some(rules) = policy.rules(direction) else { continue };
                match &rules.relation {
                    Some(relation) => allowed.side_mut(direction).members.push((policy.subject.clone(), relation.clone())),
                    None => allowed.too_large = true,
                }
            }
        }
        allowed
    }

    /// Answers what `extra` grants beyond the set, isolation included: a pod that the set does not
    /// isolate gains nothing by a rule (rule 10), and a policy that only isolates grants nothing.
    pub fn beyond(&self, extra: &Policy) -> Beyond {
        self.beyond_within(extra, &mut Steps::new(MAX_STEPS))
    }

    pub(crate) fn beyond_within(&self, extra: &Policy, steps: &mut Steps) -> Beyond {
        if self.too_large {
            return Beyond::NotProven;
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            match self.granted(extra, direction, steps) {
                Ok(None) => {}
                Ok(Some(left)) => return Beyond::Grants(words::witness(&left, direction, &extra.home)),
                Err(Exhausted) => return Beyond::NotProven,
            }
        }
        Beyond::Nothing
    }

    /// Traffic that `extra` grants beyond the set in one direction, with the named port that it stands for, if any.
    pub(crate) fn granted(
        &self,
        extra: &Policy,
        direction: Direction,
        steps: &mut Steps,
    ) -> Result<Option<(Piece, Option<NamedPort>)>, Exhausted> {
        let Some(rules) = extra.rules(direction) else { return Ok(None) };
        let relation = rules.relation.as_ref().ok_or(Exhausted)?;
        let side = self.side(direction);
        let union = Union::new(side.members.iter().map(|(subject, relation)| (subject, relation)));
        // Only pods that the set isolates can gain: each isolating selector in turn, those that were looked at before left out.
        let mut seen: Vec<&Selector> = Vec::new();
        for (isolated, _) in &side.members {
            if seen.contains(&isolated) {
                continue;
            }
            steps.take(1)?;
            seen.push(isolated);
            let subject = extra.subject.intersect(isolated, steps)?;
            if subject.is_empty() {
                continue;
            }
            if let Some(left) = union.first_beyond(&subject, relation, steps)? {
                return Ok(Some(left));
            }
            if extra.subject.is_subset(isolated, steps)? {
                break;
            }
        }
        Ok(None)
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }
}
