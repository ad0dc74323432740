//! The names that are most like one that is not known.

use crate::cli::manifests::display::printable;

/// The most names in a message.
pub(super) const MAX_NAMES: usize = 5;

/// The least likeness of a name that is proposed.
const LIKE: f64 = 0.75;

/// Returns the end of a message: the ids that are most like a text, or the first ones. `known` are ids and names; `what` they are.
pub(super) fn nearest(text: &str, known: &[(&str, &str)], what: &str) -> String {
    let likeness = |(id, name): &(&str, &str)| strsim::jaro_winkler(text, name).max(strsim::jaro_winkler(text, id));
    let mut near: Vec<(f64, &str)> = known.iter().map(|it| (likeness(it), it.0)).filter(|(likeness, _)| *likeness > LIKE).collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    let names = |ids: &mut dyn Iterator<Item = &str>| ids.take(MAX_NAMES).map(printable).collect::<Vec<_>>().join(", ");
    if !near.is_empty() {
        return format!("; did you mean {}?", names(&mut near.into_iter().map(|(_, id)| id)));
    }
    let more = known.len().saturating_sub(MAX_NAMES);
    let more = match more {
        0 => String::new(),
        more if what == "endpoints" => format!(" and {more} more (netpol reach lists them)"),
        more => format!(" and {more} more"),
    };
    format!("; the {what} are {}{more}", names(&mut known.iter().map(|(id, _)| *id)))
}
