//! The API group of netpol and its label and annotation keys.

/// The API group of Grants and of annotations.
pub const API_GROUP: &str = "netpol.abcdesktop.io";

/// The prefix of the keys of capability labels.
pub const CAPABILITY_PREFIX: &str = "netpol/";

/// The break-glass annotation. Its value is the reason why a member of a break-glass group changes a
/// NetworkPolicy without checks.
pub const BREAK_GLASS: &str = "netpol.abcdesktop.io/break-glass";
