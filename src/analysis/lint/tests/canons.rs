//! The built-in canons: lint finds their known oddities by itself.

use super::super::{LintRule, Severity};
use super::{ids, of};
use crate::canon::Canons;

const NAMESPACE: &str = "abcdesktop";

fn of_rule(canon: &str, rule: LintRule) -> Vec<String> {
    let canons = Canons::load(&[canon.to_owned()], &[NAMESPACE.to_owned()]).unwrap();
    let found = of(&canons, NAMESPACE);
    found.findings.iter().filter(|finding| finding.rule == rule).map(|finding| format!("{}: {}", finding.id, finding.message)).collect()
}

/// The oddities of release 4.4 and of the documented canon: rule, the canons, the id of the finding, and a part of the message.
const ODDITIES: [(LintRule, &[&str], &str, &str); 32] = {
    use LintRule::{
        DeadRule, HardCodedNamespace, MetadataAddress, MixedDirections, NoDnsPath, OneSidedPort, OpenPeer, OrInsteadOfAnd, ReachesOwnKind,
        RedundantPolicy, SelectsNothing, UngrantedLabel, UnsetNamespaceLabel,
    };
    const BOTH: &[&str] = &["abcdesktop", "abcdesktop-4.4"];
    const DOCUMENTED: &[&str] = &["abcdesktop"];
    const RELEASE: &[&str] = &["abcdesktop-4.4"];
    [
        (DeadRule, BOTH, "dead-rule/router-rights/ingress-2", "ingress rule 1 allows the same"),
        (DeadRule, BOTH, "dead-rule/nginx-rights/ingress-2", "ingress rule 1 allows the same"),
        (DeadRule, BOTH, "dead-rule/pyos-rights/egress-1", "TCP 8000 to pods netpol/pyos=true, but no destination accepts it"),
        (
            DeadRule,
            DOCUMENTED,
            "dead-rule/ocapplications-permits/egress-1",
            "TCP 6000 to pods type=x11server, but no destination accepts it",
        ),
        (RedundantPolicy, BOTH, "redundant-policy/router-permits", "nginx-permits"),
        (RedundantPolicy, BOTH, "redundant-policy/https-permits", "pyos-rights"),
        (SelectsNothing, BOTH, "selects-nothing/smtp-permits", "netpol/smtp=true"),
        (UngrantedLabel, BOTH, "ungranted-label/smtp-permits/netpol/smtp", "netpol/smtp"),
        (OneSidedPort, RELEASE, "one-sided-port/ocuser-permits/egress-1", "allows TCP 631 to"),
        (OneSidedPort, RELEASE, "one-sided-port/ocuser-rights/ingress-2", "accepts TCP 6000 from"),
        (OneSidedPort, DOCUMENTED, "one-sided-port/ocuser-rights/ingress-1", "accepts TCP 8000 from"),
        (
            OrInsteadOfAnd,
            BOTH,
            "or-instead-of-and/coredns-permits/egress-1-2",
            "every pod in namespaces kubernetes.io/metadata.name=kube-system",
        ),
        (ReachesOwnKind, RELEASE, "reaches-own-kind/desktop", "TCP 4714, 6081, 29780-29789 (ocuser-permits and ocuser-rights)"),
        (ReachesOwnKind, DOCUMENTED, "reaches-own-kind/desktop", "TCP 4714, 6081, 29780-29786 (ocuser-permits and ocuser-rights)"),
        (ReachesOwnKind, BOTH, "reaches-own-kind/mongodb", "TCP 27017"),
        (OpenPeer, BOTH, "open-peer/ldap-rights/ingress-1", "TCP 389, 636, 10389, 10636 from every pod of every namespace"),
        (OpenPeer, BOTH, "open-peer/authentication-permits/egress-1", "TCP 88, 443, UDP 88 to every pod"),
        (UnsetNamespaceLabel, BOTH, "unset-namespace-label/memcached-rights/ingress-1-2", "name=kube-monitor"),
        (UnsetNamespaceLabel, BOTH, "unset-namespace-label/graylog-permits/egress-1-1", "name=kube-monitor"),
        (UnsetNamespaceLabel, BOTH, "unset-namespace-label/router-rights/ingress-2-1", "name=abcdesktop"),
        (UnsetNamespaceLabel, DOCUMENTED, "unset-namespace-label/ocuser-rights/egress-1-1", "name=kube-system"),
        (HardCodedNamespace, BOTH, "hard-coded-namespace/router-rights/ingress-2-1", "names its own namespace, abcdesktop"),
        (HardCodedNamespace, BOTH, "hard-coded-namespace/nginx-rights/ingress-2-1", "names its own namespace, abcdesktop"),
        (MetadataAddress, BOTH, "metadata-address/ocuser-rights/egress-2", "TCP 80, 443 to 169.254.169.254"),
        (MetadataAddress, BOTH, "metadata-address/https-permits/egress-1-1", "TCP 443 to 169.254.169.254"),
        (NoDnsPath, BOTH, "no-dns-path/memcached", "isolated for egress"),
        (NoDnsPath, BOTH, "no-dns-path/nginx", "isolated for egress"),
        (NoDnsPath, BOTH, "no-dns-path/speedtest", "isolated for egress"),
        (NoDnsPath, BOTH, "no-dns-path/console", "isolated for egress"),
        // What a real kube-router was seen to open: docs/semantics.md has the cause.
        (MixedDirections, DOCUMENTED, "mixed-directions/ocuser-rights", "desktop -> desktop TCP 80, 88, 443, 8000, UDP 88. "),
        (MixedDirections, BOTH, "mixed-directions/pyos-rights", "pyos -> pyos TCP 443, 6443, 8088. "),
        (MixedDirections, RELEASE, "mixed-directions/ocuser-rights", "desktop -> desktop TCP 53, 80, 88, 443, 6000, UDP 53, 88. "),
    ]
};

#[test]
fn the_known_oddities_of_the_built_in_canons_are_found() {
    for (rule, canons, id, part) in ODDITIES {
        for canon in canons {
            let found = of_rule(canon, rule);
            assert!(found.iter().any(|it| it.starts_with(&format!("{id}: ")) && it.contains(part)), "{canon}: {id} {part}: {found:#?}");
        }
    }
}

#[test]
fn the_namespace_of_the_canon_is_found_in_every_namespace() {
    let canons = Canons::load(&["abcdesktop-4.4".to_owned()], &["desktops".to_owned()]).unwrap();
    let found = of(&canons, "desktops");
    let id = "hard-coded-namespace/router-rights/ingress-2-1";
    let finding = found.findings.iter().find(|finding| finding.id == id).unwrap();
    assert!(finding.message.contains("name=abcdesktop") && finding.message.contains("netpol/nginx"), "{}", finding.message);
    assert!(!ids(&found.findings).iter().any(|id| id.contains("not-evaluated")));
    assert!(found.findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    assert!(found.findings.iter().any(|finding| finding.severity == Severity::Error));
}
