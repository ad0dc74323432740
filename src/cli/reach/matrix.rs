//! The connections from some endpoints to some endpoints.

use std::collections::BTreeMap;

use super::port::Port;
use crate::analysis::{Endpoint, Flow, Reach};

/// What is printed: the connections from some endpoints to some endpoints.
pub(super) struct Matrix<'e> {
    pub(super) reach: Reach<'e>,
    /// The indexes of the sources and of the destinations.
    pub(super) from: Vec<usize>,
    pub(super) to: Vec<usize>,
    pub(super) port: Option<Port>,
    /// The names of the pods of each endpoint that is several pods, by its id.
    pub(super) pods: BTreeMap<String, Vec<String>>,
    /// What could not be read, as sentences.
    pub(super) left_out: Vec<String>,
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

    /// Returns every connection that is or may be open, with the indexes of its ends.
    pub(super) fn flows(&self) -> impl Iterator<Item = (usize, usize, Flow)> {
        let pairs = self.from.iter().flat_map(|from| self.to.iter().map(|to| (*from, *to)));
        pairs.map(|(from, to)| (from, to, self.flow(from, to))).filter(|(.., flow)| !flow.is_empty())
    }

    /// The same with the ends.
    pub(super) fn connections(&self) -> impl Iterator<Item = (&'e Endpoint, &'e Endpoint, Flow)> {
        self.flows().filter_map(|(from, to, flow)| Some((self.endpoint(from)?, self.endpoint(to)?, flow)))
    }
}
