//! The endpoints as the page shows them, and the connections between them.

use super::input::Input;
use super::text::shortened;
use crate::analysis::{Endpoint, Flow, PortSet, Reach};
use crate::policy::Direction;

/// The most groups that the matrix shows; 40 columns still fit on a wide screen.
pub(super) const MOST_IN_MATRIX: usize = 40;

/// The most characters of the title of a column.
pub(super) const SHORT_TITLE: usize = 48;

/// An endpoint, which can be several pods that policies cannot tell apart.
#[derive(Debug)]
pub(super) struct Group<'i> {
    /// The endpoint.
    pub(super) endpoint: &'i Endpoint,
    /// Its name, with the number of other pods.
    pub(super) title: String,
    /// The names of its pods, if it is several.
    pub(super) pods: &'i [String],
    /// The policies that isolate them in each direction, as indexes.
    pub(super) egress: Vec<usize>,
    pub(super) ingress: Vec<usize>,
}

/// The endpoints, those inside first, and the connections between them.
#[derive(Debug)]
pub(super) struct Model<'i> {
    pub(super) input: &'i Input<'i>,
    pub(super) groups: Vec<Group<'i>>,
    flows: Vec<Vec<Flow>>,
}

impl<'i> Model<'i> {
    pub(super) fn new(input: &'i Input<'i>) -> Model<'i> {
        let reach = Reach::new(input.policies, input.endpoints);
        let mut indexes: Vec<usize> = (0..input.endpoints.len()).collect();
        // What is inside comes first.
        indexes.sort_by_key(|index| input.endpoints.get(*index).is_some_and(|endpoint| endpoint.outside));
        let groups = indexes.iter().filter_map(|index| group(input, &reach, *index)).collect();
        let flows = indexes.iter().map(|from| indexes.iter().map(|to| reach.flow(*from, *to)).collect()).collect();
        Model { input, groups, flows }
    }

    /// Returns the groups that a policy isolates.
    pub(super) fn isolated_by(&self, policy: usize) -> impl Iterator<Item = &Group<'i>> {
        self.groups.iter().filter(move |group| group.egress.contains(&policy) || group.ingress.contains(&policy))
    }

    /// Returns the policies that are shown, as indexes: those of the namespaces that are shown whole, and others that isolate a group.
    pub(super) fn shown_policies(&self) -> impl Iterator<Item = usize> {
        let is_whole = |home: &str| self.input.whole.is_none_or(|whole| whole.contains(home));
        let policies = self.input.policies.iter().enumerate();
        policies
            .filter(move |(index, named)| is_whole(&named.policy.home) || self.isolated_by(*index).next().is_some())
            .map(|(index, _)| index)
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

fn group<'i>(input: &'i Input<'i>, reach: &Reach<'_>, index: usize) -> Option<Group<'i>> {
    let endpoint = input.endpoints.get(index)?;
    let pods = input.pods.get(&endpoint.id).map(Vec::as_slice).unwrap_or_default();
    let title = match pods.len().saturating_sub(1) {
        0 => endpoint.title(),
        others => format!("{} (and {others} more)", endpoint.title()),
    };
    let [egress, ingress] = [Direction::Egress, Direction::Ingress].map(|direction| reach.isolated_by(index, direction));
    Some(Group { endpoint, title, pods, egress, ingress })
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
