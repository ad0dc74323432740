//! The connections from some endpoints to some endpoints.

use super::refer::Port;
use crate::analysis::{Endpoint, Flow, Reach};

/// What is printed: the connections from some endpoints to some endpoints.
pub(super) struct Matrix<'e> {
    pub(super) reach: Reach<'e>,
    /// The indexes of the sources and of the destinations.
    pub(super) from: Vec<usize>,
    pub(super) to: Vec<usize>,
    pub(super) port: Option<Port>,
    /// What was evaluated, in words.
    pub(super) about: String,
}

impl<'e> Matrix<'e> {
    pub(super) fn endpoint(&self, index: usize) -> Option<&'e Endpoint> {
        self.reach.endpoints().get(index)
    }

    pub(super) fn flow(&self, from: usize, to: usize) -> Flow {
        let flow = self.reach.flow(from, to);
        match &self.port {
            Some(port) => flow.of(&port.set),
            None => flow,
        }
    }

    /// Returns every connection that is or may be open.
    pub(super) fn connections(&self) -> impl Iterator<Item = (&'e Endpoint, &'e Endpoint, Flow)> {
        let pairs = self.from.iter().flat_map(|from| self.to.iter().map(|to| (*from, *to)));
        pairs.filter_map(|(from, to)| {
            let flow = self.flow(from, to);
            (!flow.is_empty()).then_some((self.endpoint(from)?, self.endpoint(to)?, flow))
        })
    }
}
