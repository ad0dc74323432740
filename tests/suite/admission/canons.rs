//! Several accepted canons.

use std::sync::Arc;

use netpol::admission;
use netpol::audit::Level;
use netpol::canon::{Canon, Canons, DEFAULT, Documents};
use netpol::verdict::{Guard, Hints, Settings, Stage};
use serde_json::{Value, json};

use super::made::{Made, policy};
use super::{denied, passes, warned};

const NAME: &str = "ocuser-rights";

fn guard_of(names: &[&str]) -> Guard {
    let settings = Settings::default();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Guard::new(Arc::new(Canons::load(&names, &settings.namespaces).unwrap()), Arc::new(settings))
}

fn spec(canon: &str) -> Value {
    let canon = Canon::load(canon, &Settings::default().namespaces).unwrap();
    canon.policies("abcdesktop").unwrap().named(NAME).unwrap().manifest["spec"].clone()
}

/// Returns the spec with one more port, in another spelling.
fn drifted(canon: &str) -> Value {
    let mut spec = spec(canon);
    spec["ingress"].as_array_mut().unwrap().push(json!({"ports": [{"protocol": "TCP", "port": 22}]}));
    spec
}

#[test]
fn a_policy_may_mean_what_any_accepted_canon_says() {
    let both = guard_of(&DEFAULT);
    passes(&both, &Made::policy(NAME, spec(DEFAULT[0])));
    let other = Made::policy(NAME, spec(DEFAULT[1]));
    let answer = super::put(&both, Stage::Validate, &other);
    assert!(answer.allowed && answer.warnings.is_empty() && answer.record.is_none(), "{answer:?}");
    assert_eq!(answer.rule.as_deref(), Some("other-canon"));
    let refused = denied(&guard_of(&DEFAULT[..1]), &other, "policy-drift");
    assert!(refused.message.contains(". It is the policy of the built-in canon abcdesktop-4.4. To restore it: "), "{}", refused.message);
    let neither = denied(&both, &Made::policy(NAME, drifted(DEFAULT[0])), "policy-drift");
    assert!(!neither.message.contains("built-in canon"), "{}", neither.message);
}

#[test]
fn a_change_from_one_canon_to_another_is_a_warning() {
    let both = guard_of(&DEFAULT);
    let update = |old: Value, new: Value| Made::policy_update(policy(NAME, old), policy(NAME, new));
    for (from, to) in [(0, 1), (1, 0)] {
        let answer = warned(&both, &update(spec(DEFAULT[from]), spec(DEFAULT[to])), "other-canon");
        let expected = format!("changes from the canon \"{}\" to the canon \"{}\"", DEFAULT[from], DEFAULT[to]);
        assert!(answer.warnings.join(" ").contains(&expected), "{:?}", answer.warnings);
    }
    passes(&both, &update(spec(DEFAULT[0]), spec(DEFAULT[0])));
}

#[test]
fn a_drifted_update_is_compared_with_the_canon_of_the_old_policy() {
    let both = guard_of(&DEFAULT);
    for canon in DEFAULT {
        let update = Made::policy_update(policy(NAME, spec(canon)), policy(NAME, drifted(canon)));
        let message = denied(&both, &update, "policy-drift").message;
        assert!(message.contains("also allows TCP 22 from anyone"), "{message}");
        assert!(!message.contains("TCP 6000"), "compared with another canon: {message}");
        let flag = if canon == DEFAULT[0] { "" } else { "--canon abcdesktop-4.4 " };
        assert!(message.ends_with(&format!("netpol render policies {flag}--only {NAME} | kubectl apply -f -")), "{message}");
    }
}

#[test]
fn a_new_policy_in_which_the_canons_differ_leaves_the_choice_of_the_canon() {
    let both = guard_of(&DEFAULT);
    let message = denied(&both, &Made::policy(NAME, drifted(DEFAULT[0])), "policy-drift").message;
    let cure = "The accepted canons differ in it: choose that of the canon \"abcdesktop\" or the canon \"abcdesktop-4.4\". \
                To restore that of the first: netpol render policies --canon abcdesktop --only ocuser-rights | kubectl apply -f -";
    assert!(message.ends_with(cure), "{message}");
    let message = denied(&both, &Made::policy("memcached-rights", json!({"podSelector": {}})), "policy-drift").message;
    assert!(message.ends_with("To restore it: netpol render policies --only memcached-rights | kubectl apply -f -"), "{message}");
}

#[test]
fn only_a_policy_of_the_first_canon_must_stay() {
    let isolating = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}\n";
    let more = isolating.to_owned()
        + "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: old}, spec: {podSelector: {matchLabels: {run: x}}}}\n";
    let settings = Settings::default();
    let documents = [Documents::from_text("new.yaml", isolating), Documents::from_text("old.yaml", &more)];
    let canons = Canons::from_documents(&documents, &settings.namespaces).unwrap();
    let guard = Guard::new(Arc::new(canons), Arc::new(settings));
    let delete = |name: &str| Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name(name);
    denied(&guard, &delete("all"), "policy-deleted");
    let answer = warned(&guard, &delete("old"), "other-canon");
    assert!(answer.warnings.join(" ").contains("only the canon \"old.yaml\" does, so it may be missing"), "{:?}", answer.warnings);
    passes(&guard, &delete("other"));
}

#[test]
fn an_extra_policy_may_allow_what_any_canon_allows() {
    let from_4_4 = json!({"podSelector": {"matchLabels": {"type": "x11server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"netpol/ocapplication": "true"}}}], "ports": [{"protocol": "TCP", "port": 6000}]}]});
    passes(&guard_of(&DEFAULT), &Made::policy("extra", from_4_4.clone()));
    denied(&guard_of(&DEFAULT[..1]), &Made::policy("extra", from_4_4), "extra-policy");
}

/// The folder of the canons of [`custom`], which no user of the cluster may see.
const FOLDER: &str = "/etc/netpol/canon";

/// Returns a guard as the server has it, with two canons from files before a built-in one. Both custom canons have every
/// policy of a built-in canon, and the second one has another policy that nothing else has.
fn custom(display_name: Option<&str>) -> Guard {
    let settings = Settings::default();
    let text = |name: &str| Documents::read(name).unwrap().texts().map(|(_, text)| text.to_owned()).collect::<Vec<_>>().join("---\n");
    let more = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: old}, spec: {podSelector: {matchLabels: {run: x}}}}\n";
    let documents = [
        Documents::from_text(&format!("{FOLDER}/first.yaml"), &text(DEFAULT[0])),
        Documents::from_text(&format!("{FOLDER}/second.yaml"), &(text("abcdesktop-4.0") + more)),
        Documents::read(DEFAULT[1]).unwrap(),
    ];
    let canons = Canons::from_documents(&documents, &settings.namespaces).unwrap();
    Guard { hints: Hints::Remote(display_name.map(str::to_owned)), ..Guard::new(Arc::new(canons), Arc::new(settings)) }
}

/// Returns everything that a review leaves behind: the response and the record, as text.
fn traces(guard: &Guard, body: &[u8]) -> String {
    [Stage::Mutate, Stage::Validate]
        .map(|stage| {
            let answer = admission::answer(guard, stage, body, Level::All);
            format!("{}\n{}\n", String::from_utf8(answer.body).unwrap(), serde_json::to_string(&answer.record).unwrap())
        })
        .concat()
}

#[test]
fn no_sentence_names_the_path_of_a_canon() {
    let update = |name: &str, old: Value, new: Value| Made::policy_update(policy(name, old), policy(name, new));
    let delete = |name: &str| Made::of("DELETE", "networking.k8s.io", "networkpolicies", "NetworkPolicy").name(name);
    let speedtest = |canon: &str| {
        let canon = Canon::load(canon, &Settings::default().namespaces).unwrap();
        canon.policies("abcdesktop").unwrap().named("speedtest-rights").unwrap().manifest["spec"].clone()
    };
    let faulty = json!({"podSelector": {}, "ingress": [{"ports": [{"port": 0}]}]});
    // Too many pairs of a peer and a port.
    let peers: Vec<Value> = (0..2500).map(|number| json!({"podSelector": {"matchLabels": {"run": format!("app-{number}")}}})).collect();
    let ports: Vec<Value> = (0..2500).map(|number| json!({"port": 2 * number + 1})).collect();
    let mut vast = spec(DEFAULT[0]);
    vast["ingress"] = json!([{"from": peers.clone(), "ports": ports.clone()}, {"from": peers, "ports": ports[1..]}]);
    // Every sentence about a canon, with the names that it must have: of a named canon, and of an unnamed one.
    let first = ["the canon \\\"desktops\\\" (custom canon 1)", "custom canon 1"];
    let second = ["the canon \\\"desktops\\\" (custom canon 2)", "custom canon 2"];
    let cases = [
        ("which is accepted", Made::policy("speedtest-rights", speedtest("abcdesktop-4.0")), vec![first, second]),
        ("which is accepted", Made::policy(NAME, spec(DEFAULT[1])), vec![first]),
        ("both are accepted", update("speedtest-rights", speedtest("abcdesktop"), speedtest("abcdesktop-4.0")), vec![first, second]),
        ("the target, does not have it", delete("old"), vec![first, second]),
        ("drifts from", Made::policy(NAME, drifted(DEFAULT[0])), vec![first]),
        ("cannot match", Made::policy("old", faulty.clone()), vec![second]),
        ("cannot be proven equal", Made::policy(NAME, vast), vec![first]),
        ("cannot match", Made::policy(NAME, faulty.clone()), vec![first]),
        ("drifts from", update(NAME, drifted(DEFAULT[0]), drifted(DEFAULT[0])), vec![first]),
        ("can be deleted only with", delete(NAME), vec![]),
        ("cannot be compared", Made::policy("extra", faulty), vec![]),
        ("is wider than", Made::policy("extra", drifted(DEFAULT[0])), vec![]),
    ];
    for (position, name) in [Some("desktops"), None].into_iter().enumerate() {
        let guard = custom(name);
        for (case, review, names) in &cases {
            let traces = traces(&guard, &review.bytes());
            assert!(!traces.contains(FOLDER) && traces.contains(case), "{case}: {traces}");
            for name in names {
                assert!(traces.contains(name[position]), "{case}: {} is not in {traces}", name[position]);
            }
        }
        for entry in std::fs::read_dir(crate::support::root().join("tests/reviews")).unwrap() {
            let path = entry.unwrap().path();
            let traces = traces(&guard, &std::fs::read(&path).unwrap());
            assert!(!traces.contains(FOLDER), "{}: {traces}", path.display());
        }
    }
}

#[test]
fn the_only_custom_canon_needs_no_number() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}";
    for (name, expected) in [(Some("desktops"), "of the canon \"desktops\": kubectl"), (None, "of the custom canon: kubectl")] {
        let settings = Settings::default();
        let canons = Canons::from_documents(&[Documents::from_text(FOLDER, text)], &settings.namespaces).unwrap();
        let guard = Guard { hints: Hints::Remote(name.map(str::to_owned)), ..Guard::new(Arc::new(canons), Arc::new(settings)) };
        let message = denied(&guard, &Made::policy("all", json!({"podSelector": {"matchLabels": {"run": "x"}}})), "policy-drift").message;
        assert!(message.contains(expected) && !message.contains(FOLDER), "{message}");
    }
}
