//! Inputs for pages: hostile names, and a large set.

use std::fmt::Write as _;

/// Names that try to leave their place in the page.
pub(super) const HOSTILE: [&str; 6] = [
    "</script><script>console.log(1)</script>",
    "<img src=x onerror=console.log(2)>",
    "\\\" onfocus=console.log(3) autofocus x='",
    "--><!--",
    "abc\\u202e\\u2066cba\\u200f",
    "]]>&lt;&#60;",
];

/// Returns policies and pods with hostile names, and names of the greatest length.
pub(super) fn hostile() -> String {
    let longest = "n".repeat(253);
    let mut text = String::new();
    for name in HOSTILE.into_iter().chain([longest.as_str()]) {
        let _ = write!(
            text,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: \"{name}\", namespace: abcdesktop, labels: {{run: a}}}}}}\n---\n\
             {{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: \"{name}\", namespace: abcdesktop, \
             annotations: {{netpol.abcdesktop.io/lint-ignore: \"{name}\"}}}}, \
             spec: {{podSelector: {{matchLabels: {{run: a}}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{}}}}]}}]}}}}\n"
        );
    }
    text
}

/// Returns pods of 60 kinds, 5 of each, and 300 policies: each kind may connect to the next ones.
pub(super) fn large() -> String {
    let mut text = String::new();
    for kind in 0..60 {
        for pod in 0..5 {
            let _ = writeln!(
                text,
                "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: k{kind}-{pod}, namespace: abcdesktop, labels: {{run: k{kind}}}}}}}"
            );
        }
        for step in 1..=5 {
            let from = (kind + step) % 60;
            let _ = writeln!(
                text,
                "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{kind}-{step}, namespace: abcdesktop}}, \
                 spec: {{podSelector: {{matchLabels: {{run: k{kind}}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{run: k{from}}}}}}}], \
                 ports: [{{port: {}}}]}}]}}}}",
                8000 + step
            );
        }
    }
    text
}
