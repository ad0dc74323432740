//! What a NetworkPolicy means.
//!
//! Pure: no I/O, no clock, no async, and no knowledge of clusters, admission or HTTP. The specification is
//! `docs/semantics.md`; comments give the numbers of its rules and parts (2a.7).
//!
//! [`spec`] parses a [`Policy`] from a JSON tree ([`Node`](crate::documents::Node)), `relation` merges its
//! rules into boxes of traffic, and `traffic` subtracts boxes. [`compare()`] and [`allowed`] compare policies;
//! `differences`, `witness` and `words` describe the result.

mod addresses;
pub mod allowed;
pub mod compare;
mod differences;
mod direction;
mod drift;
mod ports;
mod ranges;
mod relation;
mod rule;
pub mod selector;
pub mod spec;
pub mod steps;
mod traffic;
mod values;
mod witness;
mod words;

#[cfg(test)]
mod tests;

pub use allowed::{Allowed, Beyond};
pub use compare::{Comparison, compare};
pub use direction::Direction;
pub use drift::{Change, Difference, Drift};
pub use selector::Selector;
pub use spec::{Home, Policy};
pub use witness::Witness;
