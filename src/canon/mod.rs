//! The canon: which NetworkPolicies and policies of other APIs a guarded namespace must have, and which pods may have which
//! `netpol/` labels.
//!
//! [`Documents`] are read from a built-in canon, a file or a folder, and compiled into a [`Canon`]. A canon is
//! checked as a whole: if any part is invalid, there is no canon. [`Canons`] are the canons that verdicts accept. A
//! server rereads the documents, compares their hashes, and compiles them only if they changed.
//!
//! | file | content |
//! |---|---|
//! | `keys`, `labels` | the API group and the label keys of netpol; the interface of label maps |
//! | `documents`, `builtin` | reads the documents of a canon: a file, a folder, or a built-in canon (`builtin/`) |
//! | `objects`, `metadata` | the kinds of objects in the documents, and their fields; the metadata of a canonical policy |
//! | `compile`, `compiled` | checks the documents against each other and compiles them; the compiled canon |
//! | `canons`, `agreement` | the accepted canons; whether canons can be accepted together |
//! | `changes`, `grant_changes`, `foreign_changes`, `attachment_changes` | what a canon changes in comparison with another one |
//! | `policies`, `manifest` | the canonical policies of one namespace; a policy as a manifest |
//! | `foreign`, `foreign_kinds` | the canonical policies of other APIs; the kinds of such policies |
//! | `split` | a canon of the same meaning with one direction per policy |
//! | `grants`, `identity` | which pods may have which labels; the grants that select a pod |
//! | `claims` | who may claim an identity, as which account its pods run, and which images they have |
//! | `neighbors` | the selectors of neighbor namespaces |
//! | `error` | the error of a canon that cannot be used |

mod agreement;
mod attachment_changes;
mod builtin;
pub mod canons;
mod changes;
mod claims;
mod compile;
mod compiled;
pub mod documents;
mod error;
mod foreign;
mod foreign_changes;
pub mod foreign_kinds;
mod grant_changes;
mod grants;
mod identity;
mod keys;
mod labels;
mod manifest;
mod metadata;
mod neighbors;
mod objects;
mod policies;
mod split;

#[cfg(test)]
mod tests;

pub use builtin::{BUILT_IN, DEFAULT};
pub use canons::{Accepted, Canons, ForeignVersion, Version};
pub use changes::{Changes, IsolationChange, PolicyChange, Renamed};
pub use claims::{Account, Claims, ImagePattern, Limits};
pub use compiled::Canon;
pub use documents::Documents;
pub use error::CanonError;
pub use foreign::{ForeignPolicy, ForeignResource};
pub use foreign_changes::ForeignChange;
pub use grant_changes::{GrantChange, Kind, PodLabel, ProtectedChange};
pub use grants::Grant;
pub use identity::Identity;
pub use keys::{API_GROUP, BREAK_GLASS, CAPABILITY_PREFIX};
pub use labels::Labels;
pub use neighbors::NeighborSelector;
pub use policies::{CanonicalPolicy, Policies};
pub use split::split_directions;
