//! Why each connection is open or denied. Connections of one endpoint with the same reasons are one entry, so that the page says
//! each thing once.

use std::collections::BTreeMap;

use super::model::{Model, in_words};
use crate::analysis::{Asked, Explanation, Noticed, Verdict, connection};

/// The most connections that are explained. Others are listed with their ports.
const MOST_EXPLAINED: usize = 2_000;

/// The name of the other end while its entry may still have several: no name has this character.
const OTHER: &str = "\u{e000}";

/// Which way the connections of an entry go, seen from the endpoint whose section has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// From the endpoint of the section.
    To,
    /// To the endpoint of the section. Only from outside: others have a section of their own.
    From,
}

/// Connections of one endpoint with the same reasons.
#[derive(Debug)]
pub(super) struct Entry {
    /// The number of the entry, unique in the page.
    pub(super) number: usize,
    pub(super) way: Way,
    pub(super) verdict: Verdict,
    /// The groups at the other end.
    pub(super) others: Vec<usize>,
    /// The ports in words.
    pub(super) ports: String,
    /// The reasons; `None` if there are too many connections to explain each.
    pub(super) why: Option<Why>,
}

/// The sentences of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Why {
    pub(super) egress: String,
    pub(super) ingress: String,
    /// Further sentences: no common port, what depends.
    pub(super) notes: Vec<String>,
    /// What would allow it.
    pub(super) to_allow: Option<String>,
}

/// The entries of every section.
#[derive(Debug)]
pub(super) struct Reasons {
    /// The entries by the group whose section has them.
    of_group: BTreeMap<usize, Vec<Entry>>,
    /// The number of the entry of each pair.
    of_pair: BTreeMap<(usize, usize), usize>,
    /// Whether some connections are not explained.
    pub(super) is_partial: bool,
}

impl Reasons {
    pub(super) fn new(model: &Model<'_>) -> Reasons {
        let mut reasons = Reasons { of_group: BTreeMap::new(), of_pair: BTreeMap::new(), is_partial: false };
        let (mut number, mut explained) = (0, 0);
        let noticed = Noticed::by(model.input.policies);
        let insiders = (0..model.groups.len()).filter(|group| !model.is_outside(*group));
        for group in insiders {
            let to = (0..model.groups.len()).map(|other| (Way::To, other));
            let from = (0..model.groups.len()).filter(|other| model.is_outside(*other)).map(|other| (Way::From, other));
            let mut entries: Vec<Entry> = Vec::new();
            let mut known: BTreeMap<(Way, u8, String, Option<Why>), usize> = BTreeMap::new();
            for (way, other) in to.chain(from) {
                let (source, target) = ends(way, group, other);
                let Some(flow) = model.flow(source, target) else { continue };
                // Without a matrix, what is denied has no place that leads to it.
                if flow.is_empty() && !model.has_matrix() {
                    continue;
                }
                explained += 1;
                let why = if explained <= MOST_EXPLAINED { why(model, &noticed, way, group, other) } else { None };
                reasons.is_partial |= why.is_none();
                let verdict = match (flow.allowed.is_empty(), flow.depends.is_empty()) {
                    (false, _) => Verdict::Allowed,
                    (true, false) => Verdict::Depends,
                    (true, true) => Verdict::Denied,
                };
                let rank = match verdict {
                    Verdict::Allowed => 0,
                    Verdict::Depends => 1,
                    Verdict::Denied => 2,
                };
                let ports = in_words(flow);
                let index = *known.entry((way, rank, ports.clone(), why.clone())).or_insert(entries.len());
                match entries.get_mut(index) {
                    Some(entry) => entry.others.push(other),
                    None => entries.push(Entry { number: 0, way, verdict, others: vec![other], ports, why }),
                }
            }
            entries.sort_by_key(|entry| (entry.way, entry.verdict == Verdict::Denied));
            for entry in &mut entries {
                number += 1;
                entry.number = number;
                name_others(model, entry);
                let pairs = entry.others.iter().map(|other| (ends(entry.way, group, *other), number));
                reasons.of_pair.extend(pairs);
            }
            reasons.of_group.insert(group, entries);
        }
        reasons
    }

    /// Returns the entries of the section of a group.
    pub(super) fn of_group(&self, group: usize) -> &[Entry] {
        self.of_group.get(&group).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the number of the entry that explains a connection.
    pub(super) fn of_pair(&self, from: usize, to: usize) -> Option<usize> {
        self.of_pair.get(&(from, to)).copied()
    }
}

fn ends(way: Way, group: usize, other: usize) -> (usize, usize) {
    match way {
        Way::To => (group, other),
        Way::From => (other, group),
    }
}

/// Returns the sentences of `netpol explain` for two groups. The other end is called [`OTHER`].
fn why(model: &Model<'_>, noticed: &Noticed<'_>, way: Way, group: usize, other: usize) -> Option<Why> {
    let (own, peer) = (model.groups.get(group)?, model.groups.get(other)?);
    let (own_name, other_name) = (own.endpoint.title(), OTHER.to_owned());
    let (from, to, names) = match way {
        Way::To => (own.endpoint, peer.endpoint, (own_name, other_name)),
        Way::From => (peer.endpoint, own.endpoint, (other_name, own_name)),
    };
    let itself = group == other;
    let found = connection(model.input.policies, &from.end, &to.end, itself);
    let asked = Asked { from: from.clone(), to: to.clone(), names, port: None, found, note: None };
    // Only the owner of another namespace labels its pods, and addresses have no labels.
    let is_searched = !model.is_outside(group) && !model.is_outside(other);
    let explanation = if is_searched {
        Explanation::among(model.input.policies, noticed, &asked, model.input.canons)
    } else {
        Explanation::without_search(model.input.policies, &asked)
    };
    let common = explanation.is_without_common_port().then(|| "no port is allowed in both directions".to_owned());
    let caveats = explanation.caveats.iter().map(|caveat| format!("depends: {caveat}"));
    Some(Why {
        notes: common.into_iter().chain(caveats).collect(),
        to_allow: explanation.to_allow().filter(|_| is_searched),
        egress: explanation.egress.sentence,
        ingress: explanation.ingress.sentence,
    })
}

/// Calls the other end by its name, or "it" if there are several.
fn name_others(model: &Model<'_>, entry: &mut Entry) {
    let name = match entry.others.as_slice() {
        [only] => model.groups.get(*only).map_or_else(String::new, |group| group.endpoint.title()),
        _ => "it".to_owned(),
    };
    if let Some(why) = &mut entry.why {
        why.egress = why.egress.replace(OTHER, &name);
        why.ingress = why.ingress.replace(OTHER, &name);
    }
}
