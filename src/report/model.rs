//! The endpoints in groups, and the connections between them.

use std::collections::BTreeMap;

use super::input::Input;
use super::text::shortened;
use crate::analysis::{Endpoint, Flow, PortSet, Reach};
use crate::policy::Direction;

/// The most groups that the matrix shows; 40 columns still fit on a wide screen.
pub(super) const MOST_IN_MATRIX: usize = 40;

/// The most characters of the title of a column.
pub(super) const SHORT_TITLE: usize = 48;

/// Endpoints that policies cannot tell apart, or one endpoint.
#[derive(Debug)]
pub(super) struct Group<'i> {
    /// The first endpoint.
    pub(super) endpoint: &'i Endpoint,
    /// Its name, with the number of others.
    pub(super) title: String,
    /// The indexes of all endpoints; never empty.
    pub(super) members: Vec<usize>,
    /// The policies that isolate them in each direction, as indexes.
    pub(super) egress: Vec<usize>,
    pub(super) ingress: Vec<usize>,
}

/// The endpoints in groups, and the connections between them.
#[derive(Debug)]
pub(super) struct Model<'i> {
    pub(super) input: &'i Input<'i>,
    pub(super) groups: Vec<Group<'i>>,
    flows: Vec<Vec<Flow>>,
}

impl<'i> Model<'i> {
    pub(super) fn new(input: &'i Input<'i>) -> Model<'i> {
        let reach = Reach::new(input.policies, input.endpoints);
        let groups = groups(input, &reach);
        let flow = |from: &Group<'_>, to: &Group<'_>| {
            let first = |group: &Group<'_>| group.members.first().copied().unwrap_or_default();
            // The connection of a group with itself is one between two of its pods, if it has two.
            let other = if std::ptr::eq(from, to) { to.members.get(1).copied() } else { None };
            reach.flow(first(from), other.unwrap_or_else(|| first(to)))
        };
        let flows = groups.iter().map(|from| groups.iter().map(|to| flow(from, to)).collect()).collect();
        Model { input, groups, flows }
    }

    /// Returns the ports that are open from one group to another, by their indexes.
    pub(super) fn flow(&self, from: usize, to: usize) -> Option<&Flow> {
        self.flows.get(from)?.get(to)
    }

    /// Returns every connection that is or may be open, with the indexes of its groups.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, usize, &Flow)> {
        let rows = self.flows.iter().enumerate();
        rows.flat_map(|(from, row)| row.iter().enumerate().map(move |(to, flow)| (from, to, flow))).filter(|(.., flow)| !flow.is_empty())
    }

    /// Returns whether the connection of a pair is known: at least one end is not outside.
    pub(super) fn is_considered(&self, from: usize, to: usize) -> bool {
        !(self.is_outside(from) && self.is_outside(to))
    }

    /// Returns whether policies that are not known may apply to a group.
    pub(super) fn is_outside(&self, group: usize) -> bool {
        self.groups.get(group).is_none_or(|group| group.endpoint.outside)
    }

    /// Returns whether there are few enough groups for a matrix.
    pub(super) fn has_matrix(&self) -> bool {
        self.groups.len() <= MOST_IN_MATRIX
    }

    /// Returns the name of a group.
    pub(super) fn title(&self, group: usize) -> &str {
        self.groups.get(group).map_or("", |group| group.title.as_str())
    }

    /// Returns the name of a group for a narrow place.
    pub(super) fn short_title(&self, group: usize) -> String {
        shortened(self.title(group), SHORT_TITLE)
    }
}

/// Returns the endpoints in groups, in their order. Objects that policies cannot tell apart are one group; the endpoints of a canon
/// each have a name that says something.
fn groups<'i>(input: &'i Input<'i>, reach: &Reach<'_>) -> Vec<Group<'i>> {
    let mut groups: Vec<Group<'i>> = Vec::new();
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, endpoint) in input.endpoints.iter().enumerate() {
        let class = if endpoint.object.is_some() { reach.class(index) } else { None };
        let group = class.map_or(groups.len(), |class| *known.entry(class).or_insert(groups.len()));
        match groups.get_mut(group) {
            Some(group) => group.members.push(index),
            None => groups.push(Group {
                endpoint,
                title: endpoint.title(),
                members: vec![index],
                egress: reach.isolated_by(index, Direction::Egress),
                ingress: reach.isolated_by(index, Direction::Ingress),
            }),
        }
    }
    // What is inside comes first.
    groups.sort_by_key(|group| group.endpoint.outside);
    for group in groups.iter_mut().filter(|group| group.members.len() > 1) {
        group.title = format!("{} (and {} more)", group.title, group.members.len() - 1);
    }
    groups
}

/// Returns up to `most` ports for a narrow place: `80 443`, `53/udp`, `88 389 443 +8`, `all`, with a `?` if there are ports that
/// depend.
pub(super) fn short(flow: &Flow, most: usize) -> String {
    let mark = match (flow.allowed.is_empty(), flow.depends.is_empty()) {
        (_, true) => "",
        (true, false) => "?",
        (false, false) => " +?",
    };
    if flow.allowed.is_empty() {
        return format!("{}{mark}", short_ports(&flow.depends, most));
    }
    format!("{}{mark}", short_ports(&flow.allowed, most))
}

fn short_ports(ports: &PortSet, most: usize) -> String {
    if PortSet::every().is_subset(ports) {
        return "all".to_owned();
    }
    let numbers = |(protocol, numbers): (&'static str, Vec<String>)| {
        let end = if protocol == "TCP" { String::new() } else { format!("/{}", protocol.to_lowercase()) };
        numbers.into_iter().map(move |number| format!("{number}{end}")).collect::<Vec<_>>()
    };
    let listed: Vec<String> = ports.by_protocol().flat_map(numbers).collect();
    let more = listed.len().saturating_sub(most);
    let shown = listed.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(" ");
    if more > 0 { format!("{shown} +{more}") } else { shown }
}

/// Returns all ports in words: `TCP 80; depends: UDP 53`.
pub(super) fn in_words(flow: &Flow) -> String {
    match (flow.allowed.is_empty(), flow.depends.is_empty()) {
        (true, true) => "no port".to_owned(),
        (false, true) => flow.allowed.to_string(),
        (true, false) => format!("depends: {}", flow.depends),
        (false, false) => format!("{}; depends: {}", flow.allowed, flow.depends),
    }
}
