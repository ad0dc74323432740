//! One rule of a policy as it is written.

use super::ports::Ports;
use super::traffic::PeerSet;

/// One rule as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) peers: Peers,
    pub(crate) ports: Ports,
}

/// The peers of a rule.
#[derive(Debug, Clone)]
pub(crate) enum Peers {
    /// `from` or `to` is missing or empty (rule 15).
    Everyone,
    /// One of these.
    Listed(Vec<PeerSet>),
}

impl Rule {
    pub(crate) fn peer_sets(&self) -> &[PeerSet] {
        match &self.peers {
            Peers::Everyone => PeerSet::everyone(),
            Peers::Listed(peers) => peers,
        }
    }
}
