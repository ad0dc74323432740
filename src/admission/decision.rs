//! A request that gets an answer.

use crate::verdict::facts::Facts;
use crate::verdict::request::Request;
use crate::verdict::wanted::Wanted;
use crate::verdict::{Guard, Stage};

/// A request, and what its verdict depends on.
pub(super) struct Decision<'r> {
    pub(super) guard: &'r Guard,
    pub(super) stage: Stage,
    pub(super) request: Request<'r>,
    pub(super) wanted: Wanted,
    pub(super) facts: Facts<'r>,
}
