//! Certificates as values: who issues them, who trusts them, and when they are renewed.
//!
//! Nothing here reads a clock, a file or a cluster: what is in force and what time it is are arguments,
//! so every step of a rotation can be tried with any clock and a crash behind it. Only keys are random.
//!
//! [`authority`] issues; [`pair`] is what can be served; [`trust`] answers whether a bundle trusts it;
//! [`stored`] is what a Secret keeps; [`plan`] says which step is next and [`steps`] takes it; [`serving`] is what every replica does with the outcome.

pub mod authority;
pub mod key;
pub mod pair;
pub mod plan;
pub mod serving;
pub mod steps;
pub mod stored;
#[cfg(test)]
mod tests;
pub mod trust;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;

/// How far back validity begins: clocks differ.
pub const BACKDATED: Duration = Duration::from_secs(300);

/// The cryptography of the product. Passed on explicitly: what a process has by default is nobody's promise.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Writes a point in time for people.
pub fn when(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string())
}

/// Writes a name as a certificate's reader does.
pub fn canonical(name: &str) -> String {
    name.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

/// When two thirds of a life have passed.
pub fn two_thirds(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    not_before + not_after.duration_since(not_before).unwrap_or_default() / 3 * 2
}
