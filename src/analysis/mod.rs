//! Which endpoints can connect under a set of policies, and why.
//!
//! Pure: no I/O, no clock. An [`Endpoint`] is a pod or several pods, given by their labels and those of their namespace, or
//! addresses. Rules apply to endpoints as [`crate::policy`] parsed them. Where network plugins differ or something is not
//! known, a port is neither allowed nor denied: it depends, with a [`Reason`].
//!
//! | file | content |
//! |---|---|
//! | `endpoint`, `ports` | endpoints; sets of ports |
//! | `parts` | the parts of all addresses that policies tell apart; addresses as CIDRs |
//! | `matching`, `reason` | whether a rule applies to an endpoint; why that is not certain |
//! | `connection` | what policies allow between two endpoints, and which rules do |
//! | `classes` | pods that policies cannot tell apart |
//! | `reach` | what they allow between all pairs of many endpoints |
//! | `closest`, `opening` | the rule that is closest to allowing a connection; the labels that open it |
//! | `explanation` | why a connection is allowed or denied, in sentences |
//! | `identities` | the endpoints of a canon |
//! | `lint/` | mistakes in policies and grants, proven by evaluating them |

mod classes;
mod closest;
mod connection;
mod endpoint;
mod explanation;
pub mod identities;
pub mod lint;
mod matching;
mod opening;
mod parts;
mod ports;
mod reach;
mod reason;

#[cfg(test)]
pub(crate) mod tests;

pub use classes::{Classes, Reader, by_class, by_key};
pub use closest::{Closest, Lack, closest, peers_of};
pub use connection::{Connection, Granted, NamedPolicy, Side, connection};
pub use endpoint::{Addresses, End, Endpoint, Namespace, PodPorts, Pods};
pub use explanation::{Asked, Explanation, Opens, RuleInWords, SideExplanation, Verdict};
pub use opening::{LabelChange, Noticed, SideOf, Wish, changed, opening};
pub use ports::PortSet;
pub use reach::{Flow, Reach, addresses, divided};
pub use reason::Reason;
