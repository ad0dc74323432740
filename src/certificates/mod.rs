//! Certificates as values: issuing them, verifying them, and planning their rotation.
//!
//! This module reads no clock, file or cluster: the current state and the time are arguments. Tests can therefore try every step
//! of a rotation with any clock and with a crash after it. Only the private keys are random.
//!
//! | file | content |
//! |---|---|
//! | [`time`], [`names`], [`crypto`], [`pem`], [`key`] | dates, subject names, the TLS provider, PEM, private keys |
//! | [`pair`] | a certificate with its key, ready to be served |
//! | [`trust`] | CA certificates, and whether a bundle trusts a certificate |
//! | [`authority`] | issues certificates |
//! | [`stored`] | the content of the Secret |
//! | [`introduced`] | the CAs that the installation introduced, and what is removed of a Secret with others |
//! | [`unwritten`] | the introduced CAs that a suspended leader may still write |
//! | [`plan`], [`apply`] | the next step of a rotation, and the content of the Secret after it |
//! | [`serving`] | which certificate a replica serves |

pub mod apply;
pub mod authority;
pub mod crypto;
pub mod introduced;
pub mod key;
pub mod names;
pub mod pair;
pub mod pem;
pub mod plan;
pub mod serving;
pub mod stored;
#[cfg(test)]
mod tests;
pub mod time;
pub mod trust;
pub mod unwritten;

pub use crypto::provider;
pub use names::canonical;
pub use time::rfc3339 as when;
