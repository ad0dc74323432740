//! What a controller found in a cluster, section by section.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::marks::mark;
use super::text::{Text, count};
use crate::analysis::lint::Severity;

/// What a controller found in a cluster. It is shown beside what the policies say.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Which process made the page, and whether it acts, as a sentence.
    pub process: String,
    /// The sections, in the order in which they are shown.
    pub sections: Vec<Section>,
    /// What is not repaired any more, as sentences.
    pub suspended: Vec<String>,
}

/// One section of a check.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What was found.
    pub found: Vec<Found>,
    /// How many findings were left out.
    pub more: usize,
    /// What was not evaluated, as sentences.
    pub not_evaluated: Vec<String>,
}

/// One finding about an object of a cluster.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is wrong, as a stable name.
    pub id: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The kind of the object.
    pub kind: String,
    /// The namespace of the object; empty if it is in none.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// A shell command that ends the finding.
    pub command: Option<String>,
}

impl Section {
    fn is_clean(&self) -> bool {
        self.found.is_empty() && self.more == 0 && self.not_evaluated.is_empty()
    }

    /// Returns its state in words: `2 findings, not evaluated in part`.
    fn state(&self) -> Markup {
        let number = self.found.len() + self.more;
        html! {
            @if self.is_clean() { b.yes { "nothing is wrong" } }
            @if number > 0 { b.no { (count(number, "finding")) } }
            @if !self.not_evaluated.is_empty() { @if number > 0 { ", " } b.may { "not evaluated" @if number > 0 { " in part" } } }
        }
    }
}

impl Live {
    /// Returns the state of one section for the summary.
    pub(super) fn state_of(&self, name: &str) -> Markup {
        html! { @for section in self.sections.iter().filter(|section| section.name == name) { (section.state()) } }
    }

    /// Returns the number of findings.
    pub(super) fn number(&self) -> usize {
        self.sections.iter().map(|section| section.found.len() + section.more).sum()
    }

    pub(super) fn markup(&self) -> Markup {
        html! {
            section aria-labelledby="cluster" {
                h2 id="cluster" { "Cluster" }
                p.hint { "What " code { "netpol check" } " finds in this cluster, as far as the controller watches it. " (Text(&self.process)) "." }
                @for section in &self.sections {
                    h3 { (section.name) " — " (section.state()) }
                    @if !section.found.is_empty() { (table(section)) }
                    @if section.more > 0 { p { "… and " (count(section.more, "finding")) " more: " code { "netpol check" } " prints all." } }
                    @for reason in &section.not_evaluated { p { b.may { "not evaluated" } ": " (Text(reason)) } }
                }
                @if !self.suspended.is_empty() {
                    h3 { "Suspended" }
                    ul { @for sentence in &self.suspended { li { (Text(sentence)) } } }
                }
            }
        }
    }

    /// Returns the same for programs.
    pub(super) fn data(&self) -> Value {
        let found = |found: &Found| {
            json!({
                "id": found.id, "severity": found.severity.word(), "kind": found.kind, "namespace": found.namespace, "name": found.name,
                "message": found.message, "command": found.command,
            })
        };
        let section = |section: &Section| {
            let findings: Vec<Value> = section.found.iter().map(found).collect();
            json!({"section": section.name, "findings": findings, "more": section.more, "notEvaluated": section.not_evaluated})
        };
        let sections: Vec<Value> = self.sections.iter().map(section).collect();
        json!({"process": self.process, "sections": sections, "suspended": self.suspended})
    }
}

/// Returns the findings of a section as a table. On a narrow screen its parts are blocks, so they have explicit roles.
fn table(section: &Section) -> Markup {
    html! {
        table.findings role="table" {
            caption { "Findings about " (section.name) }
            tbody role="rowgroup" {
                @for found in &section.found {
                    tr role="row" {
                        th scope="row" role="rowheader" {
                            (mark(found.severity)) " " code { (found.id) } br;
                            span.place { (Text(&found.kind)) " " bdi { @if !found.namespace.is_empty() { (Text(&found.namespace)) "/" } (Text(&found.name)) } }
                        }
                        td role="cell" {
                            (Text(&found.message)) "."
                            @if let Some(command) = &found.command { br; code { (Text(command)) } }
                        }
                    }
                }
            }
        }
    }
}
