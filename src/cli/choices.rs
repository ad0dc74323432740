//! The possible values of flags whose types belong to other rooms: their spelling and their help.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::audit::Level;
use crate::controller::drift::Mode;
use crate::drift::Section;
use crate::registration::Send;
use crate::server::tls::TlsMin;
use crate::verdict::settings::{Action, Enforcement, ExtraPolicies, UngrantedLabels, Workloads};

/// Implements [`ValueEnum`] for an enum: each variant with its spelling and its help. The compiler
/// rejects a list that lacks a variant.
macro_rules! choices {
    ($type:ident { $($variant:ident: $word:literal, $help:literal;)+ }) => {
        impl ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$($type::$variant),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(match self {
                    $($type::$variant => PossibleValue::new($word).help($help)),+
                })
            }
        }
    };
}

choices!(Enforcement {
    Deny: "deny", "Reject the request";
    Warn: "warn", "Admit the request and return the violation as a warning";
    Audit: "audit", "Admit the request and report the violation only in the audit log";
});

choices!(UngrantedLabels {
    Deny: "deny", "Reject the pod";
    Strip: "strip", "Remove the label from a new pod; reject a pod that still has it at validation";
    Warn: "warn", "Admit the pod with a warning";
});

choices!(ExtraPolicies {
    NoWider: "no-wider", "Admit a policy that allows nothing beyond the canon";
    Deny: "deny", "Reject every such policy";
    Allow: "allow", "Admit every such policy";
});

choices!(Action {
    Warn: "warn", "Admit the request with a warning";
    Deny: "deny", "Reject the request";
    Allow: "allow", "Admit the request without a warning";
});

choices!(Workloads {
    Warn: "warn", "Admit the workload with a warning";
    Deny: "deny", "Reject the workload";
    Ignore: "ignore", "Admit the workload without a warning";
});

choices!(Section {
    Canon: "canon", "The accepted canons";
    Policies: "policies", "The NetworkPolicies of the guarded namespaces: missing, drifted, to be deleted, wider than the canon";
    Pods: "pods", "The labels of their pods, pods on the host network, and the accounts and images that grants limit";
    Registration: "registration", "Whether both webhook configurations make the API server send what the servers judge";
    Certificate: "certificate", "Whether the certificate of the servers is valid, and trusted by every caBundle";
    Probe: "probe", "Whether the API server asks the webhook";
    Neighbors: "neighbors", "The namespaces that the canon's namespaceSelectors match";
    ForeignPolicies: "foreign-policies", "Policies of other APIs (Cilium, Calico, AdminNetworkPolicy …)";
    Plugins: "plugins", "Whether a network plugin applies NetworkPolicies, and what kube-router opens in addition";
});

choices!(Mode {
    Report: "report", "Report them: log, events, metrics, report";
    Repair: "repair", "Repair policies and the labels of pods, too";
});

choices!(Level {
    Denied: "denied", "Denied and softened requests, and uses of break-glass";
    Warned: "warned", "Also requests that are admitted with a warning";
    All: "all", "All requests";
});

choices!(Send {
    Needed: "needed", "Only pods that may need a label or a decision";
    All: "all", "All pods, for example because the audit log should have all of them";
});

choices!(TlsMin {
    Tls13: "1.3", "TLS 1.3 only";
    Tls12: "1.2", "TLS 1.2 and 1.3; TLS 1.2 only with AEAD cipher suites";
});

/// Returns the spelling of a value on the command line.
pub fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
