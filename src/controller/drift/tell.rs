//! Tells what changed since the plan before: in the log, and as events.

use std::collections::{BTreeMap, BTreeSet};

use super::act::Outcome;
use super::events::{Event, Events, Reason, Regarding};
use super::stores::Shared;
use crate::drift::{Action, Finding, Object, Plan, Section, Severity, Suspended, Target};

/// A section, an object in it, and what is wrong with it. There may be several sentences about that.
type Kept = (Section, Object, &'static str);

/// What is said only once.
#[derive(Debug, Default)]
pub(super) struct Told {
    findings: BTreeMap<Kept, BTreeSet<String>>,
    suspended: BTreeMap<(String, String), u32>,
    not_evaluated: Vec<String>,
}

impl Told {
    /// Remembers findings. Returns those with another sentence than before, and what is no longer wrong.
    fn changed<'f>(&mut self, findings: &'f [Finding]) -> (Vec<&'f Finding>, Vec<Kept>) {
        let mut found: BTreeMap<Kept, BTreeSet<String>> = BTreeMap::new();
        let mut started = Vec::new();
        for finding in findings {
            let key = (finding.section, finding.object.clone(), finding.id);
            if !self.findings.get(&key).is_some_and(|known| known.contains(&finding.message)) {
                started.push(finding);
            }
            found.entry(key).or_default().insert(finding.message.clone());
        }
        let before = std::mem::replace(&mut self.findings, found);
        let ended = before.into_keys().filter(|key| !self.findings.contains_key(key)).collect();
        (started, ended)
    }
}

/// Where it is told.
#[derive(Debug)]
pub(super) struct Teller {
    /// The events.
    pub(super) events: Events,
    /// The Lease of the controller: events about objects of no namespace are about it.
    pub(super) lease: Regarding,
    /// The objects that exist.
    pub(super) shared: Shared,
}

impl Teller {
    /// Tells the findings that the plan before did not have, and those that ended.
    pub(super) fn tell(&self, told: &mut Told, plan: &Plan, is_leader: bool) {
        let (started, ended) = told.changed(&plan.findings);
        for finding in started {
            self.found(finding, is_leader);
        }
        for (_, object, id) in ended {
            tracing::info!(id, kind = object.kind, namespace = object.namespace, name = object.name, "no longer found");
        }
        let reasons: Vec<String> =
            plan.not_evaluated.iter().map(|skipped| format!("{}: {}", skipped.section.name(), skipped.reason)).collect();
        for reason in reasons.iter().filter(|reason| !told.not_evaluated.contains(reason)) {
            tracing::warn!("not evaluated: {reason}");
        }
        told.not_evaluated = reasons;
        let mut suspended = BTreeMap::new();
        for object in &plan.suspended {
            let key = (object.key.namespace.clone(), object.key.name.clone());
            if !told.suspended.contains_key(&key) {
                self.suspended(object, is_leader);
            }
            suspended.insert(key, object.attempts);
        }
        told.suspended = suspended;
    }

    fn found(&self, finding: &Finding, is_leader: bool) {
        let Object { kind, namespace, name } = &finding.object;
        let is_note = finding.severity == Severity::Note;
        if is_note {
            tracing::info!(id = finding.id, kind, namespace, name, "{}", finding.message);
        } else {
            tracing::warn!(id = finding.id, kind, namespace, name, "{}", finding.message);
        }
        let reason = match (finding.section, finding.id) {
            (_, "repair-paused") => Reason::RepairPaused,
            // The controller does what it always does.
            (_, "pause-ignored") => return,
            (_, "policy-missing" | "namespace-without-policies") => Reason::PolicyMissing,
            (Section::Policies, _) => Reason::DriftDetected,
            (Section::ForeignPolicies, id) if id != "foreign-policy" => Reason::DriftDetected,
            (_, "account-or-image-not-allowed") => Reason::PodNotAllowed,
            (Section::Pods, _) => Reason::PodNotLabeled,
            (Section::Registration | Section::Certificate, _) => Reason::RegistrationWeakened,
            (Section::Probe, _) => Reason::ProbeFailed,
            (Section::Canon | Section::Plugins | Section::Neighbors | Section::ForeignPolicies, _) => return,
        };
        if is_leader && !is_note {
            self.events.tell(Event { reason, regarding: self.regarding(&finding.object), note: finding.message.clone() });
        }
    }

    fn suspended(&self, suspended: &Suspended, is_leader: bool) {
        let Suspended { key, attempts, writer } = suspended;
        let by = match writer {
            Some(writer) => format!("\"{}\" changed it last ({}, {})", writer.manager, writer.operation, writer.time),
            None => "another client changes it".to_owned(),
        };
        let note = format!(
            "{} \"{}\" drifts again after {attempts} repairs, so it is not repaired until it has been without drift for 30 minutes: {by}",
            key.target.object_kind(),
            key.name
        );
        tracing::warn!(namespace = key.namespace, name = key.name, "{note}");
        if is_leader {
            let object = Object::new(&key.target.object_kind(), &key.namespace, &key.name);
            self.events.tell(Event { reason: Reason::RepairSuspended, regarding: self.regarding(&object), note });
        }
    }

    /// Tells how a repair ended.
    pub(super) fn repaired(&self, action: &Action, outcome: &Outcome) {
        let (target, namespace, name) = action.object();
        let kind = target.object_kind();
        let object = Object::new(&kind, namespace, name);
        let (reason, note) = match (outcome, action) {
            (Outcome::Late, _) => {
                tracing::info!(namespace, name, "the {} changed before it was repaired", kind);
                return;
            }
            (Outcome::Failed(error), _) => (Reason::RepairFailed, format!("cannot repair {kind} \"{name}\": {error}")),
            (Outcome::Done, Action::Create { .. }) => (Reason::DriftRepaired, format!("created the canonical {kind} \"{name}\"")),
            (Outcome::Done, _) if *target == Target::Pod => {
                (Reason::PodLabeled, format!("pod \"{name}\" has the labels that it is granted"))
            }
            (Outcome::Done, _) => (Reason::DriftRepaired, format!("{kind} \"{name}\" means what the canon says again")),
        };
        if matches!(outcome, Outcome::Failed(_)) {
            tracing::warn!(namespace, name, "{note}");
        } else {
            tracing::info!(namespace, name, "{note}");
        }
        self.events.tell(Event { reason, regarding: self.regarding(&object), note });
    }

    /// Returns the object of an event.
    fn regarding(&self, object: &Object) -> Regarding {
        let (api_version, kind) = match object.kind.as_str() {
            "NetworkPolicy" => ("networking.k8s.io/v1", "NetworkPolicy"),
            "Pod" => ("v1", "Pod"),
            _ => return self.lease.clone(),
        };
        if object.namespace.is_empty() {
            return self.lease.clone();
        }
        let uid = self.shared.lock().uid(object).unwrap_or_default().to_owned();
        Regarding { api_version, kind, namespace: object.namespace.clone(), name: object.name.clone(), uid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_is_told_once_although_several_are_about_one_object() {
        let finding = |message: &str| {
            let object = Object::new("ValidatingWebhookConfiguration", "", "netpol");
            Finding::new(Section::Registration, Severity::Error, "registration-uncovered", object, message.to_owned())
        };
        let (pods, policies) = (finding("pods are not sent"), finding("policies are not sent"));
        let mut told = Told::default();
        let both = [pods.clone(), policies.clone()];
        assert_eq!(told.changed(&both).0, [&pods, &policies]);
        assert_eq!(told.changed(&both), (vec![], vec![]));
        // One of them ends, and comes back.
        assert_eq!(told.changed(&both[1..]), (vec![], vec![]));
        assert_eq!(told.changed(&both).0, [&pods]);
        assert_eq!(told.changed(&[]).1, [(Section::Registration, pods.object.clone(), pods.id)]);
    }
}
