//! Why a connection depends on more than the policies.

use std::fmt;

use crate::policy::Direction;

/// Why it is not certain that a connection is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// An `ipBlock` may include the address of a pod (`semantics.md` rule 25).
    Block {
        /// The policy.
        policy: String,
        /// The direction of the rule.
        direction: Direction,
        /// The number of the rule, from 1.
        rule: usize,
    },
    /// An `ipBlock` may include the address of a pod, which is not known.
    Address {
        /// The policy.
        policy: String,
        /// The direction of the rule.
        direction: Direction,
        /// The number of the rule, from 1.
        rule: usize,
    },
    /// The number of a named port is not known (rule 22).
    UnknownPort(String),
    /// A named port is that of a restartable init container (rule 22).
    InitContainerPort(String),
    /// A pod uses the host network (rule 27).
    HostNetwork,
    /// A pod connects to itself (rule 29).
    Itself,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Block { policy, direction, rule } => {
                write!(formatter, "whether the ipBlock in {policy} {direction} rule {rule} applies to pods depends on the network plugin")
            }
            Reason::Address { policy, direction, rule } => {
                write!(formatter, "whether the ipBlock in {policy} {direction} rule {rule} contains the address of a pod is not known")
            }
            Reason::UnknownPort(name) => write!(formatter, "the number of the named port {name} is not known"),
            Reason::InitContainerPort(name) => {
                write!(formatter, "whether the named port {name} of an init container counts depends on the network plugin")
            }
            Reason::HostNetwork => formatter.write_str("most network plugins do not apply policies to pods on the host network"),
            Reason::Itself => formatter.write_str(
                "a pod always reaches its own address, and whether policies apply to it through a Service depends on the network plugin",
            ),
        }
    }
}
