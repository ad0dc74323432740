//! What a NetworkPolicy means.
//!
//! Pure: no I/O, no clock, no async; nothing here knows of clusters, admission or HTTP. The
//! specification is `semantics.md`; numbers of rules in comments are its numbers.

pub mod node;

use std::fmt;

use serde::Serialize;

use node::Node;

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
pub struct Policy {}

impl Policy {
    /// Reads a `spec`, with the API's defaults (rules 1 to 6) and the API's validation (rules 34 to 41).
    ///
    /// # Errors
    /// Everything that is wrong or has no one meaning, each with its field.
    pub fn parse(spec: &Node<'_>, home: Home<'_>) -> Result<Policy, Vec<Fault>> {
        let _ = (spec, home);
        Ok(Policy {})
    }
    /// The selector of the pods that the policy acts on.
    pub fn subject(&self) -> &Selector {
        &Selector {}
    }
    /// Every selector of pods in it: its subject's and its peers'.
    pub fn pod_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::empty()
    }
    /// Every namespace selector of its peers, as far as it was written (a `podSelector` alone has none).
    pub fn namespace_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::empty()
    }
}

/// A label selector, understood: for each key that it reads, the values (and absence) that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {}

impl Selector {
    /// Reads a `LabelSelector`; `None` and `{}` select everything.
    ///
    /// # Errors
    /// Every fault, with its field, which starts with `field`.
    pub fn parse(selector: &Node<'_>, field: &str) -> Result<Selector, Vec<Fault>> {
        let _ = (selector, field);
        Ok(Selector {})
    }
    /// Answers whether labels match; `label` answers the value under a key.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let _ = label;
        false
    }
    /// Answers whether nothing can match.
    pub fn is_empty(&self) -> bool {
        false
    }
    /// The keys that it reads, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// Answers whether a value (or absence) of one key is accepted, whatever the other keys say.
    pub fn accepts(&self, key: &str, value: Option<&str>) -> bool {
        let _ = (key, value);
        true
    }
    /// The values that `key` must be one of, where it must be present with one of finitely many.
    pub fn required_values(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        let _ = key;
        None::<std::iter::Empty<&str>>
    }
}

/// What is wrong with a policy or selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `spec.egress[0].ports[1].port`.
    pub field: String,
    /// What kind of fault.
    pub kind: FaultKind,
    /// What is wrong, and what to write instead: a lower-case sentence without its field.
    pub message: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A value of a JSON type that the field cannot have: the object cannot be understood.
    WrongType,
    /// A field that is not known: whatever it means, the canon does not say it.
    UnknownField,
    /// A value that the API's validation refuses.
    Invalid,
    /// A spelling that readers take differently: leading zeros in a CIDR, an IPv4-mapped block.
    Ambiguous,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// What a comparison of two policies answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Both mean the same.
    Same,
    /// They do not.
    Drift(Drift),
    /// The bound on work was reached first.
    NotProven,
}

/// How one policy differs from its canonical namesake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which way.
    pub change: Change,
    /// Every difference, in the order of the policy: never empty.
    pub differences: Vec<Difference>,
    /// A connection that the found policy allows and the canonical one does not; there where `change` is not `Narrower`.
    pub witness: Option<Witness>,
}

/// The direction of a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It allows more.
    Wider,
    /// It allows less.
    Narrower,
    /// It allows more in one place and less in another.
    Both,
}

/// The direction of traffic, as seen from the pods that a policy selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the selected pods.
    Ingress,
    /// Out of the selected pods.
    Egress,
}

/// One difference between a policy and its canonical namesake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which way this difference goes.
    pub change: Change,
    /// Where: `spec.podSelector`, `spec.policyTypes`, `spec.egress[0]`; of the canonical policy where only it has the rule.
    pub field: String,
    /// The direction, where it is about a rule or isolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number of the rule, from 1; the canonical policy's where only that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The peer in words: `pods run=memcached-od`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The port in words: `TCP 443`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// What the canonical policy has there, in words; `nothing` where it has none.
    pub expected: String,
    /// What was found there, in words.
    pub found: String,
}

/// A connection that a policy allows and the canon does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The pod that the policy selects, in words: `a pod labelled netpol/memcached=true`.
    pub subject: String,
    /// Whether it is the server or the client.
    pub direction: Direction,
    /// The other end, in words: `pods run=memcached-od`, `10.1.2.3`.
    pub peer: String,
    /// `TCP`, `UDP`, `SCTP` or `other` (a protocol that NetworkPolicy does not define).
    pub protocol: String,
    /// A port number or name; none for `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

impl fmt::Display for Witness {
    /// One sentence without a full stop: "a pod labelled netpol/memcached=true could reach pods run=memcached-od on TCP 443".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.as_deref().map(|port| format!(" {port}")).unwrap_or_default();
        match self.direction {
            Direction::Egress => write!(formatter, "{} could reach {} on {}{port}", self.subject, self.peer, self.protocol),
            Direction::Ingress => write!(formatter, "{} could reach {} on {}{port}", self.peer, self.subject, self.protocol),
        }
    }
}

/// Answers whether `found` means what `canonical` means.
pub fn compare(canonical: &Policy, found: &Policy) -> Comparison {
    let _ = (canonical, found);
    Comparison::Same
}

/// What a set of policies allows, prepared for questions about another policy.
#[derive(Debug, Default)]
pub struct Allowed {}

impl Allowed {
    /// Prepares a set.
    pub fn new<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Allowed {
        let _ = policies.into_iter().count();
        Allowed {}
    }
    /// Answers what `extra` grants beyond the set, isolation included.
    pub fn beyond(&self, extra: &Policy) -> Beyond {
        let _ = extra;
        Beyond::Nothing
    }
}

/// What a policy grants beyond a set of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing.
    Nothing,
    /// This connection, and perhaps others.
    Grants(Witness),
    /// The bound on work was reached first.
    NotProven,
}
