//! Whether the registrations in the cluster make API servers send what the servers judge.
//!
//! The canons and the settings are those of the server, and its names are those of the certificate. The rest, such as the port of the
//! Service, is taken from the registration itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::webhook_configurations::WebhookConfiguration;
use crate::registration::{Registration, Send, Weakness, found_endpoint, weaknesses};
use crate::verdict::Guard;

/// The state of a registration that lacks nothing.
const OK: &str = "ok";
/// The state before the registrations were read, and while they cannot be read.
const UNKNOWN: &str = "unknown";

/// The registrations as they were read last.
pub(super) struct Registrations {
    guard: Arc<ArcSwap<Guard>>,
    names: Vec<String>,
    weaknesses: Vec<Weakness>,
    is_known: bool,
}

impl Registrations {
    pub(super) fn new(guard: Arc<ArcSwap<Guard>>) -> Registrations {
        Registrations { guard, names: Vec::new(), weaknesses: Vec::new(), is_known: false }
    }

    /// Compares the registrations, and logs what changed. `servers` are the names of the certificate. With `None`, they could not be
    /// read: what was found before stays.
    pub(super) fn observe(&mut self, read: Option<&[WebhookConfiguration]>, servers: &[String]) {
        self.is_known = read.is_some();
        let Some(read) = read else { return };
        let guard = self.guard.load();
        let (mut names, mut found) = (Vec::new(), Vec::new());
        for (name, pair) in WebhookConfiguration::pairs(read) {
            found.extend(compare(&guard, name, pair, servers));
            names.push(name.to_owned());
        }
        for weakness in found.iter().filter(|weakness| !self.weaknesses.contains(weakness)) {
            tracing::error!(state = weakness.kind.state(), "{}", weakness.sentence);
        }
        if found.is_empty() && !self.weaknesses.is_empty() {
            tracing::info!("the registration is complete again");
        }
        (self.names, self.weaknesses) = (names, found);
    }

    /// Returns the states for metrics.
    pub(super) fn states(&self) -> BTreeSet<&'static str> {
        let mut states: BTreeSet<&'static str> = self.weaknesses.iter().map(|weakness| weakness.kind.state()).collect();
        if !self.is_known || self.names.is_empty() {
            states.insert(UNKNOWN);
        } else if states.is_empty() {
            states.insert(OK);
        }
        states
    }

    /// Returns the sentences for `/readyz`.
    pub(super) fn sentences(&self) -> Vec<String> {
        if self.weaknesses.is_empty() {
            let complete = |name: &String| format!("the registration \"{name}\" is complete");
            return if self.is_known { self.names.iter().map(complete).collect() } else { Vec::new() };
        }
        self.weaknesses.iter().map(|weakness| weakness.sentence.clone()).collect()
    }
}

fn compare(guard: &Guard, name: &str, found: crate::registration::Found<'_>, servers: &[String]) -> Vec<Weakness> {
    let expected = Registration {
        canons: &guard.canons,
        settings: &guard.settings,
        send: Send::Needed,
        name,
        endpoint: &found_endpoint(found, servers),
        // The bundle is managed separately.
        authorities: None,
    };
    weaknesses(&expected, found)
}
