//! Findings that are to be ignored: those that the annotation of their policy names.

use std::collections::BTreeSet;

use super::finding::{Finding, Place};
use super::rules::{LintRule, Severity};
use super::scene::{About, Scene};

/// The annotation of a policy: ids of rules or findings, separated by commas, then a blank and the reason.
pub const ANNOTATION: &str = "netpol.abcdesktop.io/lint-ignore";

/// A finding that is ignored, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The finding.
    pub finding: Finding,
    /// The reason in the annotation.
    pub reason: String,
}

/// Returns whether an id is that of a rule, or of a finding of a rule.
pub fn is_id(id: &str) -> bool {
    LintRule::named(id.split('/').next().unwrap_or_default()).is_some()
}

/// Returns whether an id, of a rule or of a finding, names a finding.
pub fn names(id: &str, finding: &Finding) -> bool {
    id == finding.rule.id() || id == finding.id
}

/// Separates the findings that annotations ignore from the others. An annotation that is not valid, or names an id that nothing
/// matches, is a finding too.
pub(super) fn separate(scene: &Scene<'_>, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Ignored>) {
    let mut problems = Vec::new();
    let annotations: Vec<Option<Annotation<'_>>> = scene
        .input
        .policies
        .iter()
        .enumerate()
        .map(|(index, _)| {
            let text = scene.input.ignores.get(index)?.as_deref()?;
            let parsed = Annotation::parse(text);
            if parsed.is_none() {
                let message = format!("{ANNOTATION}: write the ids of rules or findings, separated by commas, then a blank and the reason");
                problems.push(problem(scene, index, message));
            }
            parsed
        })
        .collect();
    let mut used: BTreeSet<(usize, &str)> = BTreeSet::new();
    let (mut left, mut ignored) = (Vec::new(), Vec::new());
    for finding in findings {
        let matching: Vec<(usize, &str, &str)> = finding
            .policies
            .iter()
            .filter_map(|index| Some((*index, annotations.get(*index)?.as_ref()?)))
            .flat_map(|(index, annotation)| annotation.ids.iter().map(move |id| (index, *id, annotation.reason)))
            .filter(|(_, id, _)| names(id, &finding))
            .collect();
        used.extend(matching.iter().map(|(index, id, _)| (*index, *id)));
        match matching.first() {
            Some((.., reason)) => ignored.push(Ignored { finding, reason: (*reason).to_owned() }),
            None => left.push(finding),
        }
    }
    for (index, annotation) in annotations.iter().enumerate() {
        for id in annotation.iter().flat_map(|annotation| &annotation.ids).filter(|id| !used.contains(&(index, **id))) {
            let why = if is_id(id) { "there is no such finding. Remove the id" } else { "there is no such rule. Correct the id" };
            problems.push(problem(scene, index, format!("{ANNOTATION} names {}, but {why}", crate::documents::text::escaped(id, 253))));
        }
    }
    left.extend(problems);
    (left, ignored)
}

fn problem(scene: &Scene<'_>, policy: usize, message: String) -> Finding {
    let about = About { policy: Some(policy), place: Place::default(), ..About::default() };
    scene.finding(LintRule::LintIgnore, Severity::Warning, about, message)
}

/// The value of the annotation.
struct Annotation<'t> {
    ids: Vec<&'t str>,
    reason: &'t str,
}

impl<'t> Annotation<'t> {
    fn parse(text: &'t str) -> Option<Annotation<'t>> {
        let (ids, reason) = text.trim().split_once(char::is_whitespace)?;
        let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
        (!ids.is_empty()).then(|| Annotation { ids, reason: reason.trim() })
    }
}
