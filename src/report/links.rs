//! Anchors, and links to what they name.

use maud::{Markup, html};

use super::model::Model;
use super::text::Text;

/// Returns the anchor of what is said about a group.
pub(super) fn of_group(group: usize) -> String {
    format!("e{group}")
}

/// Returns the anchor of a policy, by its index.
pub(super) fn of_policy(policy: usize) -> String {
    format!("p{policy}")
}

/// Returns the anchor of a finding, by its index.
pub(super) fn of_finding(finding: usize) -> String {
    format!("f{finding}")
}

/// Returns the name of a policy, by its index.
pub(super) fn name<'m>(model: &'m Model<'_>, policy: usize) -> &'m str {
    model.input.policies.get(policy).map_or("", |named| named.name.as_str())
}

/// Returns the names of policies, given by their indexes, as links.
pub(super) fn policies(model: &Model<'_>, policies: &[usize]) -> Markup {
    html! {
        @if policies.is_empty() { "no policy" }
        @for (position, index) in policies.iter().enumerate() {
            @if position > 0 { ", " }
            a href={ "#" (of_policy(*index)) } { bdi { (Text(name(model, *index))) } }
        }
    }
}
