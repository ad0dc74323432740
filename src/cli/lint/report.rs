//! The findings, in the form of `--output json`.

use serde::Serialize;

use crate::analysis::lint::{Finding, Lint};
use crate::cli::manifests::Place;
use crate::cli::reach::source::World;

/// What is printed.
#[derive(Debug, Serialize)]
pub(super) struct Report<'l> {
    schema: &'static str,
    /// What was evaluated, in words.
    pub(super) source: String,
    pub(super) findings: Vec<Reported<'l>>,
    pub(super) ignored: Vec<Dismissed<'l>>,
}

/// A finding, and the place of its policy in a file.
#[derive(Debug, Serialize)]
pub(super) struct Reported<'l> {
    #[serde(flatten)]
    pub(super) finding: &'l Finding,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
}

/// A finding that an annotation ignores.
#[derive(Debug, Serialize)]
pub(super) struct Dismissed<'l> {
    #[serde(flatten)]
    pub(super) reported: Reported<'l>,
    pub(super) reason: &'l str,
}

impl<'l> Report<'l> {
    pub(super) fn new(world: &World, lint: &'l Lint) -> Report<'l> {
        let reported = |finding: &'l Finding| {
            let index = finding.policies.first().filter(|_| finding.policy.is_some());
            let place: Option<&Place> = index.and_then(|index| world.written.get(*index)?.place.as_ref());
            Reported {
                finding,
                file: place.map(|place| place.file.clone()),
                document: place.map(|place| place.document),
                line: place.map(|place| place.line),
            }
        };
        Report {
            schema: "netpol.abcdesktop.io/lint/v1",
            source: world.about.clone(),
            findings: lint.findings.iter().map(reported).collect(),
            ignored: lint.ignored.iter().map(|it| Dismissed { reported: reported(&it.finding), reason: &it.reason }).collect(),
        }
    }
}
