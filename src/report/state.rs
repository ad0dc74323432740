//! The summary at the top of the page.

use maud::{Markup, html};

use super::drift::{Compared, Drift, drift};
use super::findings;
use super::model::Model;
use super::text::{Text, count};

pub(super) fn state(model: &Model<'_>) -> Markup {
    let input = model.input;
    let open = model.open().count();
    let depends = model.open().filter(|(.., flow)| !flow.depends.is_empty()).count();
    html! {
        section aria-labelledby="state" {
            h2 id="state" { "State" }
            dl {
                dt { "Evaluated" }
                dd { (Text(input.about)) }
                dt { "Canon" }
                dd { (Text(&input.canons.source)) br; code.hash { (input.canons.hash) } }
                dt { "Time" }
                dd { (Text(input.time)) }
                dt { "Size" }
                dd { (count(input.policies.len(), "policy")) ", " (count(input.endpoints.len(), "endpoint")) ", " (count(open, "open connection")) }
                dt { "Drift" }
                @if let Some(live) = input.live {
                    dd { (live.state_of("policies")) }
                    dt { "Cluster" }
                    dd { a href="#cluster" { (count(live.number(), "finding")) } }
                } @else {
                    dd { (drifted(&drift(input))) }
                }
                dt { "Findings" }
                dd { (findings::summary(model)) }
                dt { "Not evaluated" }
                dd {
                    ul {
                        @if input.is_canon { li { "whether a cluster has these policies: " code { "netpol check" } " compares them" } }
                        @if depends > 0 { li { (count(depends, "connection")) " with ports that depend on what netpol does not know, marked “?”" } }
                        @for sentence in input.not_evaluated { li { (Text(sentence)) } }
                        li { "policies of other APIs, service meshes and firewalls, which can allow or deny more" }
                    }
                }
            }
        }
    }
}

fn drifted(drift: &Drift) -> Markup {
    match drift {
        Drift::IsCanon => html! { "none: these are the policies of the canon" },
        Drift::NotCompared(why) => html! { "not evaluated: " (Text(why)) },
        Drift::Compared(compared) => html! {
            @if compared.is_clean() { b.yes { "none" } } @else { b.no { "drift" } }
            ": " (count(compared.same, "policy")) " as in the canon"
            (differences(compared))
        },
    }
}

fn differences(compared: &Compared) -> Markup {
    let list = |names: &[String]| names.join(", ");
    html! {
        @if !compared.is_clean() {
            ul {
                @for (name, sentence) in compared.drifted.iter().chain(&compared.wider) { li { b { (Text(name)) } " " (Text(sentence)) } }
                @if !compared.missing.is_empty() { li { "missing: " (Text(&list(&compared.missing))) } }
                @if !compared.not_proven.is_empty() {
                    li { "not evaluated, because the comparison takes too many steps: " (Text(&list(&compared.not_proven))) }
                }
            }
        }
    }
}
