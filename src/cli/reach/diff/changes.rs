//! The connections that two sides allow differently.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::args::By;
use super::super::port::Port;
use super::super::report::Open;
use super::super::source::World;
use super::sides::Sides;
use crate::analysis::{Classes, End, Endpoint, Flow, Reach, Reader, by_key};

const SCHEMA: &str = "netpol.abcdesktop.io/reach-diff/v1";

/// How a connection changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Added,
    Removed,
    Changed,
}

/// A connection that one side allows otherwise than the other.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) from: Name,
    pub(super) to: Name,
    pub(super) before: Flow,
    pub(super) after: Flow,
}

/// The name of an end.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) id: String,
    pub(super) title: String,
}

/// All changes, by their kinds.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) names: [String; 2],
    pub(super) all: Vec<Change>,
    left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'c> {
    schema: &'static str,
    added: Vec<Listed<'c>>,
    removed: Vec<Listed<'c>>,
    changed: Vec<Listed<'c>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'c [String],
}

#[derive(Debug, Serialize)]
struct Listed<'c> {
    from: &'c str,
    to: &'c str,
    before: Vec<Open>,
    after: Vec<Open>,
}

/// The endpoints of both sides, at the same indexes. `exists` tells where an endpoint is one.
struct Pair {
    ends: [Vec<Endpoint>; 2],
    exists: [Vec<bool>; 2],
    names: Vec<Name>,
}

impl Changes {
    /// Compares both sides. `ends` are the sources and the destinations; `None` means all.
    pub(super) fn new(
        sides: &Sides,
        all: &World,
        (from, to): (Option<&[Endpoint]>, Option<&[Endpoint]>),
        (port, by): (Option<&Port>, By),
    ) -> Changes {
        let named: BTreeSet<&str> = from.iter().chain(&to).copied().flatten().map(|endpoint| endpoint.id.as_str()).collect();
        let mut known = all.endpoints.clone();
        for endpoint in from.iter().chain(&to).copied().flatten() {
            if known.iter().all(|known| known.id != endpoint.id) {
                known.push(endpoint.clone());
            }
        }
        let pair = Pair::new(sides, all, &known, |endpoint| by == By::Pod || named.contains(endpoint.id.as_str()));
        let [before, after] = [0, 1].map(|side| {
            let policies = sides.worlds.get(side).map(|world| world.policies.as_slice()).unwrap_or_default();
            (policies, pair.ends.get(side).map(Vec::as_slice).unwrap_or_default())
        });
        let reach = [Reach::new(before.0, before.1), Reach::new(after.0, after.1)];
        let is_end = |given: Option<&[Endpoint]>, index: usize| {
            let id = pair.names.get(index).map(|name| name.id.as_str());
            given.is_none_or(|given| given.iter().any(|endpoint| Some(endpoint.id.as_str()) == id))
        };
        let indexes = |given| (0..pair.names.len()).filter(|index| is_end(given, *index)).collect::<Vec<_>>();
        let (sources, targets) = (indexes(from), indexes(to));
        let mut changes = Vec::new();
        for (from, to) in sources.iter().flat_map(|from| targets.iter().map(|to| (*from, *to))) {
            let [before, after] = [0, 1].map(|side| pair.flow(&reach, side, (from, to), port));
            if before.allowed == after.allowed && before.depends == after.depends {
                continue;
            }
            let kind = match (before.is_empty(), after.is_empty()) {
                (true, _) => Kind::Added,
                (_, true) => Kind::Removed,
                _ => Kind::Changed,
            };
            if let (Some(from), Some(to)) = (pair.names.get(from).cloned(), pair.names.get(to).cloned()) {
                changes.push(Change { kind, from, to, before, after });
            }
        }
        changes.sort_by_key(|change| change.kind);
        let left_out = sides.worlds.iter().flat_map(World::all_left_out).collect();
        Changes { names: sides.names.clone(), all: changes, left_out }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the changes of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.all.iter().filter(move |change| change.kind == kind)
    }

    /// Returns the form of `--output json`.
    pub(super) fn report(&self) -> Report<'_> {
        let listed = |kind| {
            let of = |change| {
                let Change { from, to, before, after, .. }: &Change = change;
                Listed { from: &from.id, to: &to.id, before: Open::of(before), after: Open::of(after) }
            };
            self.of(kind).map(of).collect()
        };
        let (added, removed, changed) = (listed(Kind::Added), listed(Kind::Removed), listed(Kind::Changed));
        Report { schema: SCHEMA, added, removed, changed, left_out: &self.left_out }
    }
}

impl Pair {
    /// Joins the endpoints of both sides. Pods that neither side tells apart are one, unless `is_own` returns true.
    fn new(sides: &Sides, all: &World, known: &[Endpoint], is_own: impl Fn(&Endpoint) -> bool) -> Pair {
        let of_side = sides
            .worlds
            .each_ref()
            .map(|world| world.endpoints.iter().map(|endpoint| (endpoint.id.as_str(), endpoint)).collect::<BTreeMap<&str, &Endpoint>>());
        // An endpoint that an argument describes is on both sides.
        let is_given = |id: &str| of_side.iter().all(|of| !of.contains_key(id));
        let find = |side: usize, endpoint: &Endpoint| of_side.get(side).and_then(|of| of.get(endpoint.id.as_str())).copied();
        let reader = Reader::new(&all.policies);
        let Classes { endpoints, pods } = by_key(known, |endpoint| {
            let read = |side| {
                find(side, endpoint).map(|found| match reader.read(&found.end) {
                    End::Pods(pods) => Some(pods),
                    End::Addresses(_) => None,
                })
            };
            (!is_own(endpoint)).then(|| (read(0), read(1)))
        });
        let mut pair = Pair { ends: [Vec::new(), Vec::new()], exists: [Vec::new(), Vec::new()], names: Vec::new() };
        for endpoint in endpoints {
            let more = pods.get(&endpoint.id).map_or(0, |names| names.len().saturating_sub(1));
            let words = endpoint.title();
            let title = if more == 0 { words } else { format!("{words} (+{more})") };
            for (side, (ends, exists)) in pair.ends.iter_mut().zip(&mut pair.exists).enumerate() {
                let found = find(side, &endpoint);
                exists.push(found.is_some() || is_given(&endpoint.id));
                let mut end = found.cloned().unwrap_or_else(|| endpoint.clone());
                if let (End::Pods(pods), true) = (&mut end.end, more > 0) {
                    pods.single = false;
                }
                end.outside = end.outside || (all.is_elsewhere(&end) && !is_own(&end));
                ends.push(end);
            }
            pair.names.push(Name { id: endpoint.id, title });
        }
        pair
    }

    fn flow(&self, reach: &[Reach<'_>; 2], side: usize, (from, to): (usize, usize), port: Option<&Port>) -> Flow {
        let exists = |index: usize| self.exists.get(side).and_then(|exists| exists.get(index)).is_some_and(|exists| *exists);
        if !exists(from) || !exists(to) {
            return Flow::none();
        }
        let flow = reach.get(side).map_or_else(Flow::none, |reach| reach.flow(from, to));
        port.map_or_else(|| flow.clone(), |port| flow.of(&port.set))
    }
}
