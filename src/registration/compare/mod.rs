//! Compares a registration in a cluster with the expected one: what the API server does not send, or admits without a
//! verdict, although the servers judge it.
//!
//! Pure: the inputs are the expected registration and the two webhook configurations as the API server returns them. What is
//! only stricter, or written in another way, is not a weakness: further webhooks, namespaces and resources, fewer match
//! conditions, a failure policy `Fail`. The `caBundle` is not compared.
//!
//! - `found` goes through both configurations, `webhook` compares two webhooks of the same name, `weakness` is the result.
//! - `coverage` compares rules and namespace selectors, `condition` compares CEL expressions, `cure` has the commands that mend
//!   a registration.

mod condition;
mod coverage;
mod cure;
mod found;
mod weakness;
mod webhook;

#[cfg(test)]
mod tests;

pub use found::{found_endpoint, weaknesses};
pub use weakness::{Found, Kind, Weakness};
