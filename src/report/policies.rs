//! The policies as YAML, with marks at the rules that findings are about.

use maud::{Markup, html};

use super::findings;
use super::links::{name, of_policy};
use super::model::Model;
use super::text::{Text, count};
use crate::analysis::lint::Finding;
use crate::documents::reading;
use crate::policy::Direction;

pub(super) fn policies(model: &Model<'_>) -> Markup {
    html! {
        section aria-labelledby="policies" {
            h2 id="policies" { "Policies" }
            @if model.input.policies.is_empty() { p { "There is no NetworkPolicy, so every connection is allowed." } }
            @let others = model.input.policies.len() - model.shown_policies().count();
            @if others > 0 { p.hint { (count(others, "policy")) " of other namespaces, which isolate no endpoint of this page: not listed." } }
            div.texts { @for index in model.shown_policies() { (policy(model, index)) } }
        }
    }
}

fn policy(model: &Model<'_>, index: usize) -> Markup {
    let isolated: Vec<&str> = model.isolated_by(index).map(|group| group.title.as_str()).collect();
    let home = model.input.policies.get(index).map_or("", |named| &*named.policy.home);
    html! {
        article aria-labelledby=(of_policy(index)) {
            h3 id=(of_policy(index)) tabindex="-1" { bdi { (Text(name(model, index))) } @if home != model.input.namespace { " " small { (Text(home)) } } }
            (findings::about_policy(model, index))
            p.hint { "Isolates: " @if isolated.is_empty() { "no endpoint of this page" } @else { (Text(&isolated.join(", "))) } "." }
            (yaml(model, index))
        }
    }
}

fn yaml(model: &Model<'_>, index: usize) -> Markup {
    let Some(manifest) = model.input.manifests.get(index).filter(|manifest| !manifest.is_null()) else {
        return html! { p { "Its text is not shown." } };
    };
    let text = match reading::write(manifest) {
        Ok(text) => text,
        Err(error) => return html! { p { "It cannot be shown: " (Text(&error.to_string())) } },
    };
    let starts = rule_lines(&text);
    let found = |line: usize| -> Vec<(usize, &Finding)> {
        let Some((_, direction, rule)) = starts.iter().find(|(start, ..)| *start == line) else { return Vec::new() };
        let is_here = |finding: &Finding| finding.place.direction == Some(*direction) && finding.place.rule == Some(*rule);
        findings::of_policy(model, index).filter(|(_, finding)| is_here(finding)).collect()
    };
    html! {
        pre tabindex="0" role="region" aria-label={ "YAML of " (Text(name(model, index)).plain()) } {
            code {
                @for (number, line) in text.lines().enumerate() {
                    @let found = found(number);
                    @if found.is_empty() { (Text(line)) } @else { span.marked { (Text(line)) } (findings::margin(&found)) }
                    "\n"
                }
            }
        }
    }
}

/// Returns the line of each rule, from 0, with its direction and its number, from 1. The text is that of
/// [`reading::write`]: keys of `spec` have an indentation of two blanks, and so have the items of their lists.
pub(super) fn rule_lines(text: &str) -> Vec<(usize, Direction, usize)> {
    let mut found = Vec::new();
    let (mut is_spec, mut current) = (false, None);
    for (number, line) in text.lines().enumerate() {
        if !line.starts_with(' ') {
            is_spec = line == "spec:";
            current = None;
        } else if line.strip_prefix("  ").is_some_and(|rest| !rest.starts_with([' ', '-'])) {
            current = match line.trim() {
                "ingress:" if is_spec => Some((Direction::Ingress, 0)),
                "egress:" if is_spec => Some((Direction::Egress, 0)),
                _ => None,
            };
        } else if line.starts_with("  - ")
            && let Some((direction, rule)) = &mut current
        {
            *rule += 1;
            found.push((number, *direction, *rule));
        }
    }
    found
}
