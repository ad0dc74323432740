//! Pauses of repair: no repair while one lasts, the same ones afterwards, and none that is not meant.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::{damage, damaged};
use super::world::{NAMESPACE, World, guard_of, pod};
use crate::canon::{Canons, DEFAULT};
use crate::drift::{Action, Finding, Key, Memory, NamespaceObject, Paused, Plan, Repair, Snapshot, Target, plan};
use crate::policy::tests::random::run;
use crate::verdict::{Guard, Settings};

const KEY: &str = "netpol.abcdesktop.io/repair-paused-until";
const NOW: &str = "2026-11-28T08:00:00Z";
const LATER: &str = "2026-11-28T09:00:00Z";
/// What a finding about an object that waits ends with.
const SAYS: &str = "; repair is paused until 2026-11-28T09:00:00Z";
/// Clusters in a run.
const WORLDS: u32 = 40;

fn guard_with(groups: &[&str], namespaces: &[&str]) -> Guard {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
    let settings = Settings { break_glass_groups: owned(groups), namespaces: owned(namespaces), ..Settings::default() };
    guard_of(Canons::load(&DEFAULT.map(str::to_owned), &owned(namespaces)).unwrap(), settings)
}

fn guard() -> Guard {
    guard_with(&["oncall"], &[NAMESPACE])
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn snapshot(world: &World, now: &str) -> Snapshot {
    Snapshot { time: Some(time(now)), ..world.snapshot() }
}

fn planned(world: &World, guard: &Guard, now: &str) -> Plan {
    plan(&snapshot(world, now), guard, Repair::default(), &Memory::default(), Duration::ZERO)
}

/// Sets the annotation of the guarded namespace, as JSON of any type.
fn pause(world: &mut World, value: &Value) {
    world.namespaces[1]["metadata"]["annotations"] = json!({KEY: value});
}

/// Returns a cluster in which a policy drifted, one is missing, and a pod lacks a label.
fn broken() -> World {
    let mut world = World::of(&guard());
    world.change("abcdesktop-rights", |policy| policy["spec"]["ingress"] = json!([{}]));
    world.policies.retain(|policy| policy["metadata"]["name"] != "memcached-rights");
    world.add_pod(pod("directory", &json!({"run": "openldap-od"})));
    world
}

fn find<'p>(plan: &'p Plan, id: &str) -> Option<&'p Finding> {
    plan.findings.iter().find(|finding| finding.id == id)
}

#[test]
fn a_paused_namespace_keeps_its_findings_and_gets_no_repair_until_the_end() {
    let mut world = broken();
    pause(&mut world, &json!(LATER));
    let paused = planned(&world, &guard(), NOW);
    assert_eq!((&paused.actions, &paused.suspended, &paused.memory), (&vec![], &vec![], &Memory::default()));
    assert_eq!(paused.paused, [Paused { namespace: NAMESPACE.to_owned(), until: time(LATER), objects: 3 }]);
    assert_eq!(paused.due, Some(time(LATER)));
    for id in ["policy-drift", "policy-missing", "pod-lacks-label"] {
        let message = &find(&paused, id).unwrap().message;
        assert!(message.ends_with(SAYS), "{id}: {message}");
    }
    let finding = find(&paused, "repair-paused").unwrap();
    assert_eq!((finding.object.kind.as_str(), finding.object.name.as_str()), ("Namespace", NAMESPACE));
    assert!(finding.message.contains("is paused until 2026-11-28T09:00:00Z"), "{}", finding.message);
    assert_eq!(finding.command.as_deref(), Some("kubectl annotate namespace abcdesktop netpol.abcdesktop.io/repair-paused-until-"));

    // It ends at the time that is stated, and by the removal of the annotation.
    let mut ended = vec![planned(&world, &guard(), LATER)];
    world.namespaces[1]["metadata"]["annotations"] = json!({"other": LATER});
    ended.push(planned(&world, &guard(), NOW));
    for plan in ended {
        assert_eq!((plan.actions.len(), plan.paused.len(), plan.due), (3, 0, None));
        assert!(find(&plan, "repair-paused").is_none() && plan.findings.iter().all(|it| !it.message.contains("paused")));
    }
}

#[test]
fn the_finding_about_all_policies_of_a_namespace_says_that_repair_is_paused() {
    let mut world = World::empty();
    pause(&mut world, &json!(LATER));
    let plan = planned(&world, &guard(), NOW);
    assert!(find(&plan, "namespace-without-policies").unwrap().message.ends_with(SAYS));
    assert_eq!((plan.actions.len(), plan.paused[0].objects), (0, 27));
}

#[test]
fn a_pause_is_about_one_namespace() {
    let guard = guard_with(&["oncall"], &[NAMESPACE, "second"]);
    for (paused, repaired) in [(1, "second"), (2, NAMESPACE), (0, "")] {
        let mut world = World::empty();
        world.namespaces.push(json!({"metadata": {"name": "second"}}));
        world.namespaces[paused]["metadata"]["annotations"] = json!({KEY: LATER});
        let mut snapshot = snapshot(&world, NOW);
        snapshot.policies.insert("second".to_owned(), Ok(Vec::new()));
        let plan = plan(&snapshot, &guard, Repair::default(), &Memory::default(), Duration::ZERO);
        let acted = |namespace: &str| plan.actions.iter().any(|it| matches!(it, Action::Create { namespace: its, .. } if its == namespace));
        // A namespace that is not guarded has no repair that could be paused.
        for namespace in [NAMESPACE, "second"] {
            assert_eq!(acted(namespace), repaired.is_empty() || repaired == namespace, "{namespace}");
        }
        assert_eq!(find(&plan, "repair-paused").is_some(), !repaired.is_empty());
    }
}

#[test]
fn a_time_of_no_use_is_ignored_and_said() {
    let cases = [
        (json!("2026-11-29T08:00:00.000000001Z"), "2026-11-29T08:00:00.000000001Z is more than 24 hours ahead"),
        (json!("2126-01-01T00:00:00Z"), "is more than 24 hours ahead. Repair would be paused from 2125-12-31T00:00:00Z on"),
        (json!("9999-12-30T22:00:00Z"), "is more than 24 hours ahead"),
        (json!(""), "its value is no time"),
        (json!("tomorrow"), "its value is no time"),
        (json!("2026-11-28"), "its value is no time"),
        (json!("2026-11-28T09:00:00"), "its value is no time"),
        (json!("99999-11-28T09:00:00Z"), "its value is no time"),
        (json!("1764320400"), "its value is no time"),
        (json!(" 2026-11-28T09:00:00Z"), "its value is no time"),
    ];
    for (value, why) in cases {
        let mut world = broken();
        pause(&mut world, &value);
        let plan = planned(&world, &guard(), NOW);
        assert_eq!((plan.actions.len(), plan.paused.len()), (3, 0), "{value}");
        let finding = find(&plan, "pause-ignored").unwrap();
        assert!(finding.message.contains(why), "{value}: {}", finding.message);
        assert!(value != "tomorrow" || !finding.message.contains("tomorrow"), "only a time is repeated");
        assert!(plan.findings.iter().all(|it| !it.message.contains(SAYS)));
    }
    // The namespace of a guard without a break-glass group: the user who set the annotation was not allowed to.
    let mut world = broken();
    pause(&mut world, &json!(LATER));
    let plan = planned(&world, &guard_with(&[], &[NAMESPACE]), NOW);
    assert_eq!((plan.actions.len(), plan.paused.len(), plan.due), (3, 0, None));
    assert!(find(&plan, "pause-ignored").unwrap().message.contains("no break-glass group is named"));
    // No text, and the past.
    for value in [json!(7), json!(null), json!(NOW), json!("2020-01-01T00:00:00+02:00")] {
        pause(&mut world, &value);
        let plan = planned(&world, &guard(), NOW);
        assert_eq!((plan.actions.len(), plan.paused.len(), plan.due), (3, 0, None), "{value}");
        assert!(find(&plan, "pause-ignored").is_none() && find(&plan, "repair-paused").is_none(), "{value}");
    }
}

#[test]
fn a_day_is_a_pause_and_a_time_that_is_too_far_becomes_one_a_day_before() {
    let mut world = broken();
    let until = "2026-11-30T10:00:00+02:00";
    pause(&mut world, &json!(until));
    let far = planned(&world, &guard(), NOW);
    assert_eq!((far.actions.len(), far.due), (3, Some(time("2026-11-29T08:00:00Z"))));
    let day = planned(&world, &guard(), "2026-11-29T08:00:00Z");
    assert_eq!((day.actions.len(), day.due), (0, Some(time(until))));
}

#[test]
fn nothing_is_repaired_while_it_is_not_known_whether_repair_is_paused() {
    let world = broken();
    let mut unread = snapshot(&world, NOW);
    unread.namespaces = Some(Err("not allowed to list the namespaces".to_owned()));
    let mut timeless = broken();
    pause(&mut timeless, &json!(LATER));
    for snapshot in [&unread, &timeless.snapshot()] {
        let plan = plan(snapshot, &guard(), Repair::default(), &Memory::default(), Duration::ZERO);
        assert_eq!((plan.actions.len(), plan.paused.len()), (0, 0));
        let message = &find(&plan, "policy-drift").unwrap().message;
        assert!(message.ends_with("; it is not repaired until it is known whether repair is paused"), "{message}");
    }
    // Without a group, no pause counts.
    let plan = plan(&unread, &guard_with(&[], &[NAMESPACE]), Repair::default(), &Memory::default(), Duration::ZERO);
    assert_eq!(plan.actions.len(), 3);
}

/// A pause is neither an attempt nor a time without drift.
#[test]
fn a_pause_does_not_change_what_is_known_of_a_fight() {
    let guard = guard();
    let repair = Repair { attempts: 1 };
    let mut world = World::of(&guard);
    let right = world.clone();
    world.change("abcdesktop-rights", |policy| policy["spec"]["ingress"] = json!([{}]));
    let mut paused = world.clone();
    pause(&mut paused, &json!(LATER));
    let step = |world: &World, memory: &Memory, minutes: u64| {
        plan(&snapshot(world, NOW), &guard, repair, memory, Duration::from_secs(minutes * 60))
    };
    let key = Key { target: Target::NetworkPolicy, namespace: NAMESPACE.to_owned(), name: "abcdesktop-rights".to_owned() };
    let suspended = |plan: &Plan| plan.suspended.iter().any(|it| it.key == key);

    let first = step(&world, &Memory::default(), 0);
    assert_eq!(first.actions.len(), 1);
    let fought = step(&world, &first.memory, 1);
    assert!(suspended(&fought) && fought.actions.is_empty());
    // It drifts during the whole pause, so it has been without drift for one minute at the end.
    let held = step(&paused, &fought.memory, 2);
    assert!(!suspended(&held) && held.actions.is_empty());
    let held = step(&paused, &held.memory, 50);
    let mended = step(&right, &held.memory, 51);
    let again = step(&world, &mended.memory, 52);
    assert!(suspended(&again) && again.actions.is_empty());
    // A pause counts as no attempt.
    let held = step(&paused, &Memory::default(), 0);
    assert_eq!((held.memory.clone(), held.paused[0].objects), (Memory::default(), 1));
    assert_eq!(step(&world, &held.memory, 1).actions.len(), 1);
    // Thirty minutes without drift end a fight, paused or not.
    let mut quiet = right.clone();
    pause(&mut quiet, &json!(LATER));
    let forgotten = step(&quiet, &fought.memory, 40);
    assert_eq!(forgotten.memory, Memory::default());
}

#[test]
fn a_pause_takes_the_repairs_away_and_nothing_else() {
    let held = AtomicUsize::new(0);
    run(WORLDS, &(damage(), any::<bool>()), |(changes, is_turned)| {
        let guard = guard();
        let world = damaged(&changes);
        let mut paused = world.clone();
        pause(&mut paused, &json!(LATER));
        if is_turned {
            paused.namespaces.reverse();
            paused.policies.reverse();
        }
        let (without, with) = (planned(&world, &guard, NOW), planned(&paused, &guard, NOW));
        held.fetch_add(without.actions.len(), Ordering::Relaxed);
        prop_assert_eq!(&with.actions, &vec![]);
        prop_assert_eq!(with.paused[0].objects, without.actions.len());
        prop_assert_eq!(&with.not_evaluated, &without.not_evaluated);
        let stripped: Vec<Finding> = with.findings.iter().filter(|it| it.id != "repair-paused").map(without_pause).collect();
        prop_assert_eq!(&stripped, &without.findings);
        // Its end is as if it had not been, with the memory of the pause too.
        let after = plan(&snapshot(&paused, LATER), &guard, Repair::default(), &with.memory, Duration::ZERO);
        prop_assert_eq!(&after.actions, &without.actions);
        prop_assert_eq!(&after.findings, &without.findings);
        prop_assert_eq!(&after.memory, &without.memory);
        Ok(())
    });
    assert!(held.into_inner() > 100);
}

fn without_pause(finding: &Finding) -> Finding {
    let message = finding.message.strip_suffix(SAYS).unwrap_or(&finding.message).to_owned();
    Finding { message, ..finding.clone() }
}

#[test]
fn only_the_annotation_of_a_pause_is_read() {
    let annotations = json!({KEY: LATER, "secret": "s3cret"});
    let read = NamespaceObject::read(&json!({"metadata": {"name": "a", "annotations": annotations}}));
    assert_eq!(read.paused_until.as_deref(), Some(LATER));
    assert!(!format!("{read:?}").contains("s3cret"));
    assert_eq!(read, NamespaceObject::read(&json!({"metadata": {"name": "a", "annotations": {KEY: LATER}}})));
}
