//! The findings of a plan, by section.

use std::cmp::Reverse;

use super::super::metrics::EVALUATED;
use crate::analysis::lint;
use crate::drift::{Finding, Plan, Section, Severity};
use crate::report::{Found, Section as Shown};

/// The most findings of a section on the page; the worst are shown.
const MOST: usize = 256;

/// Returns the sections of the page: those that the controller evaluates, and others that say something.
pub(super) fn sections(plan: &Plan) -> Vec<Shown> {
    let is_evaluated = |section: &Section| EVALUATED.contains(section) || *section == Section::Probe;
    let sections = Section::ALL.into_iter().map(|section| (is_evaluated(&section), shown(plan, section)));
    let says = |shown: &Shown| !shown.found.is_empty() || !shown.not_evaluated.is_empty();
    sections.filter(|(is_evaluated, shown)| *is_evaluated || says(shown)).map(|(_, shown)| shown).collect()
}

fn shown(plan: &Plan, section: Section) -> Shown {
    let mut found: Vec<&Finding> = plan.findings.iter().filter(|finding| finding.section == section).collect();
    found.sort_by_key(|finding| Reverse(finding.severity));
    let more = found.len().saturating_sub(MOST);
    let not_evaluated = plan.not_evaluated.iter().filter(|skipped| skipped.section == section);
    Shown {
        name: section.name(),
        found: found.into_iter().take(MOST).map(of).collect(),
        more,
        not_evaluated: not_evaluated.map(|skipped| skipped.reason.clone()).collect(),
    }
}

fn of(finding: &Finding) -> Found {
    Found {
        id: finding.id,
        severity: match finding.severity {
            Severity::Error => lint::Severity::Error,
            Severity::Warning => lint::Severity::Warning,
            Severity::Note => lint::Severity::Info,
        },
        kind: finding.object.kind.clone(),
        namespace: finding.object.namespace.clone(),
        name: finding.object.name.clone(),
        message: finding.message.clone(),
        command: finding.command.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{NotEvaluated, Object};

    #[test]
    fn the_worst_findings_are_kept_and_the_others_counted() {
        let finding = |number: usize| {
            let severity = if number == 299 { Severity::Error } else { Severity::Warning };
            let object = Object::new("Pod", "desk", &format!("pod-{number}"));
            Finding::new(Section::Pods, severity, "pod-lacks-label", object, "a sentence".to_owned())
        };
        let skipped = NotEvaluated { section: Section::Neighbors, reason: "not allowed".to_owned() };
        let plan = Plan { findings: (0..300).map(finding).collect(), not_evaluated: vec![skipped], ..Plan::default() };
        let sections = sections(&plan);
        let names: Vec<&str> = sections.iter().map(|section| section.name).collect();
        assert_eq!(names, ["policies", "pods", "registration", "probe", "neighbors", "foreign-policies"]);
        assert_eq!((sections[1].found.len(), sections[1].more), (MOST, 300 - MOST));
        assert_eq!(sections[1].found[0].name, "pod-299");
        assert_eq!(sections[4].not_evaluated, ["not allowed"]);
        assert!(sections[0].found.is_empty() && sections[0].not_evaluated.is_empty());
    }
}
