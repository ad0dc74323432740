//! The smallest change of labels that opens a connection.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::connection::{Connection, NamedPolicy, Part, connection, is_open};
use super::endpoint::{End, Pods};
use super::ports::PortSet;
use crate::policy::{Direction, Policy, Selector};

/// The most changes that are evaluated.
const MAX_TRIED: usize = 20_000;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SideOf {
    /// The end that opens the connection.
    Source,
    /// The end that accepts it.
    Destination,
}

/// A change of one label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelChange {
    /// The end whose pods get or lose the label.
    pub side: SideOf,
    /// The key.
    pub key: String,
    /// The new value; `None` if the label is removed.
    pub value: Option<String>,
}

/// The ends of a connection, and what it is to allow.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// The source.
    pub from: &'w End,
    /// The destination.
    pub to: &'w End,
    /// Whether both are the same endpoint. Then they have the same labels.
    pub itself: bool,
    /// The ports to allow; `None` for any port.
    pub ports: Option<&'w PortSet>,
}

/// The values of labels that the selectors of policies list, by key. It is the same for every connection.
#[derive(Debug)]
pub struct Noticed<'p> {
    of_keys: BTreeMap<&'p str, Values<'p>>,
}

/// The values of one key: absent, one that may not be listed, and those that are listed.
#[derive(Debug, Default)]
struct Values<'p> {
    /// The selectors that read the key.
    selectors: Vec<&'p Selector>,
    /// Which of the selectors accept each value.
    accepted: BTreeMap<Option<String>, Vec<bool>>,
}

impl<'p> Noticed<'p> {
    /// Returns what the selectors for pods of policies list.
    pub fn by(policies: &'p [NamedPolicy]) -> Noticed<'p> {
        let mut of_keys: BTreeMap<&str, Values<'p>> = BTreeMap::new();
        for selector in policies.iter().flat_map(|named| Policy::pod_selectors(&named.policy)) {
            for key in Selector::keys(selector) {
                let known = of_keys.entry(key).or_default();
                known.selectors.push(selector);
                let listed = selector.listed_values(key).into_iter().flatten().map(|value| Some(value.to_owned()));
                let values = listed.chain([None, Some("other".to_owned())]);
                known.accepted.extend(values.map(|value| (value, Vec::new())));
            }
        }
        for (key, Values { selectors, accepted }) in &mut of_keys {
            for (value, by) in accepted {
                *by = accepting(selectors, key, value.as_deref());
            }
        }
        Noticed { of_keys }
    }

    /// Returns every change of one label that a selector notices, with the selectors of its key that accept the value: changes of a key
    /// with the same ones have the same effect.
    fn candidates(&self, side: SideOf, pods: &Pods) -> Vec<(LabelChange, &[bool])> {
        let mut changes = Vec::new();
        for (key, Values { selectors, accepted }) in &self.of_keys {
            let current = pods.labels.get(*key);
            let before = match accepted.get(&current.cloned()) {
                Some(by) => Cow::Borrowed(by),
                None => Cow::Owned(accepting(selectors, key, current.map(String::as_str))),
            };
            let noticed = accepted.iter().filter(|(_, by)| **by != *before);
            changes.extend(noticed.map(|(value, by)| (LabelChange { side, key: (*key).to_owned(), value: value.clone() }, by.as_slice())));
        }
        changes
    }
}

/// Returns which of some selectors accept a value of a key.
fn accepting(selectors: &[&Selector], key: &str, value: Option<&str>) -> Vec<bool> {
    selectors.iter().map(|selector| selector.accepts(key, value)).collect()
}

/// Returns the smallest changes of labels with which the wish is met, of those that `rank` puts first. `rank` returns `None`
/// for a change that must not be proposed. Every change was evaluated. `None` if no change of up to two labels opens the ports.
/// `noticed` is that of the policies.
pub fn opening(
    policies: &[NamedPolicy],
    noticed: &Noticed<'_>,
    wish: Wish<'_>,
    rank: impl Fn(&LabelChange) -> Option<usize>,
) -> Option<Vec<LabelChange>> {
    let mut changes: Vec<(usize, LabelChange, &[bool])> = Vec::new();
    for (side, end) in [(SideOf::Source, wish.from), (SideOf::Destination, wish.to)] {
        let End::Pods(pods) = end else { continue };
        // The labels of one endpoint are changed once.
        if wish.itself && side == SideOf::Destination {
            continue;
        }
        let ranked = |(change, by): (LabelChange, _)| Some((rank(&change)?, change, by));
        changes.extend(noticed.candidates(side, pods).into_iter().filter_map(ranked));
    }
    changes.sort();
    let mut seen = BTreeSet::new();
    changes.retain(|(_, change, by)| seen.insert((change.side, change.key.clone(), *by)));
    let changes: Vec<LabelChange> = changes.into_iter().map(|(_, change, _)| change).collect();
    // Most tries share an end with others, so the policies of each end are looked for once.
    let base = (Part::new(Cow::Borrowed(wish.from), Direction::Egress), Part::new(Cow::Borrowed(wish.to), Direction::Ingress));
    let after = |chosen: &[&LabelChange]| {
        let (from, to) = ends(wish, chosen);
        let part = |end, direction| matches!(end, Cow::Owned(_)).then(|| Part::new(end, direction));
        (part(from, Direction::Egress), part(to, Direction::Ingress))
    };
    let singles: Vec<_> = changes.iter().map(|change| after(&[change])).collect();
    let mut tried = 0;
    let mut opens = |from: Option<&Part<'_>>, to: Option<&Part<'_>>| {
        tried += 1;
        tried <= MAX_TRIED && is_open(policies, from.unwrap_or(&base.0), to.unwrap_or(&base.1), wish.ports)
    };
    for (change, (from, to)) in changes.iter().zip(&singles) {
        if opens(from.as_ref(), to.as_ref()) {
            return Some(vec![change.clone()]);
        }
    }
    for (place, (first, one)) in changes.iter().zip(&singles).enumerate() {
        for (second, other) in changes.iter().zip(&singles).take(place) {
            let is_open = if first.side != second.side {
                let (source, destination) = if first.side == SideOf::Source { (one, other) } else { (other, one) };
                opens(source.0.as_ref(), destination.1.as_ref())
            } else if first.key != second.key {
                let (from, to) = after(&[second, first]);
                opens(from.as_ref(), to.as_ref())
            } else {
                false
            };
            if is_open {
                return Some(vec![second.clone(), first.clone()]);
            }
        }
    }
    None
}

/// Returns the connection after a change of labels.
pub fn changed(policies: &[NamedPolicy], wish: Wish<'_>, changes: &[&LabelChange]) -> Connection {
    let (from, to) = ends(wish, changes);
    connection(policies, &from, &to, wish.itself)
}

/// Returns both ends after a change of labels.
fn ends<'w>(wish: Wish<'w>, changes: &[&LabelChange]) -> (Cow<'w, End>, Cow<'w, End>) {
    let with = |end: &'w End, side: SideOf| {
        let is_here = |change: &&&LabelChange| change.side == side || wish.itself;
        let End::Pods(pods) = end else { return Cow::Borrowed(end) };
        if !changes.iter().any(|change| is_here(&change)) {
            return Cow::Borrowed(end);
        }
        let mut pods = pods.clone();
        for change in changes.iter().filter(is_here) {
            match &change.value {
                Some(value) => pods.labels.insert(change.key.clone(), value.clone()),
                None => pods.labels.remove(&change.key),
            };
        }
        Cow::Owned(End::Pods(pods))
    };
    (with(wish.from, SideOf::Source), with(wish.to, SideOf::Destination))
}
