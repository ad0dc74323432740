//! What a NetworkPolicy means.
//!
//! Pure: no I/O, no clock, no async, and no knowledge of clusters, admission or HTTP. The specification is
//! `docs/semantics.md`; comments give the numbers of its rules and parts (2a.7).
//!
//! [`spec`] parses a [`Policy`] from a JSON tree ([`Node`](crate::documents::Node)), `relation` merges its
//! rules into boxes of traffic, and `traffic` subtracts boxes. [`compare()`] and [`allowed`] compare policies;
//! `differences`, `witness` and `words` describe the result.
//!
//! | file | content |
//! |---|---|
//! | `spec` | parses the spec of a policy, with the defaults and the validation of the API |
//! | `direction`, `rule` | ingress and egress; one rule as it is written |
//! | `selector`, `values` | label selectors; the values of one key that a selector accepts |
//! | `addresses`, `ports`, `ranges` | sets of IP addresses; sets of ports; ranges of integers for both |
//! | `relation` | what the rules of one direction allow: ports by peer |
//! | `traffic`, `steps` | boxes of traffic and their subtraction; the limit on steps |
//! | `compare`, `allowed` | whether two policies mean the same; what a policy allows beyond a set of others |
//! | `isolation` | whether some policies isolate every pod that each of several sets isolates |
//! | `drift`, `differences` | how two policies differ: the result, and how its differences are found |
//! | `witness`, `words` | a connection that proves a difference; selectors, peers and ports in words |

pub(crate) mod addresses;
pub mod allowed;
pub mod compare;
mod differences;
mod direction;
mod drift;
mod isolation;
pub(crate) mod ports;
pub(crate) mod ranges;
mod relation;
pub(crate) mod rule;
pub mod selector;
pub mod spec;
pub mod steps;
pub(crate) mod traffic;
pub(crate) mod values;
mod witness;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use allowed::{Allowed, Beyond};
pub use compare::{Comparison, compare, compare_among};
pub use direction::Direction;
pub use drift::{Change, Difference, Drift};
pub use isolation::{Isolation, isolation};
pub use selector::Selector;
pub use spec::{Home, Policy};
pub use witness::{Ends, Extent, OtherEnd, Witness};
