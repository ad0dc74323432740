//! The measured cases: each kind of review, the comparison of each canonical policy, the most expensive reviews, the
//! loading of a canon, and its findings.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use netpol::admission::{Answer, answer};
use netpol::analysis::identities;
use netpol::analysis::lint::{Input, lint};
use netpol::audit::Level;
use netpol::canon::{BUILT_IN, Canon, Canons, Documents};
use netpol::documents::Node;
use netpol::policy::{Allowed, Home, Policy, compare};
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::Value;

use crate::bodies::{self, NAMESPACE};
use crate::{canons, worst};

/// The number of policies and of grants in a large canon: more than 70 times as many as in the built-in canon.
pub const LARGE: usize = 2_000;

/// The bodies that are also judged with a large canon.
const LARGE_CANON: [&str; 3] = ["pod-14k/mutate", "pod-refused/validate", "policy/validate"];

/// A call to measure. It drops its result.
pub type Call = Box<dyn Fn()>;

/// Returns the names of all cases, in the order of the table.
pub fn names() -> Vec<String> {
    let guard = guard();
    let mut names: Vec<String> = bodies::all(guard.canons.first()).iter().map(|body| format!("review/{}", body.name)).collect();
    for name in worst::NAMES {
        names.extend(["worst-drift", "worst-extra"].map(|question| format!("{question}/{name}")));
    }
    names.extend(LARGE_CANON.map(|body| format!("large-canon/{body}")));
    for built_in in BUILT_IN {
        names.extend(["canon", "lint"].map(|what| format!("{what}/{built_in}")));
    }
    for name in guard.canons.first().policies(NAMESPACE).into_iter().flat_map(|policies| policies.by_name.keys()) {
        names.extend(["compare", "beyond"].map(|question| format!("{question}/{name}")));
    }
    names
}

/// Returns the number of calls over which instructions are averaged. Each new hash map has its own seed, and the cost of a
/// short call depends on it by more than the tolerance. A long call has many maps.
pub fn calls(name: &str) -> u64 {
    match name.split_once('/') {
        Some(("compare" | "beyond", _)) => 64,
        Some(("review" | "large-canon", _)) => 16,
        _ => 1,
    }
}

/// Prepares a case, or returns `None` if there is none of that name.
pub fn prepare(name: &str) -> Option<Call> {
    let (kind, rest) = name.split_once('/')?;
    match kind {
        "review" | "large-canon" => {
            let mut guard = guard();
            if kind == "large-canon" {
                guard.canons = Arc::new(canons::compile(&canons::document(LARGE, LARGE)));
            }
            let body = bodies::all(guard.canons.first()).into_iter().find(|body| body.name == rest)?;
            let first = answer(&guard, body.stage, &body.bytes, Level::Denied);
            assert_eq!(allowed(&first), Some(body.allowed), "{name}: {}", String::from_utf8_lossy(&first.body));
            Some(review(guard, body.stage, body.bytes))
        }
        "worst-drift" => Some(review(guard(), Stage::Validate, worst::body(rest, bodies::LARGEST)?)),
        "worst-extra" => Some(review(guard(), Stage::Validate, worst::body(rest, "extra")?)),
        "canon" => {
            let source = BUILT_IN.into_iter().find(|built_in| *built_in == rest)?;
            let namespaces = Settings::default().namespaces;
            Some(Box::new(move || {
                let documents = Documents::read(black_box(source)).expect("a built-in canon is read");
                black_box(Canon::from_documents(&documents, &namespaces).expect("a built-in canon compiles"));
            }))
        }
        "lint" => {
            let source = BUILT_IN.into_iter().find(|built_in| *built_in == rest)?;
            let canons = Canons::load(&[source.to_owned()], &Settings::default().namespaces).expect("a built-in canon loads");
            let (policies, endpoints) = identities::of_canon(&canons, NAMESPACE);
            let namespaces = BTreeMap::new();
            Some(Box::new(move || {
                let (policies, endpoints, canon) = (&policies, &endpoints, Some(&canons));
                let input = Input { policies, endpoints, namespaces: &namespaces, canon, namespace: NAMESPACE, ignores: &[] };
                let found = lint(black_box(input));
                assert!(!found.findings.is_empty(), "every built-in canon has findings");
                black_box(found);
            }))
        }
        "compare" => {
            let (canonical, found) = twins(rest)?;
            Some(Box::new(move || {
                black_box(compare(black_box(&canonical), black_box(&found)));
            }))
        }
        "beyond" => {
            let (_, found) = twins(rest)?;
            let canon = guard().canons;
            let allowed = move |question: &dyn Fn(&Allowed)| question(canon.policies(NAMESPACE).expect("a guarded namespace").allowed);
            Some(Box::new(move || {
                allowed(&|allowed| {
                    black_box(allowed.beyond(black_box(&found)));
                });
            }))
        }
        _ => None,
    }
}

/// Returns a guard with the default canon and default flags.
pub fn guard() -> Guard {
    let settings = Settings::default();
    let canon = Canons::load(&[BUILT_IN[0].to_owned()], &settings.namespaces).expect("the built-in canon loads");
    // The first drift compiles the other built-in canons.
    canon.unaccepted();
    Guard::new(Arc::new(canon), Arc::new(settings))
}

fn review(guard: Guard, stage: Stage, body: Vec<u8>) -> Call {
    Box::new(move || {
        black_box(answer(&guard, stage, black_box(&body), Level::Denied));
    })
}

/// Returns whether an answer admits its request.
pub fn allowed(answer: &Answer) -> Option<bool> {
    let review: Value = serde_json::from_slice(&answer.body).ok()?;
    review["response"]["allowed"].as_bool()
}

/// Returns a canonical policy, and the same policy with its rules in reverse order.
fn twins(name: &str) -> Option<(Policy, Policy)> {
    let canon = guard().canons;
    let canonical = canon.first().policies(NAMESPACE)?.named(name)?;
    let mut spec = canonical.manifest["spec"].clone();
    for direction in ["ingress", "egress"] {
        if let Some(rules) = spec.get_mut(direction).and_then(Value::as_array_mut) {
            rules.reverse();
        }
    }
    let home = Home { namespace: NAMESPACE, written_for: None };
    let found = Policy::parse(&Node::from(&spec), home).expect("a canonical policy in another order");
    Some((canonical.policy.clone(), found))
}
