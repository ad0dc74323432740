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

/// Declares the rules: variant, id, highest severity, title.
macro_rules! rules {
    ($($variant:ident: $id:literal, $severity:ident, $title:literal;)+) => {
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
        }
    };
}

rules! {
    OrInsteadOfAnd: "or-instead-of-and", Error, "two peers where one peer with both selectors was probably meant";
    MetadataAddress: "metadata-address", Error, "a rule that opens the metadata address of cloud providers, 169.254.169.254";
    OpenPeer: "open-peer", Warning, "a rule that allows every peer";
    ReachesOwnKind: "reaches-own-kind", Warning, "an identity whose pods can connect to each other";
    MixedDirections: "mixed-directions", Warning, "a policy with rules in both directions, of which kube-router opens more";
    UnsetNamespaceLabel: "unset-namespace-label", Warning, "a peer that selects namespaces by a label that nothing sets";
    HardCodedNamespace: "hard-coded-namespace", Warning, "a peer that names the namespace of its own policy";
    UngrantedLabel: "ungranted-label", Warning, "a selector that requires a capability label that no grant gives";
    UnusedGrant: "unused-grant", Warning, "a grant, or a label of a grant, that no policy uses";
    SelectsNothing: "selects-nothing", Warning, "a policy that selects no pod";
    DeadRule: "dead-rule", Warning, "a rule without which every connection stays the same";
    OneSidedPort: "one-sided-port", Warning, "a port that only one end of the connection allows";
    NoDnsPath: "no-dns-path", Warning, "an identity that is isolated for egress and reaches no DNS server";
    RedundantPolicy: "redundant-policy", Info, "a policy without which every connection stays the same";
    LintIgnore: "lint-ignore", Warning, "an annotation lint-ignore that is not valid or has no effect";
    NotEvaluated: "not-evaluated", Warning, "a rule of lint that took too many steps";
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
