//! Properties of plans over random policies and random drift.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, guard, guard_of_spec, pod};
use crate::documents::Node;
use crate::drift::{Action, Severity};
use crate::policy::tests::random::{pair, run, spec};
use crate::policy::{Comparison, Home, Policy, compare};

/// Pairs of specs in a run.
const PAIRS: u32 = 600;
/// Clusters in a run. Each has all policies of the canon.
const WORLDS: u32 = 40;

fn parsed(spec: &Value) -> Policy {
    Policy::parse(&Node::from(spec), Home { namespace: super::world::NAMESPACE, written_for: None }).unwrap()
}

/// Nothing is planned for another spelling, and exactly the repair for another meaning.
#[test]
fn only_another_meaning_is_repaired() {
    let (equal, unequal) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run(PAIRS, &pair(), |(canonical, found)| {
        let Some(guard) = guard_of_spec(&canonical) else { return Ok(()) };
        let mut world = World::empty();
        world.create(json!({"metadata": {"name": "only"}, "spec": found}));
        let version = world.policies[0]["metadata"]["resourceVersion"].clone();
        let plan = world.plan(&guard);
        if compare(&parsed(&canonical), &parsed(&found)) == Comparison::Same {
            equal.fetch_add(1, Ordering::Relaxed);
            prop_assert_eq!(plan.actions, vec![]);
            prop_assert!(plan.findings.iter().all(|finding| finding.severity == Severity::Note), "{:?}", plan.findings);
            return Ok(());
        }
        unequal.fetch_add(1, Ordering::Relaxed);
        let operations = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec", "value": canonical},
        ]);
        let is_planned = matches!(&plan.actions[..], [Action::Patch { operations: planned, .. }] if *planned == operations);
        prop_assert!(is_planned, "{:?}", plan.actions);
        world.apply(&plan.actions);
        prop_assert_eq!(world.plan(&guard).actions, vec![]);
        Ok(())
    });
    let (equal, unequal) = (equal.into_inner(), unequal.into_inner());
    println!("planned: {equal} other spellings and {unequal} other meanings");
    assert!(equal > 100 && unequal > 100, "{equal} and {unequal}");
}

/// A change of a cluster: which object, what happens to it, and a spec.
pub(super) type Damage = (usize, u8, Value);

pub(super) fn damage() -> impl Strategy<Value = Vec<Damage>> {
    proptest::collection::vec((0_usize..64, 0_u8..8, spec()), 0..12)
}

pub(super) fn damaged(changes: &[Damage]) -> World {
    let mut world = World::of(&guard());
    for (number, (place, kind, spec)) in changes.iter().enumerate() {
        let Some(name) = world.policies.get(place % world.policies.len().max(1)).map(|policy| policy["metadata"]["name"].clone()) else {
            continue;
        };
        let name = name.as_str().unwrap().to_owned();
        match kind {
            0 => world.policies.retain(|policy| policy["metadata"]["name"] != *name),
            1 | 2 => world.change(&name, |policy| policy["spec"] = spec.clone()),
            3 => world.change(&name, |policy| {
                policy["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]);
            }),
            4 => world.change(&name, |policy| policy["metadata"]["finalizers"] = json!(["example.com/hold"])),
            5 => world.change(&name, |policy| policy["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
            6 => world.add_pod(pod(&format!("directory-{number}"), &json!({"run": "openldap-od"}))),
            _ => {
                let mut pod = pod(&format!("pyos-{number}"), &json!({"run": "pyos-od", "netpol/mongodb": "true"}));
                if place % 2 == 0 {
                    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                }
                world.add_pod(pod);
            }
        }
    }
    world
}

#[test]
fn one_step_repairs_everything_that_can_be_repaired() {
    let acted = AtomicUsize::new(0);
    run(WORLDS, &damage(), |changes| {
        let mut world = damaged(&changes);
        let guard = guard();
        let plan = world.plan(&guard);
        acted.fetch_add(plan.actions.len(), Ordering::Relaxed);
        world.apply(&plan.actions);
        let after = world.plan(&guard);
        prop_assert_eq!(&after.actions, &vec![]);
        // What no write repairs stays: a policy that is being deleted.
        prop_assert!(after.findings.iter().all(|it| it.severity == Severity::Note || it.id == "policy-doomed"), "{:?}", after.findings);
        Ok(())
    });
    assert!(acted.into_inner() > 100);
}

#[test]
fn the_order_of_objects_does_not_matter() {
    run(WORLDS, &(damage(), any::<usize>()), |(changes, turn)| {
        let world = damaged(&changes);
        let mut turned = world.clone();
        for list in [&mut turned.policies, &mut turned.pods, &mut turned.namespaces] {
            list.reverse();
            let places = turn % list.len().max(1);
            list.rotate_left(places);
        }
        let (plan, other) = (world.plan(&guard()), turned.plan(&guard()));
        prop_assert_eq!(plan.findings, other.findings);
        prop_assert_eq!(plan.actions, other.actions);
        prop_assert_eq!(plan.memory, other.memory);
        Ok(())
    });
}
