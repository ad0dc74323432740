use maud::{Render as _, html};

use super::super::data::safe;
use super::super::model::short;
use super::super::policies::rule_lines;
use super::super::text::{Text, count, shortened};
use crate::analysis::{Flow, PortSet};
use crate::policy::Direction;

#[test]
fn text_is_escaped_and_shows_what_is_invisible() {
    for (text, shown) in [
        ("a<b>&\"", "a&lt;b&gt;&amp;&quot;"),
        ("</script>", "&lt;/script&gt;"),
        ("x\u{202e}y\u{200f}", "x\\u{202e}y\\u{200f}"),
        ("\u{0}\u{1b}[1m\n", "\\u{0}\\u{1b}[1m\n"),
        ("é 日本 …", "é 日本 …"),
        ("\u{e000}", "\\u{e000}"),
    ] {
        assert_eq!(Text(text).render().into_string(), shown);
        assert_eq!(html! { (Text(text).plain()) }.into_string(), shown);
    }
}

#[test]
fn json_cannot_end_its_element() {
    let json = serde_json::json!({"a": "</script><!-- & \u{2028}\u{202e}\u{1f600} é"}).to_string();
    let text = safe(&json);
    assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{202e}', '\u{1f600}']), "{text}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::from_str::<serde_json::Value>(&json).unwrap());
}

#[test]
fn long_text_loses_its_middle() {
    assert_eq!(shortened("abcdef", 6), "abcdef");
    assert_eq!(shortened("abcdefg", 6), "abc…fg");
    assert_eq!(shortened("ééééééé", 3), "é…é");
    assert_eq!(
        (count(1, "policy"), count(2, "policy"), count(0, "endpoint")),
        ("1 policy".into(), "2 policies".into(), "0 endpoints".into())
    );
}

#[test]
fn ports_are_short_in_a_cell() {
    let ports = |list: &[(&str, u16)]| {
        PortSet::union(&list.iter().map(|(protocol, port)| PortSet::one(protocol, *port).unwrap()).collect::<Vec<_>>())
    };
    let flow = |allowed: PortSet, depends: PortSet| short(&Flow { allowed, depends, reasons: [].into() }, 2);
    let none = PortSet::none;
    assert_eq!(flow(ports(&[("TCP", 80), ("UDP", 53)]), none()), "80 53/udp");
    assert_eq!(flow(ports(&[("TCP", 80), ("TCP", 443), ("TCP", 8080), ("SCTP", 9)]), none()), "80 443 +2");
    assert_eq!(flow(ports(&[("TCP", 80)]), ports(&[("TCP", 81)])), "80 +?");
    assert_eq!(flow(none(), ports(&[("TCP", 81)])), "81?");
    assert_eq!(flow(PortSet::every(), none()), "all");
}

#[test]
fn each_rule_begins_at_its_line() {
    let text = "\
apiVersion: networking.k8s.io/v1
metadata:
  annotations:
    ingress: x
  ingress: y
spec:
  egress:
  - ports:
    - port: 53
    to:
    - podSelector: {}
  - to:
    - ipBlock:
        cidr: 10.0.0.0/8
  ingress:
  - {}
  podSelector:
    matchExpressions:
    - key: a
  policyTypes:
  - Ingress
";
    let lines: Vec<(usize, Direction, usize)> = [(7, Direction::Egress, 1), (11, Direction::Egress, 2), (15, Direction::Ingress, 1)].into();
    assert_eq!(rule_lines(text), lines);
}
