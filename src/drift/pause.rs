//! Pauses of repair. A member of a break-glass group sets the end of a pause in an annotation of a guarded namespace. Servers refuse
//! the annotation of other users, but it may be older than they are: so a pause is never longer than a day, and always a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::draft::{Draft, Wanted};
use super::finding::{Finding, Object, Section, Severity};
use super::snapshot::Snapshot;
use crate::documents::text::quoted;
use crate::verdict::Guard;
use crate::verdict::annotations::{REPAIR_PAUSED, pause_end};

/// The longest time from now until the end of a pause.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A guarded namespace whose repair is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The namespace.
    pub namespace: String,
    /// The end of the pause.
    pub until: Timestamp,
    /// The number of objects that wait for their repair.
    pub objects: usize,
}

/// Why a namespace is not repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Its repair is paused.
    Until(Timestamp),
    /// It is not known whether its repair is paused.
    Unknown,
}

/// The pauses of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    held: BTreeMap<String, Held>,
    findings: Vec<Finding>,
    /// When the first of them begins or ends.
    pub(super) due: Option<Timestamp>,
}

impl Pauses {
    /// Returns the pauses of the guarded namespaces of a snapshot.
    pub(super) fn of(snapshot: &Snapshot, guard: &Guard) -> Pauses {
        let mut pauses = Pauses::default();
        let guarded: BTreeSet<&str> = snapshot.policies.keys().chain(snapshot.pods.keys()).map(String::as_str).collect();
        match &snapshot.namespaces {
            None => {}
            Some(Err(_)) if guard.settings.break_glass_groups.is_empty() => {}
            Some(Err(_)) => pauses.held.extend(guarded.into_iter().map(|namespace| (namespace.to_owned(), Held::Unknown))),
            Some(Ok(namespaces)) => {
                for namespace in namespaces.iter().filter(|it| !it.is_terminating && guarded.contains(it.name.as_str())) {
                    if let Some(value) = &namespace.paused_until {
                        pauses.add(guard, &namespace.name, value, snapshot.time);
                    }
                }
            }
        }
        pauses
    }

    /// Adds the pause of a namespace with the annotation.
    fn add(&mut self, guard: &Guard, namespace: &str, value: &str, now: Option<Timestamp>) {
        let ignored = |why: &str| {
            let message = format!("annotation {REPAIR_PAUSED} of namespace \"{namespace}\" is ignored: {why}");
            let object = Object::new("Namespace", "", namespace);
            let finding = Finding::new(Section::Policies, Severity::Warning, "pause-ignored", object, message);
            finding.with_command(command(namespace))
        };
        if guard.settings.break_glass_groups.is_empty() {
            return self.findings.push(ignored("no break-glass group is named (--break-glass-group), so no user may set it"));
        }
        let Some(until) = pause_end(value) else {
            return self.findings.push(ignored("its value is no time such as 2026-11-28T17:00:00Z"));
        };
        let Some(now) = now else {
            self.held.insert(namespace.to_owned(), Held::Unknown);
            return;
        };
        if until <= now {
            return;
        }
        let begin = until.checked_sub(LONGEST).unwrap_or(Timestamp::MIN);
        if begin > now {
            self.due_at(begin);
            return self.findings.push(ignored(&format!("{until} is more than 24 hours ahead. Repair would be paused from {begin} on")));
        }
        self.due_at(until);
        self.held.insert(namespace.to_owned(), Held::Until(until));
        let message = format!("repair in namespace \"{namespace}\" is paused until {until} by its annotation {REPAIR_PAUSED}");
        let object = Object::new("Namespace", "", namespace);
        let finding = Finding::new(Section::Policies, Severity::Warning, "repair-paused", object, message);
        self.findings.push(finding.with_command(command(namespace)));
    }

    fn due_at(&mut self, time: Timestamp) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    /// Takes the repairs out of a draft that wait, and returns them. Their findings say so, and each pause gets its own.
    pub(super) fn hold(&self, draft: &mut Draft) -> Vec<Wanted> {
        let wanted = std::mem::take(&mut draft.wanted);
        let (held, due): (Vec<Wanted>, Vec<Wanted>) = wanted.into_iter().partition(|it| self.held.contains_key(&it.key.namespace));
        draft.wanted = due;
        for (namespace, why) in &self.held {
            let here = held.iter().filter(|it| it.key.namespace == *namespace);
            let mut objects: BTreeSet<Object> = here.map(|it| Object::new(&it.key.target.object_kind(), namespace, &it.key.name)).collect();
            if !objects.is_empty() {
                // The finding about all policies of a namespace.
                objects.insert(Object::new("Namespace", "", namespace));
            }
            let says = match why {
                Held::Until(until) => format!("; repair is paused until {until}"),
                Held::Unknown => "; it is not repaired until it is known whether repair is paused".to_owned(),
            };
            let is_about_one = |finding: &&mut Finding| {
                matches!(finding.section, Section::Policies | Section::ForeignPolicies | Section::Pods) && objects.contains(&finding.object)
            };
            for finding in draft.findings.iter_mut().filter(is_about_one) {
                finding.message.push_str(&says);
            }
        }
        draft.findings.extend(self.findings.iter().cloned());
        held
    }

    /// Returns the namespaces whose repair is paused, and how many of these repairs wait.
    pub(super) fn paused(&self, held: &[Wanted]) -> Vec<Paused> {
        let paused = self.held.iter().filter_map(|(namespace, why)| match why {
            Held::Until(until) => {
                let objects = held.iter().filter(|it| it.key.namespace == *namespace).count();
                Some(Paused { namespace: namespace.clone(), until: *until, objects })
            }
            Held::Unknown => None,
        });
        paused.collect()
    }
}

/// Returns the command that ends a pause.
fn command(namespace: &str) -> String {
    format!("kubectl annotate namespace {} {REPAIR_PAUSED}-", quoted(namespace))
}
