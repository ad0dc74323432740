//! A NetworkPolicy's `spec`, read with the API's defaults and its validation.

use std::sync::Arc;

use super::Direction;
use super::addresses::Block;
use super::ports::Ports;
use super::relation::Relation;
use super::selector::{self, Labels, NAMESPACE_NAME_KEY, Selector};
use super::steps::{MAX_STEPS, Steps};
use super::traffic::PeerSet;
use crate::documents::fault::{Fault, FaultKind, Faults, Path};
use crate::documents::node::Node;

/// Where a policy lives: what the short forms in its peers stand for.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The namespace of the policy: a peer with a `podSelector` alone means its pods (rule 17).
    pub namespace: &'a str,
    /// A namespace that `kubernetes.io/metadata.name` selectors may name and that stands for
    /// `namespace`: the one that a canon was written for.
    pub written_for: Option<&'a str>,
}

/// A NetworkPolicy's spec, understood.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) home: Arc<str>,
    pub(crate) subject: Selector,
    pub(crate) ingress: Option<Rules>,
    pub(crate) egress: Option<Rules>,
}

/// The rules of a direction that a policy isolates.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// As they are written.
    pub(crate) written: Vec<Rule>,
    /// What they allow together; `None` where the bound on work was reached.
    pub(crate) relation: Option<Relation>,
}

/// One rule as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) peers: Peers,
    pub(crate) ports: Ports,
}

/// The peers of a rule.
#[derive(Debug, Clone)]
pub(crate) enum Peers {
    /// `from` or `to` is missing or empty (rule 15).
    Everyone,
    /// One of these.
    Listed(Vec<PeerSet>),
}

impl Policy {
    /// Reads a `spec`, with the API's defaults (rules 1 to 6) and the API's validation (rules 34 to 41).
    ///
    /// # Errors
    /// Everything that is wrong or has no one meaning, each with its field.
    pub fn parse(spec: &Node<'_>, home: Home<'_>) -> Result<Policy, Vec<Fault>> {
        let mut faults = Faults::default();
        let field = Path::Root("spec");
        faults.map(spec, &field, &["podSelector", "policyTypes", "ingress", "egress"]);
        let subject = match spec.get("podSelector") {
            None => Selector::all(),
            Some(selector) => selector::read(selector, &field.key("podSelector"), Labels::OfPods, &mut faults),
        };
        let reader = Reader { home, own_namespace: Selector::label(NAMESPACE_NAME_KEY, home.namespace) };
        // Rules of a direction that is not listed are inert, but must be well-formed (rule 2).
        let ingress = reader.rules(spec, Direction::Ingress, &mut faults);
        let egress = reader.rules(spec, Direction::Egress, &mut faults);
        let isolates = read_types(spec, &field, !egress.is_empty(), &mut faults);
        faults.or(())?;
        let keep = |rules: Vec<Rule>, direction: Direction| isolates(direction).then(|| Rules::new(rules, direction));
        Ok(Policy {
            home: Arc::from(home.namespace),
            subject,
            ingress: keep(ingress, Direction::Ingress),
            egress: keep(egress, Direction::Egress),
        })
    }

    /// The selector of the pods that the policy acts on.
    pub fn subject(&self) -> &Selector {
        &self.subject
    }

    /// Every selector of pods in it: its subject's and its peers'.
    pub fn pod_selectors(&self) -> impl Iterator<Item = &Selector> {
        let peers = self.peers().filter_map(|peer| match peer {
            PeerSet::Pods { pods, .. } => Some(pods),
            _ => None,
        });
        std::iter::once(&self.subject).chain(peers)
    }

    /// Every namespace selector of its peers; that of a `podSelector` alone names the policy's own namespace.
    pub fn namespace_selectors(&self) -> impl Iterator<Item = &Selector> {
        self.peers().filter_map(|peer| match peer {
            PeerSet::Pods { namespaces, .. } => Some(namespaces),
            _ => None,
        })
    }

    pub(crate) fn rules(&self, direction: Direction) -> Option<&Rules> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    fn peers(&self) -> impl Iterator<Item = &PeerSet> {
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

impl Rule {
    pub(crate) fn peer_sets(&self) -> &[PeerSet] {
        match &self.peers {
            Peers::Everyone => PeerSet::everyone(),
            Peers::Listed(peers) => peers,
        }
    }
}

/// Answers which directions are isolated (rules 1, 2 and 35).
fn read_types<'n>(spec: &'n Node<'n>, field: &Path<'_>, has_egress: bool, faults: &mut Faults) -> impl Fn(Direction) -> bool + use<> {
    let list = field.key("policyTypes");
    let entries = faults.list(spec, "policyTypes", field);
    if entries.len() > 2 {
        faults.add(&list, FaultKind::Invalid, "has at most two entries");
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

/// Reads rules and peers of one policy.
struct Reader<'h> {
    home: Home<'h>,
    /// The namespace selector that a `podSelector` alone stands for (2a.4).
    own_namespace: Selector,
}

impl Reader<'_> {
    fn rules<'n>(&self, spec: &'n Node<'n>, direction: Direction, faults: &mut Faults) -> Vec<Rule> {
        let (list_key, peers_key) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        let root = Path::Root("spec");
        let list = root.key(list_key);
        let mut rules = Vec::new();
        for (index, node) in faults.list(spec, list_key, &root).iter().enumerate() {
            let field = list.index(index);
            let Some(rule) = faults.map(node, &field, &[peers_key, "ports"]) else { continue };
            let ports = Ports::read(rule, &field, faults);
            let entries = faults.list(rule, peers_key, &field);
            let peers_field = field.key(peers_key);
            let peers = if entries.is_empty() {
                Peers::Everyone
            } else {
                let read = |(index, peer)| self.peer(peer, &peers_field.index(index), faults);
                Peers::Listed(entries.iter().enumerate().filter_map(read).collect())
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
                faults.add(field, FaultKind::Invalid, "an ipBlock stands alone: make it a peer of its own");
            }
            let block = Block::read(block, &field.key("ipBlock"), faults)?;
            return Some(PeerSet::Addresses(block.family, block.addresses));
        }
        if pods.is_none() && namespaces.is_none() {
            faults.add(field, FaultKind::Invalid, "a peer needs a podSelector, a namespaceSelector or an ipBlock; {} selects all");
            return None;
        }
        let renamed = self.home.written_for.map(|written_for| (written_for, self.home.namespace));
        let labels = Labels::OfNamespaces { renamed };
        Some(PeerSet::Pods {
            namespaces: match namespaces {
                Some(selector) => selector::read(selector, &field.key("namespaceSelector"), labels, faults),
                None => self.own_namespace.clone(),
            },
            pods: match pods {
                Some(selector) => selector::read(selector, &field.key("podSelector"), Labels::OfPods, faults),
                None => Selector::all(),
            },
        })
    }
}
