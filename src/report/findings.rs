//! The findings, by severity.

use maud::{Markup, html};

use super::links::{self, of_finding};
use super::marks::mark;
use super::model::{Group, Model};
use super::text::{Text, count};
use crate::analysis::lint::{Finding, Severity};

/// The severities, the worst first.
pub(super) const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Info];

pub(super) fn findings(model: &Model<'_>) -> Markup {
    let lint = model.input.lint;
    html! {
        section aria-labelledby="findings" {
            h2 id="findings" { "Findings" }
            @if lint.findings.is_empty() { p { "No rule of " code { "netpol lint" } " found anything." } }
            @for severity in SEVERITIES {
                @let found: Vec<(usize, &Finding)> = lint.findings.iter().enumerate().filter(|(_, finding)| finding.severity == severity).collect();
                @if !found.is_empty() {
                    h3 { (mark(severity)) " " (found.len()) }
                    @for of_rule in found.chunk_by(|left, right| left.1.rule == right.1.rule) { (rule(model, of_rule)) }
                }
            }
            @if !lint.ignored.is_empty() {
                h3 { "Ignored by annotations " (lint.ignored.len()) }
                ul { @for it in &lint.ignored { li { code { (Text(&it.finding.id)) } " " (Text(&it.finding.message)) ". Reason: " (Text(&it.reason)) } } }
            }
        }
    }
}

/// Returns the findings of one rule as a table. On a narrow screen its parts are blocks, so they have explicit roles.
fn rule(model: &Model<'_>, found: &[(usize, &Finding)]) -> Markup {
    html! {
        @if let Some((_, first)) = found.first() {
            table.findings role="table" {
                caption { code { (first.rule.id()) } " — " (first.rule.title()) }
                tbody role="rowgroup" { @for (index, finding) in found { tr id=(of_finding(*index)) role="row" tabindex="-1" { (columns(model, finding)) } } }
            }
        }
    }
}

fn columns(model: &Model<'_>, finding: &Finding) -> Markup {
    let policy = finding.policies.first().filter(|_| finding.policy.is_some());
    let place = finding.place.to_string();
    html! {
        th scope="row" role="rowheader" {
            @if let Some(policy) = policy { (links::policies(model, &[*policy])) br; }
            @if !place.is_empty() { span.place { (Text(&place)) } }
        }
        td role="cell" {
            (Text(&finding.message)) "."
            @if let Some(witness) = &finding.witness { " " span.place { "For example: " (Text(&witness.to_string())) } }
        }
    }
}

/// Returns links to findings, given with their indexes.
fn links<'f>(found: impl Iterator<Item = (usize, &'f Finding)>) -> Markup {
    html! {
        @for (position, (index, finding)) in found.enumerate() {
            @if position > 0 { ", " }
            (mark(finding.severity)) " " a href={ "#" (of_finding(index)) } { (finding.rule.id()) }
        }
    }
}

/// Returns a line with the findings about an endpoint or its grant.
pub(super) fn about_endpoint(model: &Model<'_>, group: &Group<'_>) -> Markup {
    let is_about = |finding: &Finding| {
        let grant = group.endpoint.id.split('[').next();
        finding.place.endpoint.as_deref() == Some(group.endpoint.id.as_str())
            || (group.endpoint.kind == "Identity" && finding.place.grant.is_some() && finding.place.grant.as_deref() == grant)
    };
    let found = || model.input.lint.findings.iter().enumerate().filter(|(_, finding)| is_about(finding));
    html! {
        @if found().next().is_some() {
            dt { "Findings" }
            dd { (links(found())) }
        }
    }
}

/// Returns the findings of a policy, with their indexes.
pub(super) fn of_policy<'f>(model: &Model<'f>, policy: usize) -> impl Iterator<Item = (usize, &'f Finding)> + Clone {
    let findings = model.input.lint.findings.iter().enumerate();
    findings.filter(move |(_, finding)| finding.policy.is_some() && finding.policies.first() == Some(&policy))
}

/// Returns a line with the findings of a policy that are about no rule of it; its rules have marks of their own.
pub(super) fn about_policy(model: &Model<'_>, policy: usize) -> Markup {
    let found = of_policy(model, policy).filter(|(_, finding)| finding.place.rule.is_none());
    html! { @if found.clone().next().is_some() { p.marks { (links(found)) } } }
}

/// Returns a note for the margin of a line with findings.
pub(super) fn margin(found: &[(usize, &Finding)]) -> Markup {
    html! {
        @for (index, finding) in found {
            " " a.note href={ "#" (of_finding(*index)) } { (mark(finding.severity)) " " (finding.rule.id()) }
        }
    }
}

/// Returns the number of findings of each severity in words.
pub(super) fn summary(model: &Model<'_>) -> Markup {
    let lint = model.input.lint;
    html! {
        @if lint.findings.is_empty() { "none" }
        @for severity in SEVERITIES {
            @let number = lint.findings.iter().filter(|finding| finding.severity == severity).count();
            @if number > 0 { span.total { (mark(severity)) " " (number) } " " }
        }
        @if !lint.ignored.is_empty() { (count(lint.ignored.len(), "finding")) " ignored by annotations" }
    }
}
