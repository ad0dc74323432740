//! What a set of policies allows, and what another policy allows beyond it.

use super::direction::Direction;
use super::ports::{NamedPort, Ports};
use super::relation::{Relation, Union};
use super::rule::{Peers, Rule};
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::traffic::{PeerSet, Piece};
use super::witness::{Witness, witness};

/// What a policy grants beyond a set of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing.
    Nothing,
    /// This connection, and possibly others.
    Grants(Witness),
    /// The limit on steps was reached first.
    NotProven,
}

/// What a set of policies of one namespace allows together, prepared for comparison with another policy.
#[derive(Debug, Default)]
pub struct Allowed {
    ingress: Side,
    egress: Side,
    /// Whether a policy of the set is too large to be merged. Then nothing can be proven.
    too_large: bool,
}

/// One direction: the isolated pods, and what the rules of their policies allow.
#[derive(Debug, Default)]
struct Side {
    members: Vec<(Selector, Relation)>,
}

impl Allowed {
    /// Prepares a set of policies.
    pub fn new<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Allowed {
        let mut allowed = Allowed::default();
        for policy in policies {
            for direction in Direction::BOTH {
                let Some(rules) = policy.rules(direction) else { continue };
                match &rules.relation {
                    Some(relation) => allowed.side_mut(direction).members.push((policy.subject.clone(), relation.clone())),
                    None => allowed.too_large = true,
                }
            }
        }
        allowed
    }

    /// Returns what `extra` grants beyond the set. Isolation counts: a rule grants nothing to a pod that the set
    /// does not isolate (rule 10), and a policy that only isolates grants nothing.
    pub fn beyond(&self, extra: &Policy) -> Beyond {
        self.beyond_within(extra, &mut Steps::new(MAX_STEPS))
    }

    pub(crate) fn beyond_within(&self, extra: &Policy, steps: &mut Steps) -> Beyond {
        if self.too_large {
            return Beyond::NotProven;
        }
        for direction in Direction::BOTH {
            match self.granted(extra, direction, steps) {
                Ok(None) => {}
                Ok(Some(left)) => return Beyond::Grants(witness(&left, direction, &extra.home)),
                Err(Exhausted) => return Beyond::NotProven,
            }
        }
        Beyond::Nothing
    }

    /// Returns traffic that `extra` grants beyond the set in one direction, with the named port that it represents, if any.
    pub(crate) fn granted(
        &self,
        extra: &Policy,
        direction: Direction,
        steps: &mut Steps,
    ) -> Result<Option<(Piece, Option<NamedPort>)>, Exhausted> {
        let Some(rules) = extra.rules(direction) else { return Ok(None) };
        let relation = rules.relation.as_ref().ok_or(Exhausted)?;
        self.granted_to(&extra.subject, relation, direction, steps)
    }

    /// Returns traffic of `pods` that a relation allows beyond the set in one direction.
    fn granted_to(
        &self,
        pods: &Selector,
        relation: &Relation,
        direction: Direction,
        steps: &mut Steps,
    ) -> Result<Option<(Piece, Option<NamedPort>)>, Exhausted> {
        let side = self.side(direction);
        let union = Union::new(side.members.iter().map(|(subject, relation)| (subject, relation)));
        // Only pods that the set isolates can gain anything: compare with each isolating selector once.
        let mut seen: Vec<&Selector> = Vec::new();
        for (isolated, _) in &side.members {
            if seen.contains(&isolated) {
                continue;
            }
            steps.take(1)?;
            seen.push(isolated);
            let subject = pods.intersect(isolated, steps)?;
            if subject.is_empty() {
                continue;
            }
            if let Some(left) = union.first_beyond(&subject, relation, steps)? {
                return Ok(Some(left));
            }
            if pods.is_subset(isolated, steps)? {
                break;
            }
        }
        Ok(None)
    }

    /// Returns what one rule of `policy` grants beyond the set to or from some of its peers.
    pub(crate) fn beyond_rule(&self, policy: &Policy, ports: &Ports, peers: Vec<PeerSet>, direction: Direction) -> Beyond {
        if self.too_large {
            return Beyond::NotProven;
        }
        let steps = &mut Steps::new(MAX_STEPS);
        let part = Rule { peers: Peers::Listed(peers), ports: ports.clone() };
        let left = Relation::new(&[part], direction, steps).and_then(|part| self.granted_to(&policy.subject, &part, direction, steps));
        match left {
            Ok(None) => Beyond::Nothing,
            Ok(Some(left)) => Beyond::Grants(witness(&left, direction, &policy.home)),
            Err(Exhausted) => Beyond::NotProven,
        }
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
