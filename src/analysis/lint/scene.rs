//! What the rules read: policies, endpoints and grants, prepared once.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::finding::{Evidence, Finding, Place};
use super::rules::{LintRule, Severity};
use crate::analysis::connection::{Connection, NamedPolicy, between, isolating};
use crate::analysis::endpoint::{End, Endpoint, Namespace, Pods};
use crate::analysis::reach::Classes;
use crate::canon::Canons;
use crate::policy::rule::Rule;
use crate::policy::{Direction, Policy};

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Input<'w> {
    /// The policies.
    pub policies: &'w [NamedPolicy],
    /// The endpoints, as [`crate::analysis::identities::of_canon`] returns them, or those of objects.
    pub endpoints: &'w [Endpoint],
    /// The namespaces whose labels are known, by name.
    pub namespaces: &'w BTreeMap<String, Namespace>,
    /// The canon that the policies are those of. Its grants are evaluated too.
    pub canon: Option<&'w Canons>,
    /// The first namespace. Ids of findings in it do not name it.
    pub namespace: &'w str,
    /// The value of the annotation `netpol.abcdesktop.io/lint-ignore` of each policy.
    pub ignores: &'w [Option<String>],
}

/// The kind of endpoints that a canon has only because a selector selects them: no grant makes such pods.
const HYPOTHETICAL: &str = "Labels";

/// How many pairs of classes all rules together evaluate: a second or so.
const MOST_PAIRS: usize = 1_000_000;

/// The input, prepared: endpoints that policies cannot tell apart are one class.
pub(super) struct Scene<'w> {
    pub(super) input: Input<'w>,
    pub(super) classes: Vec<Class<'w>>,
    /// How many pairs of classes may still be evaluated.
    left: Cell<usize>,
}

/// Endpoints that policies cannot tell apart.
pub(super) struct Class<'w> {
    pub(super) end: End,
    /// One of them: not hypothetical if possible.
    pub(super) endpoint: &'w Endpoint,
    pub(super) count: usize,
    egress: Vec<usize>,
    ingress: Vec<usize>,
}

/// Too many pairs of classes were evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooMany;

impl Class<'_> {
    /// Returns the policies that isolate it in a direction.
    pub(super) fn isolated_by(&self, direction: Direction) -> &[usize] {
        match direction {
            Direction::Egress => &self.egress,
            Direction::Ingress => &self.ingress,
        }
    }

    /// Returns whether such pods exist, as far as is known, in a namespace whose policies are known.
    pub(super) fn is_known(&self) -> bool {
        !self.endpoint.outside && self.endpoint.kind != HYPOTHETICAL
    }

    pub(super) fn name(&self) -> String {
        match self.count {
            1 => self.endpoint.id.clone(),
            count => format!("{} (and {} more)", self.endpoint.id, count - 1),
        }
    }
}

impl<'w> Scene<'w> {
    pub(super) fn new(input: Input<'w>) -> Scene<'w> {
        Scene::within(input, MOST_PAIRS)
    }

    /// The same with another limit on pairs of classes.
    pub(super) fn within(input: Input<'w>, most_pairs: usize) -> Scene<'w> {
        let Classes { of_endpoint, ends } = Classes::new(input.policies, input.endpoints);
        let mut members: Vec<Vec<&'w Endpoint>> = vec![Vec::new(); ends.len()];
        for (endpoint, class) in input.endpoints.iter().zip(of_endpoint) {
            if let Some(members) = members.get_mut(class) {
                members.push(endpoint);
            }
        }
        let class = |(end, members): (End, Vec<&'w Endpoint>)| {
            let known = members.iter().filter(|endpoint| endpoint.kind != HYPOTHETICAL).count();
            let endpoint = members.iter().find(|endpoint| endpoint.kind != HYPOTHETICAL).or(members.first())?;
            let [egress, ingress] = [Direction::Egress, Direction::Ingress].map(|direction| isolating(input.policies, &end, direction));
            Some(Class { endpoint, count: known.max(1), end, egress, ingress })
        };
        let mut classes: Vec<Class<'w>> = ends.into_iter().zip(members).filter_map(class).collect();
        // Connections with what is outside settle most questions, because only one end has policies.
        classes.sort_by_key(|class| !class.endpoint.outside);
        Scene { input, classes, left: Cell::new(most_pairs) }
    }

    /// Returns every policy with its index.
    pub(super) fn policies(&self) -> impl Iterator<Item = (usize, &'w NamedPolicy)> + use<'w> {
        self.input.policies.iter().enumerate()
    }

    pub(super) fn policy(&self, index: usize) -> Option<&'w Policy> {
        self.input.policies.get(index).map(|named| &named.policy)
    }

    /// Returns every rule of a policy with its direction and its index.
    pub(super) fn rules(policy: &'w Policy) -> impl Iterator<Item = (Direction, usize, &'w Rule)> {
        Direction::BOTH
            .into_iter()
            .flat_map(move |direction| written(policy, direction).iter().enumerate().map(move |(index, rule)| (direction, index, rule)))
    }

    /// Returns the classes that a policy selects, by its namespace and its `podSelector`.
    pub(super) fn selected(&self, policy: &Policy) -> impl Iterator<Item = &Class<'w>> {
        self.classes.iter().filter(move |class| match &class.end {
            End::Pods(pods) => {
                *policy.home == *pods.namespace.name && policy.subject.matches(|key| pods.labels.get(key).map(String::as_str))
            }
            End::Addresses(_) => false,
        })
    }

    /// Returns the known pods of a namespace.
    pub(super) fn pods_of(&self, namespace: &str) -> impl Iterator<Item = &Pods> {
        self.classes.iter().filter(|class| class.is_known()).filter_map(move |class| match &class.end {
            End::Pods(pods) if *pods.namespace.name == *namespace => Some(pods),
            _ => None,
        })
    }

    /// Returns whether a pod is known in a namespace.
    pub(super) fn knows_pods_of(&self, namespace: &str) -> bool {
        self.pods_of(namespace).next().is_some()
    }

    /// Returns what the policies that are not `removed` allow from one class to another.
    pub(super) fn connection(&self, from: &Class<'_>, to: &Class<'_>, removed: &[bool]) -> Result<Connection, TooMany> {
        let left = self.left.get().checked_sub(1).ok_or(TooMany)?;
        self.left.set(left);
        let kept = |class: &Class<'_>, direction| {
            let stays = |index: &usize| !removed.get(*index).copied().unwrap_or(false);
            class.isolated_by(direction).iter().copied().filter(stays).collect::<Vec<_>>()
        };
        let (egress, ingress) = (kept(from, Direction::Egress), kept(to, Direction::Ingress));
        Ok(between(self.input.policies, (&from.end, egress), (&to.end, ingress), false))
    }

    /// Returns a finding about a policy. `others` are further policies whose annotation can ignore it.
    pub(super) fn finding(&self, rule: LintRule, severity: Severity, about: About<'_>, message: String) -> Finding {
        let About { policy, others, place, witness } = about;
        let named = policy.and_then(|index| self.input.policies.get(index));
        let namespace = named.map(|named| named.policy.home.to_string());
        let name = named.map(|named| match namespace.as_deref() {
            Some(namespace) if namespace != self.input.namespace => format!("/{namespace}:{}", named.name),
            _ => format!("/{}", named.name),
        });
        // The id of an endpoint or grant is that of the finding: other policies may apply to it tomorrow.
        let name = name.filter(|_| place.endpoint.is_none() && place.grant.is_none()).unwrap_or_default();
        Finding {
            id: format!("{rule}{name}{}", place.id()),
            rule,
            severity,
            policy: named.map(|named| named.name.clone()),
            namespace,
            place,
            message,
            witness,
            policies: policy.into_iter().chain(others.iter().copied()).collect(),
        }
    }

    /// Returns the finding that a check of a policy was not made.
    pub(super) fn not_evaluated(&self, rule: LintRule, policy: Option<usize>) -> Finding {
        let about = About { policy, ..About::default() };
        let message = format!("{rule} takes too many steps here, so it was not evaluated");
        let finding = self.finding(LintRule::NotEvaluated, Severity::Warning, about, message);
        Finding { id: format!("{}/{rule}", finding.id), ..finding }
    }
}

/// Returns the rules of a policy in a direction, as they are written.
pub(super) fn written(policy: &Policy, direction: Direction) -> &[Rule] {
    policy.rules(direction).map(|rules| rules.written.as_slice()).unwrap_or_default()
}

/// What a finding is about.
#[derive(Default)]
pub(super) struct About<'a> {
    pub(super) policy: Option<usize>,
    pub(super) others: &'a [usize],
    pub(super) place: Place,
    pub(super) witness: Option<Evidence>,
}
