//! The findings of a check in their sections, in the form of `--output json`.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cli::choices::word;
use crate::cli::manifests::display::Count;
use crate::drift::{Finding, NotEvaluated, Plan, Section, Severity, Snapshot, applying};
use crate::verdict::Guard;

/// The result of a check of a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// The form of this document.
    schema: &'static str,
    /// The names or paths of the accepted canons, separated by commas.
    canon: String,
    /// The hash of the canon, as in audit lines.
    canon_hash: String,
    /// The guarded namespaces.
    namespaces: Vec<String>,
    pub(super) sections: Vec<Checked>,
}

/// One section.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checked {
    #[serde(serialize_with = "serialize_name")]
    pub(super) name: Section,
    pub(super) state: State,
    /// What was evaluated.
    pub(super) summary: String,
    pub(super) findings: Vec<Finding>,
    /// Why parts could not be evaluated.
    pub(super) not_evaluated: Vec<String>,
}

/// The state of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// All of it is as it should be.
    Ok,
    /// There is a warning or an error.
    Finding,
    /// There is none, but a part could not be evaluated.
    NotEvaluated,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn serialize_name<S: serde::Serializer>(section: &Section, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&word(section))
}

impl Report {
    /// Puts what a plan found into the wanted sections.
    pub(super) fn new(guard: &Guard, wanted: &BTreeSet<Section>, snapshot: &Snapshot, plan: Plan) -> Report {
        let checked = |section: &Section| Checked {
            name: *section,
            state: State::Ok,
            summary: summary(guard, snapshot, *section),
            findings: Vec::new(),
            not_evaluated: Vec::new(),
        };
        let mut report = Report {
            schema: "netpol.abcdesktop.io/check/v1",
            canon: guard.canons.source.clone(),
            canon_hash: guard.canons.hash.clone(),
            namespaces: guard.canons.namespaces().map(str::to_owned).collect(),
            sections: wanted.iter().map(checked).collect(),
        };
        for finding in plan.findings {
            report.add(finding);
        }
        for NotEvaluated { section, reason } in plan.not_evaluated {
            report.skip(section, reason);
        }
        report
    }

    /// Adds a finding, if its section is wanted.
    pub(super) fn add(&mut self, finding: Finding) {
        let Some(checked) = self.sections.iter_mut().find(|checked| checked.name == finding.section) else { return };
        if finding.severity > Severity::Note {
            checked.state = State::Finding;
        }
        checked.findings.push(finding);
    }

    /// Adds a part that could not be evaluated, if its section is wanted.
    pub(super) fn skip(&mut self, section: Section, reason: String) {
        let Some(checked) = self.sections.iter_mut().find(|checked| checked.name == section) else { return };
        if checked.state == State::Ok {
            checked.state = State::NotEvaluated;
        }
        checked.not_evaluated.push(reason);
    }

    /// Returns all findings.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.sections.iter().flat_map(|checked| &checked.findings)
    }

    /// Returns whether a part could not be evaluated.
    pub(super) fn is_partial(&self) -> bool {
        self.sections.iter().any(|checked| !checked.not_evaluated.is_empty())
    }
}

/// Returns what a section evaluates, in words.
fn summary(guard: &Guard, snapshot: &Snapshot, section: Section) -> String {
    let namespaces = guard.canons.namespaces().collect::<Vec<_>>().join(", ");
    match section {
        Section::Canon => {
            let hash = guard.canons.hash.get(..12).unwrap_or_default();
            format!("{} (hash {hash}…)", guard.canons.all().map(|canon| canon.source.as_str()).collect::<Vec<_>>().join(", "))
        }
        Section::Policies => {
            let number = snapshot.policies.values().flatten().map(Vec::len).sum();
            format!("{} in {namespaces}", Count(number, "policy"))
        }
        Section::Pods => {
            let number = snapshot.pods.values().flatten().map(|pods| pods.all.len()).sum();
            format!("{} in {namespaces}", Count(number, "pod"))
        }
        Section::Registration => "both webhook configurations send what the servers judge".to_owned(),
        Section::Certificate => "the certificate of the servers is valid and trusted by every caBundle".to_owned(),
        Section::Probe => format!("the API server asks the webhook about policies in {namespaces}"),
        Section::Neighbors => format!("{} of the canon", Count(guard.canons.neighbors().len(), "namespace selector")),
        Section::ForeignPolicies => {
            let number = snapshot.foreign.iter().filter_map(|list| list.objects.as_ref().ok()).map(Vec::len).sum();
            format!("{} of other APIs", Count(number, "policy"))
        }
        Section::Plugins => {
            match snapshot.network.as_ref().and_then(|network| network.as_ref().ok()).map(|network| applying(guard, network)) {
                Some(names) if !names.is_empty() => format!("NetworkPolicies are applied by {}", names.join(" and ")),
                _ => "it is not known which network plugin applies NetworkPolicies".to_owned(),
            }
        }
    }
}
