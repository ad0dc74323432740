//! The canon: which NetworkPolicies a guarded namespace must have, and which pods may have which `netpol/` labels.
//!
//! [`Documents`] are read from a built-in canon, a file or a folder, and compiled into a [`Canon`]. A canon is
//! checked as a whole: if any part is invalid, there is no canon. A server rereads the documents, compares
//! their hashes, and compiles them only if they changed.

mod builtin;
mod compile;
mod compiled;
pub mod documents;
mod error;
mod grants;
mod identity;
mod keys;
mod labels;
mod manifest;
mod metadata;
mod neighbors;
mod objects;
mod policies;

#[cfg(test)]
mod tests;

pub use builtin::BUILT_IN;
pub use compiled::Canon;
pub use documents::Documents;
pub use error::CanonError;
pub use grants::Grant;
pub use identity::Identity;
pub use keys::{API_GROUP, BREAK_GLASS, CAPABILITY_PREFIX};
pub use labels::Labels;
pub use neighbors::Neighbor;
pub use policies::{CanonicalPolicy, Policies};
