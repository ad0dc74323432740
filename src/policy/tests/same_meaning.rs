//! Part 2a of `semantics.md`: spellings with one meaning.

use super::super::{Allowed, Beyond, Change};
use super::{drifts, egress, ingress, policy, same};

const PEERS: &str = r#"{"podSelector":{"matchLabels":{"run":"a"}}},{"ipBlock":{"cidr":"10.0.0.0/8"}}"#;

#[test]
fn part_2a_1_order_and_duplicates() {
    same(
        r#"{"podSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["x","y"]}]},"policyTypes":["Ingress","Egress"],
            "ingress":[{"from":[{"podSelector":{}},{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16","10.2.0.0/16"]}}],"ports":[{"port":1},{"port":2}]},{"ports":[{"port":3}]}]}"#,
        r#"{"podSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["y","x","y"]}]},"policyTypes":["Egress","Ingress"],
            "ingress":[{"ports":[{"port":3},{"port":3}]},{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.2.0.0/16","10.1.0.0/16","10.1.0.0/16"]}},{"podSelector":{}},{"podSelector":{}}],"ports":[{"port":2},{"port":1}]},{"ports":[{"port":3}]}]}"#,
    );
    same(r#"{"policyTypes":["Ingress","Ingress"]}"#, r#"{"policyTypes":["Ingress"]}"#);
}

#[test]
fn part_2a_2_missing_null_empty_and_defaults() {
    same(r#"{"podSelector":{},"policyTypes":["Ingress"]}"#, r#"{"podSelector":null,"policyTypes":null,"ingress":[],"egress":null}"#);
    same(r#"{"policyTypes":["Ingress"]}"#, "{}");
    same(r#"{"egress":[{}]}"#, r#"{"policyTypes":["Ingress","Egress"],"egress":[{}]}"#);
    same(&ingress(r#"[{"from":[],"ports":[]}]"#), &ingress(r#"[{"from":null}]"#));
    same(&ingress(r#"[{"ports":[{"port":80}]}]"#), &ingress(r#"[{"ports":[{"port":80,"protocol":"TCP","endPort":null}]}]"#));
    same(
        &ingress(r#"[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":[]}}]}]"#),
        &ingress(r#"[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]"#),
    );
    // Rules of a direction that is not listed.
    same(r#"{"policyTypes":["Ingress"],"egress":[{}]}"#, r#"{"policyTypes":["Ingress"]}"#);
}

fn pods(selector: &str) -> String {
    ingress(&format!(r#"[{{"from":[{{"podSelector":{selector}}}]}}]"#))
}

fn expressions(list: &str) -> String {
    pods(&format!(r#"{{"matchExpressions":[{list}]}}"#))
}

#[test]
fn part_2a_3_selectors() {
    let expression = |key: &str, operator: &str, values: &str| format!(r#"{{"key":"{key}","operator":"{operator}","values":[{values}]}}"#);
    let (is, is_not) = (|values: &str| expression("k", "In", values), |values: &str| expression("k", "NotIn", values));
    let (exists, missing) = (expression("k", "Exists", ""), expression("k", "DoesNotExist", ""));
    let both = |left: &str, right: &str| expressions(&format!("{left},{right}"));
    same(&pods(r#"{"matchLabels":{"k":"v"}}"#), &expressions(&is(r#""v""#)));
    same(&both(&is(r#""a","b""#), &is(r#""b","c""#)), &expressions(&is(r#""b""#)));
    same(&both(&is_not(r#""a""#), &is_not(r#""b""#)), &expressions(&is_not(r#""a","b""#)));
    same(&both(&is(r#""a","b""#), &is_not(r#""b""#)), &expressions(&is(r#""a""#)));
    same(&both(&exists, &is(r#""a""#)), &expressions(&is(r#""a""#)));
    same(&both(&exists, &is_not(r#""a""#)), &both(&is_not(r#""a""#), &exists));
    // A contradiction selects nothing. Its peer is dropped, and so is a rule that has no other peer.
    for contradiction in [both(&is(r#""a""#), &is(r#""b""#)), both(&exists, &missing)] {
        same(&contradiction, &ingress("[]"));
        drifts(&contradiction, &ingress("[{}]"), Change::Wider);
    }
}

#[test]
fn part_2a_4_short_forms_of_peers() {
    same(
        &ingress(r#"[{"from":[{"podSelector":{"matchLabels":{"run":"a"}}}]}]"#),
        &ingress(
            r#"[{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"abcdesktop"}},"podSelector":{"matchLabels":{"run":"a"}}}]}]"#,
        ),
    );
    same(
        &ingress(r#"[{"from":[{"namespaceSelector":{"matchLabels":{"team":"x"}}}]}]"#),
        &ingress(r#"[{"from":[{"namespaceSelector":{"matchLabels":{"team":"x"}},"podSelector":{}}]}]"#),
    );
}

#[test]
fn part_2a_5_ports() {
    let ports = |list: &str| egress(&format!(r#"[{{"ports":[{list}]}}]"#));
    same(&ports(r#"{"port":80},{"port":81}"#), &ports(r#"{"port":80,"endPort":81}"#));
    same(&ports(r#"{"port":80,"endPort":90},{"port":85,"endPort":99}"#), &ports(r#"{"port":80,"endPort":99}"#));
    same(&ports(r#"{"port":80,"endPort":80}"#), &ports(r#"{"port":80}"#));
    same(&ports(r#"{"port":1,"endPort":65535}"#), &ports(r#"{"protocol":"TCP"}"#));
    same(&ports(r#"{"port":1,"endPort":65535}"#), &ports(r#"{"protocol":"TCP"},{"port":"http"}"#));
    same(&ports(r#"{"port":"http"},{"port":1,"endPort":100},{"port":101,"endPort":65535}"#), &ports(r#"{"protocol":"TCP"}"#));
    same(&ports(r#"{"protocol":"UDP","port":53},{"protocol":"UDP"}"#), &ports(r#"{"protocol":"UDP"}"#));
}

#[test]
fn part_2a_5_every_number_covers_a_named_port_across_rules() {
    same(
        &egress(
            r#"[{"to":[{"podSelector":{}}],"ports":[{"port":1,"endPort":99}]},{"to":[{"podSelector":{}}],"ports":[{"port":100,"endPort":65535},{"port":"http"}]}]"#,
        ),
        &egress(r#"[{"to":[{"podSelector":{}}],"ports":[{"protocol":"TCP"}]}]"#),
    );
}

#[test]
fn part_2a_6_blocks() {
    let blocks = |list: &str| egress(&format!(r#"[{{"to":[{list}]}}]"#));
    let block = |cidr: &str| format!(r#"{{"ipBlock":{{"cidr":"{cidr}"}}}}"#);
    same(&blocks(&block("10.1.2.3/8")), &blocks(&block("10.0.0.0/8")));
    same(&blocks(&block("2001:0DB8:0:0::1/32")), &blocks(&block("2001:db8::/32")));
    same(&blocks(&[block("10.0.0.0/9"), block("10.128.0.0/9")].join(",")), &blocks(&block("10.0.0.0/8")));
    same(&blocks(r#"{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.0.0.0/9"]}}"#), &blocks(&block("10.128.0.0/9")));
    same(
        &egress(&format!(
            r#"[{{"to":[{}],"ports":[{{"port":1}}]}},{{"to":[{}],"ports":[{{"port":1}}]}}]"#,
            block("10.0.0.0/9"),
            block("10.128.0.0/9")
        )),
        &egress(&format!(r#"[{{"to":[{}],"ports":[{{"port":1}}]}}]"#, block("10.0.0.0/8"))),
    );
    // An except does not deny: another peer may allow the excluded addresses.
    same(
        &blocks(&format!(r#"{{"ipBlock":{{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}}},{}"#, block("10.1.0.0/16"))),
        &blocks(&block("10.0.0.0/8")),
    );
}

#[test]
fn part_2a_7_rules_split_and_merged() {
    let [a, b] = [r#"{"podSelector":{"matchLabels":{"run":"a"}}}"#, r#"{"ipBlock":{"cidr":"10.0.0.0/8"}}"#];
    let rule = |peers: &str, ports: &str| format!(r#"{{"from":[{peers}],"ports":[{ports}]}}"#);
    let (p, q) = (r#"{"port":1}"#, r#"{"port":2}"#);
    let whole = ingress(&format!("[{}]", rule(PEERS, &format!("{p},{q}"))));
    let single = ingress(&format!("[{},{},{},{}]", rule(a, p), rule(b, q), rule(a, q), rule(b, p)));
    same(&whole, &single);
    let diagonal = ingress(&format!("[{},{}]", rule(a, p), rule(b, q)));
    drifts(&whole, &diagonal, Change::Narrower);
}

#[test]
fn part_2a_7_two_complementary_peers_equal_one() {
    same(
        &ingress(
            r#"[{"from":[{"podSelector":{"matchLabels":{"env":"a"}}},{"podSelector":{"matchExpressions":[{"key":"env","operator":"NotIn","values":["a"]}]}}]}]"#,
        ),
        &ingress(r#"[{"from":[{"podSelector":{}}]}]"#),
    );
}

#[test]
fn part_2a_8_a_rule_covered_by_another_of_the_policy() {
    same(
        &ingress(
            r#"[{"ports":[{"port":443},{"port":80}]},{"from":[{"podSelector":{"matchLabels":{"netpol/nginx":"true"}}}],"ports":[{"port":443}]}]"#,
        ),
        &ingress(r#"[{"ports":[{"port":443},{"port":80}]}]"#),
    );
}

#[test]
fn parts_2a_8_and_2a_9_rules_moved_between_objects_are_the_same_set() {
    let both = policy(&ingress(r#"[{"ports":[{"port":1}]},{"ports":[{"port":2}]}]"#));
    let halves = [policy(&ingress(r#"[{"ports":[{"port":1}]}]"#)), policy(&ingress(r#"[{"ports":[{"port":2}]}]"#))];
    assert_eq!(Allowed::new(&halves).beyond(&both), Beyond::Nothing);
    for half in &halves {
        assert_eq!(Allowed::new([&both]).beyond(half), Beyond::Nothing);
    }
    // Compared as single objects, both are drift.
    drifts(&ingress(r#"[{"ports":[{"port":1}]},{"ports":[{"port":2}]}]"#), &ingress(r#"[{"ports":[{"port":1}]}]"#), Change::Narrower);
}
