//! Worst-case NetworkPolicies: as large as an API server stores, and built so that the subtraction of unions of selectors is
//! expensive.

use std::fmt::Write as _;

use crate::bodies::policy_review;

/// The names of the worst cases, for [`body`].
pub const NAMES: [&str; 7] = ["peers", "values", "blocks", "ports", "nodes", "pigeons", "clauses"];

/// Returns a review that creates the policy of a worst case. `policy` is its name: a canonical policy is compared with the canon's
/// policy of that name, and an extra policy (`extra`) with the traffic that the canon allows.
pub fn body(name: &str, policy: &str) -> Option<Vec<u8>> {
    let spec = match name {
        "peers" => peers(10_000),
        "values" => values(5_000),
        "blocks" => blocks(20_000),
        "ports" => ports(20_000),
        "nodes" => nodes(1_190_000),
        "pigeons" => pigeons(10),
        "clauses" => clauses(60, 400),
        _ => return None,
    };
    Some(policy_review(policy, &spec))
}

const SUBJECT: &str = r#""podSelector":{"matchLabels":{"type":"x11server"}},"policyTypes":["Ingress","Egress"]"#;

fn list<T>(items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) -> String {
    let mut text = String::new();
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(&mut text, item);
    }
    text
}

/// Returns one rule with many pod peers.
fn peers(count: usize) -> String {
    let peers = list(0..count, |text, n| {
        let _ = write!(text, r#"{{"podSelector":{{"matchLabels":{{"app":"a{n}","tier":"t{}"}}}}}}"#, n % 97);
    });
    format!(r#"{{{SUBJECT},"ingress":[{{"from":[{peers}],"ports":[{{"protocol":"TCP","port":80}}]}}]}}"#)
}

/// Returns selectors with many values, few of which are shared.
fn values(count: usize) -> String {
    let values = |from: usize| {
        list(from..from + count, |text, n| {
            let _ = write!(text, r#""v{n}""#);
        })
    };
    let peer = |operator: &str, from: usize| {
        format!(r#"{{"podSelector":{{"matchExpressions":[{{"key":"app","operator":"{operator}","values":[{}]}}]}}}}"#, values(from))
    };
    let peers: Vec<String> = (0..8).map(|n| peer(if n % 2 == 0 { "In" } else { "NotIn" }, n * count / 2)).collect();
    format!(r#"{{{SUBJECT},"ingress":[{{"from":[{}],"ports":[{{"protocol":"TCP","port":80}}]}}]}}"#, peers.join(","))
}

/// Returns many IP blocks, each with an exception.
fn blocks(count: usize) -> String {
    let blocks = list(0..count, |text, n| {
        let (high, low) = (n / 256 % 256, n % 256);
        let _ = write!(text, r#"{{"ipBlock":{{"cidr":"10.{high}.{low}.0/24","except":["10.{high}.{low}.{}/32"]}}}}"#, n % 251);
    });
    format!(r#"{{{SUBJECT},"egress":[{{"to":[{blocks}],"ports":[{{"protocol":"TCP","port":80}}]}}]}}"#)
}

/// Returns many ports that are not adjacent, in both protocols, and named ports.
fn ports(count: usize) -> String {
    let ports = list(0..count, |text, n| {
        let _ = match n % 3 {
            0 => write!(text, r#"{{"protocol":"TCP","port":{}}}"#, 1 + 2 * n % 65_000),
            1 => write!(text, r#"{{"protocol":"UDP","port":{},"endPort":{}}}"#, 1 + 3 * n % 65_000, 2 + 3 * n % 65_000),
            _ => write!(text, r#"{{"protocol":"TCP","port":"p-{n}"}}"#),
        };
    });
    format!(r#"{{{SUBJECT},"egress":[{{"ports":[{ports}]}}]}}"#)
}

/// Returns as many JSON values as fit into `bytes`.
fn nodes(bytes: usize) -> String {
    let rules = list(0..bytes / 3, |text, _| text.push_str("{}"));
    format!(r#"{{{SUBJECT},"ingress":[{rules}]}}"#)
}

/// Returns peers that together select every pod, which is hard to prove (the pigeonhole principle): each assignment of `holes + 1`
/// pigeons to holes leaves a pigeon out or puts two into one hole.
fn pigeons(holes: usize) -> String {
    let key = |pigeon: usize, hole: usize| format!("p{pigeon}-{hole}");
    let left_out = (0..=holes).map(|pigeon| {
        list(0..holes, |text, hole| {
            let _ = write!(text, r#"{{"key":"{}","operator":"NotIn","values":["v"]}}"#, key(pigeon, hole));
        })
    });
    let pairs = (0..holes).flat_map(|hole| (0..=holes).flat_map(move |one| (0..one).map(move |other| (hole, one, other))));
    let shared = pairs.map(|(hole, one, other)| {
        list([one, other].into_iter(), |text, pigeon| {
            let _ = write!(text, r#"{{"key":"{}","operator":"In","values":["v"]}}"#, key(pigeon, hole));
        })
    });
    from_pods(left_out.chain(shared))
}

/// Returns random peers with three keys each: about as many as are needed to select every pod.
fn clauses(keys: u64, peers: usize) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let peers: Vec<String> = (0..peers)
        .map(|_| {
            let first = random(keys);
            let chosen = [first, (first + 1 + random(keys - 2)) % keys, (first + keys - 1) % keys];
            list(chosen.into_iter(), |text, key| {
                let operator = if random(2) == 0 { "In" } else { "NotIn" };
                let _ = write!(text, r#"{{"key":"k{key}","operator":"{operator}","values":["v"]}}"#);
            })
        })
        .collect();
    from_pods(peers.into_iter())
}

/// Returns a rule for pods with these expressions, on the ports that the canon opens to desktops.
fn from_pods(expressions: impl Iterator<Item = String>) -> String {
    let peers = list(expressions, |text, expressions| {
        let _ = write!(text, r#"{{"podSelector":{{"matchExpressions":[{expressions}]}}}}"#);
    });
    format!(r#"{{{SUBJECT},"ingress":[{{"from":[{peers}]}}]}}"#)
}
