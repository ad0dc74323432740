//! The rules of `netpol lint`: their ids, severities and titles.

use std::fmt;

use serde::{Serialize, Serializer};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A remark: it may be intended.
    Info,
    /// Probably a mistake.
    Warning,
    /// Something is open that should not be.
    Error,
}

impl Severity {
    /// Returns the word: `info`, `warning` or `error`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

/// Declares the rules: variant, id, highest severity, title, what to do.
macro_rules! rules {
    ($($variant:ident: $id:literal, $severity:ident, $title:literal, $mend:literal;)+) => {
        /// A rule of `netpol lint`. `docs/lint.md` has one section for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LintRule {
            $(#[doc = $title] $variant,)+
        }

        impl LintRule {
            /// Every rule, in the order of the output.
            pub const ALL: &'static [LintRule] = &[$(LintRule::$variant),+];

            /// Returns the id, which never changes.
            pub fn id(self) -> &'static str {
                match self {
                    $(LintRule::$variant => $id,)+
                }
            }

            /// Returns the highest severity of its findings.
            pub fn severity(self) -> Severity {
                match self {
                    $(LintRule::$variant => Severity::$severity,)+
                }
            }

            /// Returns what it finds, in words.
            pub fn title(self) -> &'static str {
                match self {
                    $(LintRule::$variant => $title,)+
                }
            }

            /// Returns what to do about it, in Markdown.
            pub fn mend(self) -> &'static str {
                match self {
                    $(LintRule::$variant => $mend,)+
                }
            }
        }
    };
}

rules! {
    OrInsteadOfAnd: "or-instead-of-and", Error, "two peers where one peer with both selectors was probably meant",
        "Write both selectors in one peer: a `podSelector` below the `namespaceSelector`, without a `-` before it.";
    MetadataAddress: "metadata-address", Error, "a rule that opens the metadata address of cloud providers, 169.254.169.254",
        "Use an `ipBlock` for `0.0.0.0/0` with `except: [169.254.169.254/32]`, or list the addresses that are needed.";
    OpenPeer: "open-peer", Warning, "a rule that allows every peer",
        "List the peers that need the connection. For the outside of the cluster, use an `ipBlock`.";
    ReachesOwnKind: "reaches-own-kind", Warning, "an identity whose pods can connect to each other",
        "If only other pods need the connection, exclude these pods from the peers, for example with `matchExpressions` and `NotIn`.";
    MixedDirections: "mixed-directions", Warning, "a policy with rules in both directions, of which kube-router opens more",
        "Split the policy into two with the same `podSelector`: one with the ingress rules, one with the egress rules.";
    UnsetNamespaceLabel: "unset-namespace-label", Warning, "a peer that selects namespaces by a label that nothing sets",
        "Select the namespace by `kubernetes.io/metadata.name`, which Kubernetes sets and no user can change.";
    HardCodedNamespace: "hard-coded-namespace", Warning, "a peer that names the namespace of its own policy",
        "Leave out the `namespaceSelector`: a peer with only a `podSelector` selects pods of the policy's own namespace.";
    UngrantedLabel: "ungranted-label", Warning, "a selector that requires a capability label that no grant gives",
        "Grant the label to the pods that need it, or remove it from the policy.";
    UnusedGrant: "unused-grant", Warning, "a grant, or a label of a grant, that no policy uses",
        "Remove the label or the grant, or add the policy that uses it.";
    SelectsNothing: "selects-nothing", Warning, "a policy that selects no pod",
        "Correct the `podSelector`, or remove the policy.";
    DeadRule: "dead-rule", Warning, "a rule without which every connection stays the same",
        "Remove the rule. If it was meant to restrict something, correct the wider rule. If the other end should allow it, add it there.";
    OneSidedPort: "one-sided-port", Warning, "a port that only one end of the connection allows",
        "Remove the port, or allow it at the other end too.";
    NoDnsPath: "no-dns-path", Warning, "an identity that is isolated for egress and reaches no DNS server",
        "Allow egress to the DNS server on TCP and UDP 53. If the pods resolve no names, ignore the finding.";
    RedundantPolicy: "redundant-policy", Info, "a policy without which every connection stays the same",
        "Remove the policy, or correct the policies that are too wide.";
    LintIgnore: "lint-ignore", Warning, "an annotation lint-ignore that is not valid or has no effect",
        "Write the ids, a blank and the reason, or remove the annotation.";
    NotEvaluated: "not-evaluated", Warning, "a rule of lint that took too many steps",
        "Evaluate fewer policies or endpoints at once.";
}

impl LintRule {
    /// Returns the rule with an id.
    pub fn named(id: &str) -> Option<LintRule> {
        LintRule::ALL.iter().copied().find(|rule| rule.id() == id)
    }
}

impl Serialize for LintRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl fmt::Display for LintRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.id())
    }
}
