//! Every JSON spec is a policy or has faults. A policy means the same as itself, and the two comparisons of two
//! policies agree.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use netpol::canon::{Canon, Policies};
use netpol::documents::Node;
use netpol::policy::{Allowed, Beyond, Change, Comparison, Home, Policy, compare};

const NAMESPACE: &str = "abcdesktop";
const HOME: Home<'static> = Home { namespace: NAMESPACE, written_for: None };

static CANON: LazyLock<Canon> = LazyLock::new(|| Canon::load("abcdesktop", &[NAMESPACE.to_owned()]).expect("the built-in canon loads"));

fuzz_target!(|spec: &[u8]| {
    let Ok(node) = serde_json::from_slice::<Node<'_>>(spec) else { return };
    let policy = match Policy::parse(&node, HOME) {
        Ok(policy) => policy,
        Err(faults) => return assert!(!faults.is_empty(), "rejected without a fault"),
    };
    assert!(matches!(compare(&policy, &policy), Comparison::Same | Comparison::NotProven), "differs from itself");
    let alone = Allowed::new([&policy]).beyond(&policy);
    assert!(matches!(alone, Beyond::Nothing | Beyond::NotProven), "grants more than itself: {alone:?}");

    let canonical: &Policies = CANON.policies(NAMESPACE).expect("a guarded namespace");
    let _ = Allowed::new(canonical.by_name.values().map(|other| &other.policy)).beyond(&policy);
    for other in canonical.by_name.values() {
        agree(&compare(&other.policy, &policy), &compare(&policy, &other.policy));
    }
});

fn agree(there: &Comparison, back: &Comparison) {
    let (there, back) = match (there, back) {
        (Comparison::NotProven, _) | (_, Comparison::NotProven) | (Comparison::Same, Comparison::Same) => return,
        (Comparison::Drift(there), Comparison::Drift(back)) => (there, back),
        _ => panic!("the comparisons disagree: {there:?}, {back:?}"),
    };
    let expected = match there.change {
        Change::Wider => Change::Narrower,
        Change::Narrower => Change::Wider,
        Change::Both => Change::Both,
    };
    assert_eq!(back.change, expected, "{there:?} and the reverse {back:?}");
    for drift in [there, back] {
        assert!(!drift.differences.is_empty(), "drift without a difference");
        assert_eq!(drift.witness.is_some(), drift.change != Change::Narrower, "{drift:?}");
    }
}
