//! Manifests of a cluster, for the analysis: NetworkPolicies, and pods in classes of equal labels. The same numbers and seed give the
//! same text.

use std::fmt::Write as _;

/// The size of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number of NetworkPolicies.
    pub policies: usize,
    /// The number of pods.
    pub pods: usize,
    /// The number of classes: pods of one class have equal labels and are in the same namespace.
    pub classes: usize,
}

/// The classes of a namespace.
const CLASSES: usize = 5;

/// Numbers that look random: the linear congruential generator of Knuth's MMIX.
struct Numbers(u64);

impl Numbers {
    /// Returns a number below `bound`, which must not be 0.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// Returns the manifests of a cluster as YAML. Class `n` has the label `app: c<n>` and a label `tier` that several classes have. A third
/// of the policies is about ingress, a third about egress, and a third about both. Each has one to three rules in a direction, with one
/// to three peers: half of them pods by label, the others pods of namespaces, and a few blocks of addresses.
pub fn manifests(size: Size, seed: u64) -> String {
    let Size { policies, pods, classes } = size;
    let mut text = String::new();
    for namespace in 0..classes.div_ceil(CLASSES) {
        let _ =
            write!(text, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: n{namespace}\n  labels: {{team: t{}}}\n", namespace % 4);
    }
    for pod in 0..pods {
        let class = pod % classes;
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p{pod}\n  namespace: n{}\n  labels: {{app: c{class}, tier: r{}}}\nspec:\n  \
             containers:\n  - name: main\n    image: registry.example/c{class}:1\n    ports: [{{name: http, containerPort: {}}}]\nstatus: \
             {{hostIP: 192.0.2.1, podIP: 10.{}.{}.{}}}\n",
            class / CLASSES,
            class % 3,
            8000 + class % 10,
            128 + pod / 62_500,
            pod / 250 % 250,
            1 + pod % 250,
        );
    }
    let mut numbers = Numbers(seed);
    for policy in 0..policies {
        let class = numbers.below(classes);
        let _ = write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: x{policy}\n  namespace: n{}\nspec:\n",
            class / CLASSES
        );
        let subject = match policy % 10 {
            0 => "{}".to_owned(),
            1 => format!("{{matchLabels: {{tier: r{}}}}}", class % 3),
            _ => format!("{{matchLabels: {{app: c{class}}}}}"),
        };
        let types = ["Ingress", "Egress", "Ingress, Egress"][policy % 3];
        let _ = write!(text, "  podSelector: {subject}\n  policyTypes: [{types}]\n");
        for (direction, ends) in [("ingress", "from"), ("egress", "to")] {
            if types.to_lowercase().contains(direction) {
                let _ = writeln!(text, "  {direction}:");
                for _ in 0..=numbers.below(3) {
                    rule(&mut text, &mut numbers, (ends, class, classes));
                }
            }
        }
    }
    text
}

fn rule(text: &mut String, numbers: &mut Numbers, (ends, class, classes): (&str, usize, usize)) {
    let _ = writeln!(text, "  - {ends}:");
    for _ in 0..=numbers.below(3) {
        let peer = match numbers.below(10) {
            0..=4 => format!("{{podSelector: {{matchLabels: {{app: c{}}}}}}}", class / CLASSES * CLASSES + numbers.below(CLASSES)),
            5 | 6 => format!(
                "{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: n{}}}}}, podSelector: {{matchLabels: {{tier: r{}}}}}}}",
                numbers.below(classes.div_ceil(CLASSES)),
                numbers.below(3)
            ),
            7 => format!("{{namespaceSelector: {{matchLabels: {{team: t{}}}}}}}", numbers.below(4)),
            8 => format!("{{podSelector: {{matchExpressions: [{{key: tier, operator: NotIn, values: [r{}]}}]}}}}", numbers.below(3)),
            _ => {
                let blocks =
                    ["10.0.0.0/9, except: [10.1.0.0/16]", "172.16.0.0/12", "192.168.0.0/16, except: [192.168.4.0/24]", "198.51.100.0/24"];
                format!("{{ipBlock: {{cidr: {}}}}}", numbers.one_of(&blocks))
            }
        };
        let _ = writeln!(text, "    - {peer}");
    }
    let ports =
        ["{port: 80}", "{port: 443}", "{port: 5432}", "{port: 53, protocol: UDP}", "{port: 8000, endPort: 8009}", "{protocol: SCTP}"];
    let list: Vec<&str> = (0..=numbers.below(3)).map(|_| numbers.one_of(&ports)).collect();
    let _ = writeln!(text, "    ports: [{}]", list.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_its_size_and_depends_on_the_seed_only() {
        let size = Size { policies: 30, pods: 200, classes: 20 };
        let text = manifests(size, 1);
        let count = |kind: &str| text.matches(&format!("\nkind: {kind}\n")).count();
        assert_eq!((count("Namespace"), count("Pod"), count("NetworkPolicy")), (4, 200, 30));
        assert_eq!(text, manifests(size, 1));
        assert_ne!(text, manifests(size, 2));
    }
}
