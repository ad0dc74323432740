//! The numbered rules of `semantics.md` that decide what a spec means.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{Change, Comparison, Home, Policy, Selector, compare};
use super::{HOME, drifts, egress, faults, ingress, parse, policy, same};
use crate::documents::{FaultKind, Node};

#[test]
fn rule_1_an_empty_egress_list_without_types_isolates_ingress_only() {
    same(r#"{"egress":[]}"#, r#"{"policyTypes":["Ingress"]}"#);
    drifts(r#"{"policyTypes":["Ingress","Egress"]}"#, r#"{"egress":[]}"#, Change::Wider);
    same(r#"{"egress":[{}]}"#, r#"{"policyTypes":["Ingress","Egress"],"egress":[{}]}"#);
}

#[test]
fn rule_2_rules_of_an_unlisted_direction_are_inert() {
    same(r#"{"policyTypes":["Ingress"],"egress":[{"ports":[{"port":1}]}]}"#, r#"{"policyTypes":["Ingress"]}"#);
}

#[test]
fn rule_3_protocol_defaults_to_tcp_and_an_empty_one_is_invalid() {
    same(&ingress(r#"[{"ports":[{"port":1}]}]"#), &ingress(r#"[{"ports":[{"port":1,"protocol":"TCP"}]}]"#));
    assert_eq!(
        faults(&ingress(r#"[{"ports":[{"protocol":""}]}]"#)),
        ["spec.ingress[0].ports[0].protocol: must be TCP, UDP or SCTP, in uppercase"]
    );
}

#[test]
fn rule_4_missing_null_and_empty_lists_are_one_thing() {
    for list in ["null", "[]"] {
        same(&format!(r#"{{"ingress":{list},"policyTypes":{list}}}"#), "{}");
    }
}

#[test]
fn rule_5_a_missing_pod_selector_selects_every_pod() {
    same("{}", r#"{"podSelector":{}}"#);
    same("{}", r#"{"podSelector":null}"#);
}

#[test]
fn rule_6_null_in_a_peer_is_not_set_and_an_empty_map_is() {
    let peer = |peer: &str| ingress(&format!(r#"[{{"from":[{peer}]}}]"#));
    same(
        &peer(r#"{"podSelector":null,"namespaceSelector":{"matchLabels":{"t":"x"}}}"#),
        &peer(r#"{"namespaceSelector":{"matchLabels":{"t":"x"}}}"#),
    );
    for nothing in ["{}", r#"{"podSelector":null}"#] {
        let faults = faults(&peer(nothing));
        assert_eq!(
            faults,
            [
                "spec.ingress[0].from[0]: a peer must have a podSelector, a namespaceSelector or an ipBlock; the selector {} selects everything"
            ]
        );
    }
}

#[test]
fn rules_9_and_10_each_direction_is_isolated_separately_and_zero_rules_allow_nothing() {
    drifts(&ingress("[]"), &ingress("[{}]"), Change::Wider);
    drifts(&egress("[]"), &ingress("[]"), Change::Both);
}

#[test]
fn rule_13_allow_all_in_one_direction_does_not_change_the_other() {
    drifts(r#"{"policyTypes":["Ingress","Egress"],"ingress":[{}]}"#, r#"{"policyTypes":["Ingress","Egress"],"egress":[{}]}"#, Change::Both);
}

#[test]
fn rule_14_peers_and_ports_must_both_match() {
    let rule = r#"{"from":[{"podSelector":{}}],"ports":[{"port":1}]}"#;
    drifts(&ingress(&format!("[{rule}]")), &ingress(r#"[{"from":[{"podSelector":{}}]}]"#), Change::Wider);
    drifts(&ingress(&format!("[{rule}]")), &ingress(r#"[{"ports":[{"port":1}]}]"#), Change::Wider);
}

#[test]
fn rules_15_and_16_all_fields_of_a_peer_must_match_and_any_peer_may() {
    let both = r#"[{"from":[{"namespaceSelector":{"matchLabels":{"t":"x"}},"podSelector":{"matchLabels":{"a":"x"}}}]}]"#;
    let either = r#"[{"from":[{"namespaceSelector":{"matchLabels":{"t":"x"}}},{"podSelector":{"matchLabels":{"a":"x"}}}]}]"#;
    drifts(&ingress(both), &ingress(either), Change::Wider);
}

#[test]
fn rule_17_a_pod_selector_alone_means_the_own_namespace() {
    let alone = ingress(r#"[{"from":[{"podSelector":{}}]}]"#);
    let every = ingress(r#"[{"from":[{"namespaceSelector":{},"podSelector":{}}]}]"#);
    drifts(&alone, &every, Change::Wider);
    let elsewhere: Node<'_> = serde_json::from_str(&alone).unwrap();
    let elsewhere = Policy::parse(&elsewhere, Home { namespace: "other", written_for: None }).unwrap();
    assert!(matches!(compare(&policy(&alone), &elsewhere), Comparison::Drift(_)));
}

#[test]
fn rule_18_selectors_compare_bytes_and_absence_is_not_a_value() {
    let selector = |value: serde_json::Value| Selector::parse(&Node::from(&value), "selector").unwrap();
    let matches = |selector: &Selector, labels: &[(&str, &str)]| {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        selector.matches(|key| labels.get(key).copied())
    };
    let empty = selector(json!({"matchExpressions": [{"key": "k", "operator": "In", "values": [""]}]}));
    assert!(matches(&empty, &[("k", "")]));
    assert!(!matches(&empty, &[]));
    let not = selector(json!({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["x"]}]}));
    assert!(matches(&not, &[]) && matches(&not, &[("k", "X")]) && !matches(&not, &[("k", "x")]));
    let all = selector(json!({}));
    assert!(matches(&all, &[]) && all.is_all());
    let case = selector(json!({"matchLabels": {"k": "x"}}));
    assert!(!matches(&case, &[("K", "x")]) && !matches(&case, &[("k", "X")]));
}

#[test]
fn rule_19_every_namespace_has_its_name() {
    let namespaces = |selector: &str| ingress(&format!(r#"[{{"from":[{{"namespaceSelector":{selector}}}]}}]"#));
    let expression = |operator: &str, values: &str| {
        namespaces(&format!(
            r#"{{"matchExpressions":[{{"key":"kubernetes.io/metadata.name","operator":"{operator}","values":[{values}]}}]}}"#
        ))
    };
    same(&expression("Exists", ""), &namespaces("{}"));
    same(&expression("DoesNotExist", ""), &ingress("[]"));
    // All names except one, and that one, are all names.
    same(
        &ingress(
            r#"[{"from":[{"podSelector":{}},{"namespaceSelector":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["abcdesktop"]}]}}]}]"#,
        ),
        &namespaces("{}"),
    );
}

#[test]
fn rule_20_a_port_entry_without_a_port_is_every_port_of_its_protocol() {
    drifts(&egress(r#"[{"ports":[{"protocol":"UDP"}]}]"#), &egress("[{}]"), Change::Wider);
    drifts(
        &egress(r#"[{"ports":[{"protocol":"UDP"}]}]"#),
        &egress(r#"[{"ports":[{"protocol":"UDP"},{"protocol":"TCP"}]}]"#),
        Change::Wider,
    );
}

#[test]
fn rule_21_end_ports_are_inclusive() {
    same(&egress(r#"[{"ports":[{"port":80,"endPort":82}]}]"#), &egress(r#"[{"ports":[{"port":80},{"port":81},{"port":82}]}]"#));
}

#[test]
fn rule_22_a_named_port_never_reaches_a_block_and_names_differ_by_protocol() {
    let block = r#"{"ipBlock":{"cidr":"10.0.0.0/8"}}"#;
    same(&egress(&format!(r#"[{{"to":[{block}],"ports":[{{"port":"http"}}]}}]"#)), &egress("[]"));
    // For ingress, the named port is resolved on the selected pod.
    drifts(&ingress("[]"), &ingress(&format!(r#"[{{"from":[{block}],"ports":[{{"port":"http"}}]}}]"#)), Change::Wider);
    drifts(&ingress(r#"[{"ports":[{"port":"dns"}]}]"#), &ingress(r#"[{"ports":[{"port":"dns","protocol":"UDP"}]}]"#), Change::Both);
}

#[test]
fn rule_24_families_do_not_mix() {
    let block = |cidr: &str| egress(&format!(r#"[{{"to":[{{"ipBlock":{{"cidr":"{cidr}"}}}}]}}]"#));
    drifts(&block("0.0.0.0/0"), &block("::/0"), Change::Both);
}

#[test]
fn rule_25_blocks_and_pods_never_cover_each_other() {
    let to = |peers: &str| egress(&format!(r#"[{{"to":[{peers}]}}]"#));
    let everywhere = r#"{"ipBlock":{"cidr":"0.0.0.0/0"}},{"ipBlock":{"cidr":"::/0"}}"#;
    drifts(&to(everywhere), &to(&format!(r#"{everywhere},{{"podSelector":{{}}}}"#)), Change::Wider);
    let pods = r#"{"namespaceSelector":{}}"#;
    drifts(&to(pods), &to(&format!(r#"{pods},{{"ipBlock":{{"cidr":"10.0.0.1/32"}}}}"#)), Change::Wider);
}

#[test]
fn rule_35_types_are_at_most_two_and_each_ingress_or_egress() {
    assert_eq!(faults(r#"{"policyTypes":["ingress"]}"#), ["spec.policyTypes[0]: must be Ingress or Egress"]);
    assert_eq!(faults(r#"{"policyTypes":["Ingress","Egress","Ingress"]}"#), ["spec.policyTypes: must have at most two entries"]);
}

#[test]
fn rules_36_and_37_invalid_ports_are_faults() {
    let port = |port: &str| ingress(&format!(r#"[{{"ports":[{port}]}}]"#));
    for bad in [
        r#"{"protocol":"tcp"}"#,
        r#"{"protocol":"ICMP"}"#,
        r#"{"port":0}"#,
        r#"{"port":65536}"#,
        r#"{"port":-1}"#,
        r#"{"port":80,"endPort":79}"#,
        r#"{"endPort":80}"#,
        r#"{"port":"http","endPort":80}"#,
        r#"{"port":"80"}"#,
        r#"{"port":"Http"}"#,
        r#"{"port":"a--b"}"#,
    ] {
        let kinds: Vec<FaultKind> = parse(&port(bad)).expect_err(bad).into_iter().map(|fault| fault.kind).collect();
        assert!(kinds.iter().all(|kind| *kind == FaultKind::Invalid), "{bad}: {kinds:?}");
    }
    assert!(faults(&port(r#"{"port":"80"}"#))[0].contains("remove the quotes from a port number"));
}

#[test]
fn rule_38_a_block_excludes_selectors() {
    let faults = faults(&ingress(r#"[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"},"podSelector":{}}]}]"#));
    assert_eq!(faults, ["spec.ingress[0].from[0]: an ipBlock cannot be combined with a selector; make it a separate peer"]);
}

#[test]
fn rule_39_ambiguous_and_invalid_blocks_are_equal_to_nothing() {
    let block = |block: &str| ingress(&format!(r#"[{{"from":[{{"ipBlock":{block}}}]}}]"#));
    for (cidr, kind) in [
        ("010.0.0.0/8", FaultKind::Ambiguous),
        ("10.0.0.00/8", FaultKind::Ambiguous),
        ("10.0.0.0/08", FaultKind::Ambiguous),
        ("::ffff:10.0.0.0/104", FaultKind::Ambiguous),
        ("::ffff:a00:0/104", FaultKind::Ambiguous),
        ("10.0.0/8", FaultKind::Invalid),
        ("10.0.0.0", FaultKind::Invalid),
        ("10.0.0.0/33", FaultKind::Invalid),
        ("10.0.0.0/+8", FaultKind::Invalid),
        ("10.0.0.0/", FaultKind::Invalid),
        ("fe80::1%eth0/64", FaultKind::Invalid),
        ("::/129", FaultKind::Invalid),
        ("", FaultKind::Invalid),
    ] {
        let found = parse(&block(&json!({"cidr": cidr}).to_string())).expect_err(cidr);
        assert_eq!(found.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [kind], "{cidr}");
    }
    for except in ["10.0.0.0/8", "11.0.0.0/16", "0.0.0.0/0", "2001:db8::/32"] {
        assert_eq!(
            faults(&block(&json!({"cidr": "10.0.0.0/8", "except": [except]}).to_string())),
            ["spec.ingress[0].from[0].ipBlock.except[0]: must be a smaller CIDR inside the CIDR of the block"]
        );
    }
    same(
        &block(r#"{"cidr":"10.0.0.0/8","except":["10.1.0.0/16","10.1.0.0/16","10.1.1.0/24"]}"#),
        &block(r#"{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}"#),
    );
}

#[test]
fn rule_40_invalid_selectors_are_faults() {
    let selector = |text: &str| format!(r#"{{"podSelector":{text}}}"#);
    let expression = |text: &str| selector(&format!(r#"{{"matchExpressions":[{text}]}}"#));
    for (spec, fault) in [
        (selector(r#"{"matchLabels":{"-":"x"}}"#), r#"spec.podSelector.matchLabels["-"]: the name in a label key"#),
        (selector(r#"{"matchLabels":{"k":"a b"}}"#), "spec.podSelector.matchLabels.k: a label value must have at most 63"),
        (expression(r#"{"key":"k","operator":"In"}"#), "spec.podSelector.matchExpressions[0].values: In requires at least one value"),
        (
            expression(r#"{"key":"k","operator":"Exists","values":["x"]}"#),
            "spec.podSelector.matchExpressions[0].values: Exists must have no values",
        ),
        (expression(r#"{"key":"k","operator":"in","values":["x"]}"#), "spec.podSelector.matchExpressions[0].operator: must be In"),
        (expression(r#"{"operator":"Exists"}"#), "spec.podSelector.matchExpressions[0].key: is missing"),
    ] {
        let found = faults(&spec);
        assert!(found.iter().any(|found| found.starts_with(fault)), "{spec}: {found:?}");
    }
}

#[test]
fn rule_41_unknown_fields_are_faults_at_every_level() {
    for (spec, field) in [
        (r#"{"future":1}"#, "spec.future"),
        (r#"{"ingress":[{"to":[]}]}"#, "spec.ingress[0].to"),
        (r#"{"ingress":[{"from":[{"podSelector":{},"serviceSelector":{}}]}]}"#, "spec.ingress[0].from[0].serviceSelector"),
        (r#"{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","excepts":[]}}]}]}"#, "spec.ingress[0].from[0].ipBlock.excepts"),
        (r#"{"ingress":[{"ports":[{"port":1,"portRange":2}]}]}"#, "spec.ingress[0].ports[0].portRange"),
        (r#"{"podSelector":{"matchFields":[]}}"#, "spec.podSelector.matchFields"),
        (
            r#"{"podSelector":{"matchExpressions":[{"key":"k","operator":"Exists","value":"x"}]}}"#,
            "spec.podSelector.matchExpressions[0].value",
        ),
    ] {
        let found = parse(spec).expect_err(spec);
        assert_eq!(
            found.iter().map(|fault| (fault.field.as_str(), fault.kind)).collect::<Vec<_>>(),
            [(field, FaultKind::UnknownField)],
            "{spec}"
        );
    }
}

#[test]
fn a_wrong_type_is_a_fault_of_its_own_kind() {
    for spec in [
        "[]",
        "null",
        r#"{"podSelector":[]}"#,
        r#"{"podSelector":{"matchLabels":{"k":true}}}"#,
        r#"{"podSelector":{"matchLabels":{"k":null}}}"#,
        r#"{"policyTypes":"Ingress"}"#,
        r#"{"policyTypes":[1]}"#,
        r#"{"ingress":{}}"#,
        r#"{"ingress":[null]}"#,
        r#"{"ingress":[{"from":{}}]}"#,
        r#"{"ingress":[{"from":[null]}]}"#,
        r#"{"ingress":[{"ports":[{"port":1.5}]}]}"#,
        r#"{"ingress":[{"ports":[{"port":true}]}]}"#,
        r#"{"ingress":[{"ports":[{"port":1,"endPort":"2"}]}]}"#,
        r#"{"ingress":[{"ports":[{"protocol":6}]}]}"#,
        r#"{"ingress":[{"from":[{"ipBlock":{"cidr":10}}]}]}"#,
        r#"{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":"10.1.0.0/16"}}]}]}"#,
    ] {
        let found = parse(spec).expect_err(spec);
        assert!(found.iter().all(|fault| fault.kind == FaultKind::WrongType), "{spec}: {found:?}");
    }
}

#[test]
fn a_canon_applies_to_another_namespace_than_it_was_written_for() {
    let spec = ingress(
        r#"[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"abcdesktop"}}},{"namespaceSelector":{"matchLabels":{"name":"abcdesktop"}}}]}]"#,
    );
    let node: Node<'_> = serde_json::from_str(&spec).unwrap();
    let moved = Policy::parse(&node, Home { namespace: "desks", written_for: Some("abcdesktop") }).unwrap();
    let expected = spec.replacen("abcdesktop", "desks", 1);
    let expected: Node<'_> = serde_json::from_str(&expected).unwrap();
    let expected = Policy::parse(&expected, Home { namespace: "desks", written_for: None }).unwrap();
    assert_eq!(compare(&moved, &expected), Comparison::Same);
    assert!(matches!(compare(&moved, &Policy::parse(&node, HOME).unwrap()), Comparison::Drift(_)));
}

#[test]
fn duplicate_keys_are_rejected() {
    for text in [r#"{"podSelector":{},"podSelector":{}}"#, r#"{"podSelector":{"matchLabels":{"a":"x","a":"y"}}}"#] {
        let error = serde_json::from_str::<Node<'_>>(text).expect_err(text).to_string();
        assert!(error.starts_with("duplicate key"), "{error}");
    }
}

#[test]
fn same_json_ignores_the_order_of_keys_and_empty_lists() {
    let node = |text: &'static str| -> Node<'static> { serde_json::from_str(text).unwrap() };
    let base = node(r#"{"a":[1,{"b":"x"}],"c":[]}"#);
    assert!(base.same_json(&node(r#"{"d":null,"a":[1,{"b":"x","e":[]}]}"#)));
    for other in
        [r#"{"a":[{"b":"x"},1]}"#, r#"{"a":[1,{"b":"y"}]}"#, r#"{"a":[1,{"b":"x"}],"c":[1]}"#, r#"{"a":[1,{"b":"x"}],"f":{}}"#, "[]"]
    {
        assert!(!base.same_json(&node(other)) && !node(other).same_json(&base), "{other}");
    }
}

#[test]
fn is_exactly_ignores_only_the_order_of_keys() {
    let node = |text: &'static str| -> Node<'static> { serde_json::from_str(text).unwrap() };
    let base = node(r#"{"a":[1,{"b":"x"}],"c":[],"status":1}"#);
    assert!(base.is_exactly(&node(r#"{"c":[],"a":[1,{"b":"x"}],"status":2,"metadata":{}}"#), &["status", "metadata"]));
    for other in
        [r#"{"a":[1,{"b":"x"}]}"#, r#"{"a":[1,{"b":"x"}],"c":null}"#, r#"{"a":[1,{"b":"x","status":1}],"c":[]}"#, r#"{"a":[1,{}],"c":[]}"#]
    {
        assert!(!base.is_exactly(&node(other), &["status"]) && !node(other).is_exactly(&base, &["status"]), "{other}");
    }
}
