//! The plan of a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::action::{Action, FIELD_MANAGER};
use super::draft::{Draft, Wanted};
use super::finding::{Finding, NotEvaluated, Section};
use super::memory::{Decision, Key, Memory, Repair, Suspended};
use super::objects::NamespaceObject;
use super::pause::{Paused, Pauses};
use super::snapshot::{Read, Snapshot};
use super::{foreign, neighbors, plugins, pods, policies, registration};
use crate::verdict::Guard;

/// What is wrong in a cluster, and what would repair it.
#[derive(Debug, Default)]
pub struct Plan {
    /// The findings, sorted by section and object.
    pub findings: Vec<Finding>,
    /// What could not be evaluated, sorted.
    pub not_evaluated: Vec<NotEvaluated>,
    /// The writes that are due, one for an object, sorted by object.
    pub actions: Vec<Action>,
    /// The objects whose repairs are suspended, sorted.
    pub suspended: Vec<Suspended>,
    /// The guarded namespaces whose repair is paused, sorted.
    pub paused: Vec<Paused>,
    /// When a pause begins or ends: from then on, the plan of the same objects is another one.
    pub due: Option<Timestamp>,
    /// The memory for the next plan, if every action is tried.
    pub memory: Memory,
}

/// Plans the repair of a cluster. `guard` has the canon and the settings. `memory` is that of the plan before, and `now` is the time
/// since any fixed moment.
pub fn plan(snapshot: &Snapshot, guard: &Guard, repair: Repair, memory: &Memory, now: Duration) -> Plan {
    let mut draft = Draft::default();
    let namespaces = snapshot.namespaces.as_ref();
    for (namespace, objects) in &snapshot.policies {
        match (state(namespaces, namespace), objects) {
            (State::Missing, _) => draft.findings.push(policies::missing_namespace(namespace)),
            (State::Terminating, _) => draft.skip(Section::Policies, terminating(namespace)),
            (State::Exists, Err(reason)) => draft.skip(Section::Policies, reason),
            (State::Exists, Ok(objects)) => policies::plan(&mut draft, guard, namespace, objects),
        }
    }
    for (namespace, objects) in &snapshot.pods {
        match (state(namespaces, namespace), objects) {
            (State::Missing, _) => {}
            (State::Terminating, _) => draft.skip(Section::Pods, terminating(namespace)),
            (State::Exists, Err(reason)) => draft.skip(Section::Pods, reason),
            (State::Exists, Ok(objects)) => pods::plan(&mut draft, guard, namespace, objects),
        }
    }
    match &snapshot.registration {
        None => {}
        Some(Err(reason)) => draft.skip(Section::Registration, reason),
        Some(Ok(webhooks)) => registration::plan(&mut draft, guard, webhooks),
    }
    match namespaces {
        None => {}
        Some(Err(reason)) => draft.skip(Section::Neighbors, reason),
        Some(Ok(namespaces)) => neighbors::plan(&mut draft, guard, namespaces),
    }
    for list in &snapshot.foreign {
        let policies = snapshot.policies.get(&list.namespace).and_then(|policies| policies.as_ref().ok());
        match state(namespaces, &list.namespace) {
            State::Exists => foreign::plan(&mut draft, guard, list, policies.map(Vec::as_slice)),
            // A list of the cluster has no namespace, and is always evaluated.
            _ if list.namespace.is_empty() => foreign::plan(&mut draft, guard, list, None),
            State::Missing => {}
            State::Terminating => draft.skip(Section::ForeignPolicies, terminating(&list.namespace)),
        }
    }
    match &snapshot.network {
        None => {}
        Some(Err(reason)) => draft.skip(Section::Plugins, reason),
        Some(Ok(network)) => plugins::plan(&mut draft, guard, network),
    }
    let pauses = Pauses::of(snapshot, guard);
    let held = pauses.hold(&mut draft);
    let plan = decide(draft, &held, repair, memory, now);
    Plan { paused: pauses.paused(&held), due: pauses.due, ..plan }
}

/// Whether a guarded namespace exists.
enum State {
    /// It does, or it is not known.
    Exists,
    Terminating,
    Missing,
}

fn state(namespaces: Option<&Read<Vec<NamespaceObject>>>, name: &str) -> State {
    let Some(Ok(namespaces)) = namespaces else { return State::Exists };
    match namespaces.iter().find(|namespace| namespace.name == name) {
        None => State::Missing,
        Some(namespace) if namespace.is_terminating => State::Terminating,
        Some(_) => State::Exists,
    }
}

fn terminating(namespace: &str) -> String {
    format!("the namespace {namespace} is terminating")
}

/// Chooses the repairs that are due, and sorts. `held` are the repairs that wait for the end of a pause.
fn decide(draft: Draft, held: &[Wanted], repair: Repair, memory: &Memory, now: Duration) -> Plan {
    let Draft { mut findings, mut not_evaluated, mut wanted, evaluated } = draft;
    let sorted = |finding: &Finding| (finding.section, finding.object.clone(), finding.id, finding.message.clone());
    findings.sort_by_cached_key(sorted);
    not_evaluated.sort();
    not_evaluated.dedup();
    wanted.sort_by(|left, right| left.key.cmp(&right.key));
    let mut plan = Plan { findings, not_evaluated, memory: memory.clone(), ..Plan::default() };
    let drifted: BTreeSet<Key> = wanted.iter().chain(held).map(|wanted| wanted.key.clone()).collect();
    for (target, namespace) in evaluated {
        plan.memory.right(&target, &namespace, &drifted, now);
    }
    for Wanted { key, .. } in held {
        plan.memory.held(key, now);
    }
    for Wanted { key, action, writer } in wanted {
        match plan.memory.drifted(&key, repair, now) {
            Decision::Act => plan.actions.push(action),
            Decision::Wait => {}
            Decision::Suspend { attempts } => {
                let writer = writer.filter(|writer| writer.manager != FIELD_MANAGER);
                plan.suspended.push(Suspended { key, attempts, writer });
            }
        }
    }
    plan
}
