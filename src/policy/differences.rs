//! The differences between a policy and the canonical policy of the same name: rule, peer and ports in words.

use super::allowed::Allowed;
use super::direction::Direction;
use super::drift::{Change, Difference};
use super::ports::{NamedPort, OTHER_PROTOCOLS, Ports};
use super::ranges::RangeSet;
use super::relation::{Relation, Union};
use super::rule::{Peers, Rule};
use super::selector::Selector;
use super::spec::Policy;
use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::traffic::{PeerSet, Piece};
use super::words;

/// The maximum number of differences that are listed.
const MAX_DIFFERENCES: usize = 256;
/// The maximum number of pieces of one peer that are inspected for uncovered ports.
const MAX_PIECES: usize = 64;
/// The text for a side that has nothing.
const NOTHING: &str = "nothing";
/// The text for every peer.
const ANYONE: &str = "anyone";

/// Returns the differences, which do not change the result of the comparison. If the limit on steps ends the
/// list early, the last entry says so. Never empty.
pub(crate) fn differences(canonical: &Policy, found: &Policy, change: Change, among: Option<Among<'_>>) -> Vec<Difference> {
    let mut list = List { differences: Vec::new(), steps: Steps::new(MAX_STEPS / 4), among };
    let complete = list.pod_selectors(canonical, found).and_then(|()| {
        for direction in Direction::BOTH {
            list.isolation(canonical, found, direction);
            list.rules(canonical, found, direction)?;
        }
        Ok(())
    });
    if complete.is_err() || list.differences.is_empty() {
        list.differences.push(Difference {
            change,
            field: "spec".to_owned(),
            direction: None,
            rule: None,
            peer: None,
            port: None,
            expected: "the canonical spec".to_owned(),
            found: "differences that are not listed".to_owned(),
            beyond: None,
        });
    }
    list.differences
}

/// The two sets of policies that the compared policies belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Among<'a> {
    pub(crate) canonical: &'a Allowed,
    pub(crate) found: &'a Allowed,
}

struct List<'a> {
    differences: Vec<Difference>,
    steps: Steps,
    among: Option<Among<'a>>,
}

impl List<'_> {
    fn pod_selectors(&mut self, canonical: &Policy, found: &Policy) -> Result<(), Exhausted> {
        if canonical.subject == found.subject {
            return Ok(());
        }
        let rules = |policy: &Policy| {
            let has_rules = |direction| policy.rules(direction).is_some_and(|rules| !rules.written.is_empty());
            has_rules(Direction::Ingress) || has_rules(Direction::Egress)
        };
        let selects_more = !found.subject.is_subset(&canonical.subject, &mut self.steps)?;
        let selects_less = !canonical.subject.is_subset(&found.subject, &mut self.steps)?;
        // Additional pods are isolated and get the rules; missing pods lose both.
        let wider = selects_less || rules(found);
        let narrower = selects_more || rules(canonical);
        self.differences.push(Difference {
            change: match (wider, narrower) {
                (true, true) => Change::Both,
                (true, false) => Change::Wider,
                (false, _) => Change::Narrower,
            },
            field: "spec.podSelector".to_owned(),
            direction: None,
            rule: None,
            peer: None,
            port: None,
            expected: canonical.subject.to_string(),
            found: found.subject.to_string(),
            beyond: None,
        });
        Ok(())
    }

    fn isolation(&mut self, canonical: &Policy, found: &Policy, direction: Direction) {
        let (expected, is) = (canonical.rules(direction).is_some(), found.rules(direction).is_some());
        if expected == is {
            return;
        }
        let words = |isolated: bool| if isolated { format!("{direction} isolated") } else { format!("{direction} not isolated") };
        self.differences.push(Difference {
            change: if expected { Change::Wider } else { Change::Narrower },
            field: "spec.policyTypes".to_owned(),
            direction: Some(direction),
            rule: None,
            peer: None,
            port: None,
            expected: words(expected),
            found: words(is),
            beyond: None,
        });
    }

    fn rules(&mut self, canonical: &Policy, found: &Policy, direction: Direction) -> Result<(), Exhausted> {
        let nothing = Relation::default();
        let relation = |policy: &'_ Policy| match policy.rules(direction) {
            Some(rules) => rules.relation.clone().ok_or(Exhausted),
            None => Ok(nothing.clone()),
        };
        let (expected, is) = (relation(canonical)?, relation(found)?);
        self.missing(found, &expected, direction, Change::Wider)?;
        self.missing(canonical, &is, direction, Change::Narrower)
    }

    /// Adds what rules of `policy` allow and `other` does not.
    fn missing(&mut self, policy: &Policy, other: &Relation, direction: Direction, change: Change) -> Result<(), Exhausted> {
        let everything = Selector::all();
        let union = Union::new([(&everything, other)]);
        let written = policy.rules(direction).map_or(&[][..], |rules| &rules.written);
        for (index, rule) in written.iter().enumerate() {
            let mut all = Vec::new();
            let complete = self.uncovered_of_rule(rule, &union, direction, &policy.home, &mut all);
            if change == Change::Wider && opens_everything(rule, &all) {
                all = vec![(Peer { set: None, words: ANYONE.to_owned() }, words::ports_of(&rule.ports))];
            }
            for (peer, left) in all {
                if self.differences.len() >= MAX_DIFFERENCES {
                    return Err(Exhausted);
                }
                let lacking = self.among.map(|among| if change == Change::Wider { among.canonical } else { among.found });
                let beyond = lacking.map(|set| set.beyond_rule(policy, &rule.ports, peer.sets(&policy.home), direction));
                let (here, there) = (words::ports_of(&rule.ports), peer.set.map(|set| ports_to(other, set)).unwrap_or_default());
                let there = if there.is_empty() { NOTHING.to_owned() } else { there };
                let (expected, found) = if change == Change::Wider { (there, here) } else { (here, there) };
                self.differences.push(Difference {
                    change,
                    field: format!("spec.{}[{index}]", direction.rules_field()),
                    direction: Some(direction),
                    rule: Some(index + 1),
                    peer: Some(peer.words),
                    port: Some(left),
                    expected,
                    found,
                    beyond,
                });
            }
            complete?;
        }
        Ok(())
    }

    /// Adds the peers of a rule that a union does not cover, each with the uncovered ports in words.
    fn uncovered_of_rule<'r>(
        &mut self,
        rule: &'r Rule,
        union: &Union<'_>,
        direction: Direction,
        home: &str,
        left: &mut Vec<(Peer<'r>, String)>,
    ) -> Result<(), Exhausted> {
        match &rule.peers {
            Peers::Listed(peers) => {
                for set in peers.iter().filter(|set| !set.is_empty()) {
                    if let Some(ports) = self.uncovered_of_peer(set, &rule.ports, union, direction)? {
                        left.push((Peer { set: Some(set), words: words::peers(set, home) }, ports));
                    }
                }
            }
            Peers::Everyone => {
                let mut kinds: Vec<(String, String)> = Vec::new();
                for set in PeerSet::everyone() {
                    if let Some(ports) = self.uncovered_of_peer(set, &rule.ports, union, direction)? {
                        kinds.push((words::peers(set, home), ports));
                    }
                }
                match kinds.as_slice() {
                    [(_, ports), rest @ ..] if rest.len() == 3 && rest.iter().all(|(_, other)| other == ports) => {
                        left.push((Peer { set: None, words: ANYONE.to_owned() }, ports.clone()));
                    }
                    _ => left.extend(kinds.into_iter().map(|(words, ports)| (Peer { set: None, words }, ports))),
                }
            }
        }
        Ok(())
    }

    /// Returns the ports of one peer that a union does not cover, in words, or `None` if it covers all of them.
    fn uncovered_of_peer(
        &mut self,
        peer: &PeerSet,
        ports: &Ports,
        union: &Union<'_>,
        direction: Direction,
    ) -> Result<Option<String>, Exhausted> {
        // The loops below visit every port, covered or not.
        self.steps.take(ports.len())?;
        let piece = Piece { subject: Selector::all(), peer: peer.clone(), numbers: ports.numbers.clone() };
        let pieces = union.uncovered(piece, MAX_PIECES, &mut self.steps)?;
        let numbers = RangeSet::new(pieces.iter().flat_map(|piece| piece.numbers.ranges()).copied());
        let mut names: Vec<NamedPort> = Vec::new();
        if peer.has_named_ports(direction) {
            for name in ports.names.iter() {
                if !union.uncovered_of_name(&Selector::all(), peer, name, 1, &mut self.steps)?.is_empty() {
                    names.push(name.clone());
                }
            }
        }
        let nothing = numbers.is_empty() && names.is_empty();
        Ok((!nothing).then(|| words::ports(&numbers, &names)))
    }
}

/// Returns whether a rule is `{}` and the part of it that another policy does not allow (`left`) has peers of every
/// kind and ports of defined protocols. The message then says that the rule opens every port.
fn opens_everything(rule: &Rule, left: &[(Peer<'_>, String)]) -> bool {
    let other_protocols = words::ports(&RangeSet::new([(OTHER_PROTOCOLS, OTHER_PROTOCOLS)]), &[]);
    let is_every_kind = left.len() == PeerSet::everyone().len() || left.iter().any(|(peer, _)| peer.words == ANYONE);
    rule.allows_everything() && is_every_kind && left.iter().any(|(_, ports)| *ports != other_protocols)
}

struct Peer<'r> {
    /// The peers, if the rule lists them.
    set: Option<&'r PeerSet>,
    words: String,
}

impl Peer<'_> {
    /// Returns the peers: of a rule for everyone, those of the kind that the words name.
    fn sets(&self, home: &str) -> Vec<PeerSet> {
        match self.set {
            Some(set) => vec![set.clone()],
            None => {
                PeerSet::everyone().iter().filter(|set| self.words == ANYONE || self.words == words::peers(set, home)).cloned().collect()
            }
        }
    }
}

fn ports_to(relation: &Relation, peer: &PeerSet) -> String {
    relation.ports_to(peer).map(words::ports_of).unwrap_or_default()
}
