//! One section for each endpoint: what it is, what it reaches and what reaches it, and why.

use maud::{Markup, html};

use super::findings;
use super::links::{self, of_group};
use super::model::{Group, Model, in_words};
use super::reasons::{Entry, Reasons, Way, Why};
use super::text::{Text, count};
use crate::analysis::{End, Verdict};
use crate::canon::CAPABILITY_PREFIX;

/// The most names that one line lists.
const MOST_NAMES: usize = 40;

pub(super) fn sections(model: &Model<'_>, reasons: &Reasons) -> Markup {
    let is_inside = |group: &usize| !model.is_outside(*group);
    let groups = || 0..model.groups.len();
    html! {
        section aria-labelledby="endpoints" {
            h2 id="endpoints" { "Endpoints" }
            p.hint {
                "Each entry has the sentences of " code { "netpol explain" }
                ": the rules of both ends decide, and a connection is open if both allow it. “it” is each of the endpoints at the start of the line."
                @if reasons.is_partial { " There are too many connections to explain each." }
            }
            @for group in groups().filter(is_inside) { (inside(model, reasons, group)) }
            @if groups().any(|group| !is_inside(&group)) {
                h3 id="outside" { "Outside" }
                p.hint {
                    "Policies that are not known may apply to these endpoints, or their namespace is not shown whole, so connections between them are "
                    "not considered."
                }
                ul.outside {
                    @for group in groups().filter(|group| !is_inside(group)) {
                        li id=(of_group(group)) { b { bdi { (Text(model.title(group))) } } " — " (kind(model, group)) ". " (reached(model, group)) }
                    }
                }
            }
        }
    }
}

fn inside(model: &Model<'_>, reasons: &Reasons, group: usize) -> Markup {
    let Some(found) = model.groups.get(group) else { return html! {} };
    let entries = reasons.of_group(group);
    let of = |way: Way, is_denied: bool| -> Vec<&Entry> {
        entries.iter().filter(|entry| entry.way == way && (entry.verdict == Verdict::Denied) == is_denied).collect()
    };
    let callers: Vec<(usize, String)> = model
        .open()
        .filter(|(from, to, _)| *to == group && !model.is_outside(*from))
        .map(|(from, _, flow)| (from, in_words(flow)))
        .collect();
    html! {
        article aria-labelledby=(of_group(group)) {
            h3 id=(of_group(group)) { bdi { (Text(&found.title)) } }
            dl {
                dt { "Kind" }
                dd { (kind(model, group)) }
                (labels(model, found))
                @if !found.pods.is_empty() {
                    dt { "Pods" }
                    dd { (names(found.pods.iter().cloned())) }
                }
                dt { "Isolated by" }
                dd { "egress: " (links::policies(model, &found.egress)) "; ingress: " (links::policies(model, &found.ingress)) }
                (findings::about_endpoint(model, found))
            }
            (table(model, &found.title, Way::To, &of(Way::To, false)))
            (denied(model, &found.title, Way::To, &of(Way::To, true)))
            (table(model, &found.title, Way::From, &of(Way::From, false)))
            (denied(model, &found.title, Way::From, &of(Way::From, true)))
            p {
                "Reached from inside by: "
                @if callers.is_empty() { "nothing" }
                @for (index, (from, ports)) in callers.iter().take(MOST_NAMES).enumerate() {
                    @if index > 0 { "; " }
                    (to_pair(model, reasons, (*from, group))) " on " (Text(ports))
                }
                @if callers.len() > MOST_NAMES { " and " (callers.len() - MOST_NAMES) " more" }
                "."
            }
        }
    }
}

/// Returns a table of entries, or a sentence if there is none.
fn table(model: &Model<'_>, title: &str, way: Way, entries: &[&Entry]) -> Markup {
    let (before, after, column) = match way {
        Way::To => ("", " reaches", "to"),
        Way::From => ("From outside, ", " is reached by", "from"),
    };
    html! {
        @if entries.is_empty() {
            p { (before) bdi { (Text(title)) } (after) " nothing." }
        } @else {
            table.why role="table" {
                caption { (before) bdi { (Text(title)) } (after) }
                (rows(model, column, entries))
            }
        }
    }
}

/// Returns a table of denied entries, which opens when a link leads into it.
fn denied(model: &Model<'_>, title: &str, way: Way, entries: &[&Entry]) -> Markup {
    let (before, after, column) = match way {
        Way::To => ("", " is denied", "to"),
        Way::From => ("From outside, ", " is denied to", "from"),
    };
    let number: usize = entries.iter().map(|entry| entry.others.len()).sum();
    html! {
        @if number > 0 {
            details {
                summary { (before) bdi { (Text(title)) } (after) " " (count(number, "endpoint")) }
                table.why role="table" { (rows(model, column, entries)) }
            }
        }
    }
}

/// Returns the rows of a table of entries. On a narrow screen they are blocks, so they have explicit roles.
fn rows(model: &Model<'_>, column: &str, entries: &[&Entry]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" { @for title in [column, "ports", "why"] { th scope="col" role="columnheader" { (title) } } }
        }
        tbody role="rowgroup" { @for entry in entries { (line(model, entry)) } }
    }
}

/// Returns the name of the source of a pair, as a link to the explanation of the pair.
fn to_pair(model: &Model<'_>, reasons: &Reasons, (from, to): (usize, usize)) -> Markup {
    let target = reasons.of_pair(from, to).map(|number| format!("#w{number}"));
    html! { a href=[target] { bdi { (Text(model.title(from))) } } }
}

fn line(model: &Model<'_>, entry: &Entry) -> Markup {
    let (word, class) = match entry.verdict {
        Verdict::Allowed => ("allowed", "yes"),
        Verdict::Depends => ("depends", "may"),
        Verdict::Denied => ("denied", "no"),
    };
    html! {
        tr id={ "w" (entry.number) } role="row" tabindex="-1" {
            th scope="row" role="rowheader" { (names(entry.others.iter().map(|other| model.title(*other).to_owned()))) }
            td role="cell" { b class=(class) { (word) } @if entry.verdict != Verdict::Denied { br; (Text(&entry.ports)) } }
            td role="cell" { @if let Some(why) = &entry.why { (sentences(why)) } @else { "not explained here" } }
        }
    }
}

fn sentences(why: &Why) -> Markup {
    html! {
        p { b { "egress " } (Text(&why.egress)) }
        p { b { "ingress " } (Text(&why.ingress)) }
        @for note in &why.notes { p { (Text(note)) } }
        @if let Some(change) = &why.to_allow { p { b { "to allow " } (Text(change)) } }
    }
}

/// Returns the kind of a group in words.
fn kind(model: &Model<'_>, group: usize) -> Markup {
    let Some(found) = model.groups.get(group) else { return html! {} };
    let words = match found.endpoint.kind.as_str() {
        "Identity" => "identity: pods with the labels that a grant selects, and those that it gives",
        "Labels" => "pods with labels that a policy selects, which no grant makes",
        "AnyPod" => "a pod of the namespace without labels",
        "OtherNamespaces" => "a pod without labels of another namespace",
        "Addresses" => "addresses that are not those of pods",
        other => other,
    };
    html! { (Text(words)) }
}

/// Returns the selector of the grant that makes an identity, and the capability labels. Other labels can hold secrets.
fn labels(model: &Model<'_>, group: &Group<'_>) -> Markup {
    let End::Pods(pods) = &group.endpoint.end else { return html! {} };
    let name = group.endpoint.id.split('[').next().unwrap_or_default();
    let is_identity = group.endpoint.kind == "Identity";
    let grant = model.input.canons.first().grants.iter().find(|grant| is_identity && grant.name == name);
    let capabilities: Vec<String> =
        pods.labels.iter().filter(|(key, _)| key.starts_with(CAPABILITY_PREFIX)).map(|(key, value)| format!("{key}={value}")).collect();
    html! {
        @if let Some(grant) = grant {
            dt { "Selected by" }
            dd { code { (Text(&grant.selects)) } }
        }
        dt { "Capability labels" }
        dd { @if capabilities.is_empty() { "none" } @else { code { (Text(&capabilities.join(" "))) } } }
    }
}

/// Returns how many endpoints inside a group outside reaches, and how many reach it.
fn reached(model: &Model<'_>, group: usize) -> Markup {
    let reaches = model.open().filter(|(from, ..)| *from == group).count();
    let callers = model.open().filter(|(_, to, _)| *to == group).count();
    html! { "Reaches " (count(reaches, "endpoint")) " and is reached by " (callers) "." }
}

/// Returns names, separated by commas.
fn names(names: impl Iterator<Item = String>) -> Markup {
    let names: Vec<String> = names.collect();
    html! {
        @for (index, name) in names.iter().take(MOST_NAMES).enumerate() {
            @if index > 0 { ", " }
            bdi { (Text(name)) }
        }
        @if names.len() > MOST_NAMES { " and " (names.len() - MOST_NAMES) " more" }
    }
}
