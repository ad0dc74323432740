//! Named ports of blocks (rule 22 of `semantics.md`).

use super::super::{Allowed, Beyond, Change};
use super::{drifts, egress, policy, same};

/// Returns an egress policy with one rule for each pair of CIDRs and ports, both in short form.
fn to_blocks(rules: &[(&str, &str)]) -> String {
    let rule = |(cidrs, ports): &(&str, &str)| {
        let blocks: Vec<String> = cidrs.split(' ').map(|cidr| format!(r#"{{"ipBlock":{{"cidr":"{cidr}"}}}}"#)).collect();
        format!(r#"{{"to":[{}],"ports":[{ports}]}}"#, blocks.join(","))
    };
    egress(&format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(",")))
}

#[test]
fn rule_22_a_named_port_of_a_block_is_never_empty() {
    let (web, tcp, udp) = (r#"{"port":"web"}"#, r#"{"protocol":"TCP"}"#, r#"{"protocol":"UDP"}"#);
    let canonical = to_blocks(&[("10.0.0.0/8", web)]);
    let drift = drifts(&egress("[]"), &canonical, Change::Wider);
    let witness = drift.witness.unwrap().to_string();
    assert_eq!(witness, "any pod of the namespace could reach a pod with address 10.0.0.1 on TCP web");
    let difference = drift.differences[0].to_string();
    assert_eq!(difference, "egress rule 1 also allows TCP web to addresses 10.0.0.0-10.255.255.255");
    drifts(&egress("[]"), &to_blocks(&[("2001:db8::/32", web)]), Change::Wider);

    // The same name on blocks that contain it covers it, and so does every port of its protocol.
    for (cidrs, ports) in [("0.0.0.0/0", web), ("10.0.0.0/9 10.128.0.0/9", web), ("10.0.0.0/8", tcp)] {
        let wider = to_blocks(&[(cidrs, ports), ("10.0.0.0/8", web)]);
        same(&wider, &to_blocks(&[(cidrs, ports)]));
    }
    same(
        &to_blocks(&[("10.0.0.0/9", web), ("10.128.0.0/9", tcp), ("10.0.0.0/8", web)]),
        &to_blocks(&[("10.0.0.0/9", web), ("10.128.0.0/9", tcp)]),
    );
    same(
        &egress(&format!(r#"[{{"ports":[{web}]}},{{"to":[{{"ipBlock":{{"cidr":"10.0.0.0/8"}}}}],"ports":[{web}]}}]"#)),
        &egress(&format!(r#"[{{"ports":[{web}]}}]"#)),
    );

    // Nothing else covers it: part of the block, another name, another protocol, some numbers, pods.
    let all_but_one = r#"{"port":1,"endPort":79},{"port":81,"endPort":65535}"#;
    for other in [
        to_blocks(&[("10.0.0.0/9", web)]),
        to_blocks(&[("10.0.0.0/8", r#"{"port":"http"}"#)]),
        to_blocks(&[("10.0.0.0/8", r#"{"port":"web","protocol":"UDP"}"#)]),
        to_blocks(&[("10.0.0.0/8", udp)]),
        to_blocks(&[("10.0.0.0/8", all_but_one)]),
        to_blocks(&[("::/0", tcp)]),
        egress(&format!(r#"[{{"to":[{{"namespaceSelector":{{}}}}],"ports":[{tcp}]}}]"#)),
    ] {
        let both =
            other.replacen(r#""egress":["#, &format!(r#""egress":[{{"to":[{{"ipBlock":{{"cidr":"10.0.0.0/8"}}}}],"ports":[{web}]}},"#), 1);
        drifts(&other, &both, Change::Wider);
        let grants = Allowed::new([&policy(&other)]).beyond(&policy(&canonical));
        assert!(matches!(&grants, Beyond::Grants(witness) if witness.port.as_deref() == Some("web")), "{other}: {grants:?}");
    }
    assert_eq!(Allowed::new([&policy(&to_blocks(&[("0.0.0.0/0", tcp)]))]).beyond(&policy(&canonical)), Beyond::Nothing);
}
