//! Parses the `spec` of a NetworkPolicy with the API's defaults and validation.

use std::sync::Arc;

use super::addresses::Block;
use super::direction::Direction;
use super::ports::Ports;
use super::relation::Relation;
use super::rule::{Peers, Rule};
use super::selector::{self, NAMESPACE_NAME_KEY, Selector, Selects};
use super::steps::{MAX_STEPS, Steps};
use super::traffic::PeerSet;
use crate::documents::fault::{Fault, FaultKind, Faults, Path};
use crate::documents::node::Node;

/// The namespace of a policy, which gives the short forms of its peers their meaning.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The namespace of the policy. A peer that has only a `podSelector` selects pods of this namespace (rule 17).
    pub namespace: &'a str,
    /// The namespace that a canon was written for. Where a selector of `kubernetes.io/metadata.name` has this
    /// name, it means `namespace`.
    pub written_for: Option<&'a str>,
}

/// The parsed spec of a NetworkPolicy.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) home: Arc<str>,
    pub(crate) subject: Selector,
    pub(crate) ingress: Option<Rules>,
    pub(crate) egress: Option<Rules>,
}

/// The rules of a policy for a direction that it isolates.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The rules as they are written.
    pub(crate) written: Vec<Rule>,
    /// What the rules allow together, or `None` if the limit on steps was reached.
    pub(crate) relation: Option<Relation>,
}

impl Policy {
    /// Parses a `spec` with the API's defaults (rules 1 to 6) and validation (rules 34 to 41).
    ///
    /// # Errors
    /// Every invalid, unknown or ambiguous field.
    pub fn parse(spec: &Node<'_>, home: Home<'_>) -> Result<Policy, Vec<Fault>> {
        let mut faults = Faults::default();
        let field = Path::Root("spec");
        faults.map(spec, &field, &["podSelector", "policyTypes", "ingress", "egress"]);
        let subject = match spec.get("podSelector") {
            None => Selector::all(),
            Some(selector) => selector::parse(selector, &field.key("podSelector"), Selects::Pods, &mut faults),
        };
        let parser = Parser { home, own_namespace: Selector::label(NAMESPACE_NAME_KEY, home.namespace) };
        // Rules of a direction that `policyTypes` does not list have no effect, but must be valid (rule 2).
        let ingress = parser.rules(spec, Direction::Ingress, &mut faults);
        let egress = parser.rules(spec, Direction::Egress, &mut faults);
        let isolates = parse_types(spec, &field, !egress.is_empty(), &mut faults);
        faults.into_result(())?;
        let keep = |rules: Vec<Rule>, direction: Direction| isolates(direction).then(|| Rules::new(rules, direction));
        Ok(Policy {
            home: Arc::from(home.namespace),
            subject,
            ingress: keep(ingress, Direction::Ingress),
            egress: keep(egress, Direction::Egress),
        })
    }

    /// Returns the selector of the pods that the policy applies to.
    pub fn subject(&self) -> &Selector {
        &self.subject
    }

    /// Returns every pod selector: that of the policy and those of its peers.
    pub fn pod_selectors(&self) -> impl Iterator<Item = &Selector> {
        let peers = self.peers().filter_map(|peer| match peer {
            PeerSet::Pods { pods, .. } => Some(pods),
            _ => None,
        });
        std::iter::once(&self.subject).chain(peers)
    }

    /// Returns every namespace selector of its peers. A peer that has only a `podSelector` has one that selects the
    /// policy's own namespace.
    pub fn namespace_selectors(&self) -> impl Iterator<Item = &Selector> {
        self.peers().filter_map(|peer| match peer {
            PeerSet::Pods { namespaces, .. } => Some(namespaces),
            _ => None,
        })
    }

    /// Returns whether both policies isolate the same pods: their `podSelector` and `policyTypes` are the same.
    pub fn isolates_the_same(&self, other: &Policy) -> bool {
        let types = |policy: &Policy| (policy.ingress.is_some(), policy.egress.is_some());
        self.subject == other.subject && types(self) == types(other)
    }

    pub(crate) fn rules(&self, direction: Direction) -> Option<&Rules> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// Returns the same policy for one direction, with the rules that `keep` accepts, by their index.
    pub(crate) fn only(&self, direction: Direction, keep: impl Fn(usize, &Rule) -> bool) -> Policy {
        let kept = self.rules(direction).map(|rules| {
            let written = rules.written.iter().enumerate().filter(|(index, rule)| keep(*index, rule));
            Rules::new(written.map(|(_, rule)| rule.clone()).collect(), direction)
        });
        let (ingress, egress) = match direction {
            Direction::Ingress => (kept, None),
            Direction::Egress => (None, kept),
        };
        Policy { home: self.home.clone(), subject: self.subject.clone(), ingress, egress }
    }

    /// Returns every peer that a rule lists.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &PeerSet> {
        let rules = self.ingress.iter().chain(&self.egress).flat_map(|rules| &rules.written);
        rules.flat_map(|rule| match &rule.peers {
            Peers::Everyone => &[],
            Peers::Listed(peers) => peers.as_slice(),
        })
    }
}

impl Rules {
    fn new(written: Vec<Rule>, direction: Direction) -> Rules {
        let steps = &mut Steps::new(MAX_STEPS);
        let relation = Relation::new(&written, direction, steps).ok();
        Rules { written, relation }
    }
}

/// Parses `policyTypes`. The result returns whether a direction is isolated (rules 1, 2 and 35).
fn parse_types<'n>(spec: &'n Node<'n>, field: &Path<'_>, has_egress: bool, faults: &mut Faults) -> impl Fn(Direction) -> bool + use<> {
    let list = field.key("policyTypes");
    let entries = faults.list(spec, "policyTypes", field);
    if entries.len() > 2 {
        faults.add(&list, FaultKind::Invalid, "must have at most two entries");
    }
    let (mut ingress, mut egress) = (false, false);
    for (index, entry) in entries.iter().enumerate() {
        match entry {
            Node::String(name) if name == "Ingress" => ingress = true,
            Node::String(name) if name == "Egress" => egress = true,
            Node::String(_) => faults.add(&list.index(index), FaultKind::Invalid, "must be Ingress or Egress"),
            other => faults.wrong_type(other, &list.index(index), "a string"),
        }
    }
    if entries.is_empty() {
        (ingress, egress) = (true, has_egress);
    }
    move |direction| match direction {
        Direction::Ingress => ingress,
        Direction::Egress => egress,
    }
}

/// Parses the rules and peers of one policy.
struct Parser<'h> {
    home: Home<'h>,
    /// The namespace selector of a peer that has only a `podSelector` (2a.4).
    own_namespace: Selector,
}

impl Parser<'_> {
    fn rules<'n>(&self, spec: &'n Node<'n>, direction: Direction, faults: &mut Faults) -> Vec<Rule> {
        let (list_key, peers_key) = (direction.rules_field(), direction.peers_field());
        let root = Path::Root("spec");
        let list = root.key(list_key);
        let mut rules = Vec::new();
        for (index, node) in faults.list(spec, list_key, &root).iter().enumerate() {
            let field = list.index(index);
            let Some(rule) = faults.map(node, &field, &[peers_key, "ports"]) else { continue };
            let ports = Ports::parse(rule, &field, faults);
            let entries = faults.list(rule, peers_key, &field);
            let peers_field = field.key(peers_key);
            let peers = if entries.is_empty() {
                Peers::Everyone
            } else {
                let parse = |(index, peer)| self.peer(peer, &peers_field.index(index), faults);
                Peers::Listed(entries.iter().enumerate().filter_map(parse).collect())
            };
            rules.push(Rule { peers, ports });
        }
        rules
    }

    fn peer<'n>(&self, node: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<PeerSet> {
        let peer = faults.map(node, field, &["podSelector", "namespaceSelector", "ipBlock"])?;
        let (pods, namespaces, block) = (peer.get("podSelector"), peer.get("namespaceSelector"), peer.get("ipBlock"));
        if let Some(block) = block {
            if pods.is_some() || namespaces.is_some() {
                faults.add(field, FaultKind::Invalid, "an ipBlock cannot be combined with a selector; make it a separate peer");
            }
            let block = Block::parse(block, &field.key("ipBlock"), faults)?;
            return Some(PeerSet::Addresses(block.family, block.addresses));
        }
        if pods.is_none() && namespaces.is_none() {
            faults.add(
                field,
                FaultKind::Invalid,
                "a peer must have a podSelector, a namespaceSelector or an ipBlock; the selector {} selects everything",
            );
            return None;
        }
        let renamed = self.home.written_for.map(|written_for| (written_for, self.home.namespace));
        let selects = Selects::Namespaces { renamed };
        Some(PeerSet::Pods {
            namespaces: match namespaces {
                Some(selector) => selector::parse(selector, &field.key("namespaceSelector"), selects, faults),
                None => self.own_namespace.clone(),
            },
            pods: match pods {
                Some(selector) => selector::parse(selector, &field.key("podSelector"), Selects::Pods, faults),
                None => Selector::all(),
            },
        })
    }
}
