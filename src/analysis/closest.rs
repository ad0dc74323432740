//! The rule that is closest to allowing a connection that is denied.

use super::connection::{NamedPolicy, Side};
use super::endpoint::End;
use super::matching::{self, Match};
use super::ports::PortSet;
use crate::policy::rule::{Peers, Rule};
use crate::policy::traffic::PeerSet;
use crate::policy::{Direction, words};

/// The rule that is closest to allowing a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closest {
    /// The index of the policy.
    pub policy: usize,
    /// The number of the rule, from 1.
    pub rule: usize,
    /// What the rule lacks.
    pub lacks: Lack,
    /// The peers of the rule, in words.
    pub peers: String,
    /// The ports of the rule, in words.
    pub ports: String,
}

/// What a rule lacks to allow a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// It allows other ports to this endpoint.
    Ports,
    /// It allows these ports to other endpoints.
    Peers,
}

impl Closest {
    /// Returns whether the rule is for the endpoint, but not for the ports.
    pub fn is_for_the_peer(&self) -> bool {
        self.lacks == Lack::Ports
    }
}

/// Returns the peers of a rule in words.
pub fn peers_of(policies: &[NamedPolicy], direction: Direction, policy: usize, rule: usize) -> String {
    let found = policies.get(policy).and_then(|named| {
        let written = &named.policy.rules(direction)?.written;
        Some(peers_in_words(written.get(rule.checked_sub(1)?)?, &named.policy.home))
    });
    found.unwrap_or_default()
}

/// Returns the closest rule of a side that denies some of `ports`. `ends` are the subject and the peer.
pub fn closest(policies: &[NamedPolicy], side: &Side, (subject, peer): (&End, &End), ports: &PortSet) -> Option<Closest> {
    let destination = match side.direction {
        Direction::Ingress => subject,
        Direction::Egress => peer,
    };
    let mut best: Option<Closest> = None;
    for index in &side.isolated_by {
        let Some(named) = policies.get(*index) else { continue };
        let rules = named.policy.rules(side.direction).map(|rules| rules.written.as_slice()).unwrap_or_default();
        for (place, rule) in rules.iter().enumerate() {
            let possible = matching::ports(rule, destination).possible;
            let lacks = match (matching::peers(&rule.peers, peer), possible.and(ports).is_empty()) {
                (Match::No, true) => continue,
                (Match::No, false) => Lack::Peers,
                // A rule for everyone is not about this endpoint.
                (_, true) if matches!(rule.peers, Peers::Everyone) => continue,
                (_, true) => Lack::Ports,
                (_, false) => continue,
            };
            // A rule for the peer is closer than one for the port, and the first of several is as good as the others.
            if best.as_ref().is_none_or(|best| lacks < best.lacks) {
                let home = &named.policy.home;
                best = Some(Closest {
                    policy: *index,
                    rule: place + 1,
                    lacks,
                    peers: peers_in_words(rule, home),
                    ports: words::ports_of(&rule.ports),
                });
            }
        }
    }
    best
}

fn peers_in_words(rule: &Rule, home: &str) -> String {
    match &rule.peers {
        Peers::Everyone => "everyone".to_owned(),
        Peers::Listed(listed) => listed.iter().map(|peer: &PeerSet| words::peers(peer, home)).collect::<Vec<_>>().join(", or "),
    }
}
