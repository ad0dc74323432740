//! Asks every pair of ends on every port, and compares the answers with what `netpol` says.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::host::{Port, ask};
use super::prediction::Prediction;
use super::site::Site;
use crate::cluster::harness::figures::note;

/// How many connections are opened at a time, and how often. The plugin gets the first packet of each through a socket that holds a
/// few hundred packets, and the kernel drops the others.
const BATCH: usize = 50;
const EVERY: Duration = Duration::from_millis(10);
/// How long a client waits for an answer, and how long if it is asked again.
const FIRST: Duration = Duration::from_millis(250);
const AGAIN: Duration = Duration::from_millis(1500);
/// How many differences a message lists.
const LISTED: usize = 30;

/// A connection: the indexes of two ends, and a port.
pub(super) type Probe = (usize, usize, Port);

/// Which connections are open.
pub(super) type Matrix = BTreeMap<Probe, bool>;

impl Site {
    /// Asks every pair of ends on every port of the site, and checks that packets do what `netpol` says. Returns the answers.
    #[track_caller]
    pub(super) fn agrees(&self, what: &str) -> (Prediction, Matrix) {
        self.agree_between(&Prediction::pairs, what)
    }

    /// The same for some pairs of ends.
    #[track_caller]
    pub(super) fn agree_between(&self, pairs: &dyn Fn(&Prediction) -> Vec<(usize, usize)>, what: &str) -> (Prediction, Matrix) {
        let prediction = Prediction::of(self);
        let predicted = prediction.matrix(&pairs(&prediction), &self.ports);
        let measured = self.measure(&prediction, &predicted, what);
        let differences = differences(&prediction, &predicted, &measured);
        assert!(differences.is_empty(), "{what}: {} connections differ:\n{}", differences.len(), first(&differences));
        (prediction, measured)
    }

    /// Asks every connection for which there is a prediction. An answer other than that is asked for again, because packets get lost
    /// on a busy machine.
    pub(super) fn measure(&self, prediction: &Prediction, predicted: &Matrix, what: &str) -> Matrix {
        let started = Instant::now();
        // Neighbors in the list have different sources and targets, so that no pod is asked more than others at a time.
        let mut probes: Vec<Probe> = predicted.keys().copied().collect();
        probes.sort_by_key(|(from, to, port)| (*port, (from + to) % prediction.ends.len(), *from));
        let mut measured = self.ask_all(prediction, &probes, FIRST);
        let mut again = 0;
        for time in [FIRST, AGAIN, AGAIN] {
            let unexpected: Vec<Probe> = probes.iter().filter(|probe| measured[*probe] != predicted[*probe]).copied().collect();
            if unexpected.is_empty() {
                break;
            }
            again += unexpected.len();
            measured.extend(self.ask_all(prediction, &unexpected, time));
        }
        let open = measured.values().filter(|open| **open).count();
        note("packets", json!({"site": what, "probes": probes.len(), "open": open, "again": again, "ms": started.elapsed().as_millis()}));
        measured
    }

    /// Asks probes and returns the answers.
    fn ask_all(&self, prediction: &Prediction, probes: &[Probe], time: Duration) -> Matrix {
        let (sender, receiver) = mpsc::channel();
        for batch in probes.chunks(BATCH) {
            for probe in batch {
                let (from, to, port) = *probe;
                let [source, target] = [from, to].map(|end| prediction.ends[end].address);
                let (sender, probe) = (sender.clone(), *probe);
                let client = &self.hosts[prediction.ends[from].host];
                client.network.runtime().spawn(async move { sender.send((probe, ask(source, target, port, time).await)) });
            }
            if batch.len() == BATCH {
                thread::sleep(EVERY);
            }
        }
        drop(sender);
        let mut answers = Matrix::new();
        for (probe, answer) in receiver {
            if let Ok(name) = &answer {
                let expected = self.hosts[prediction.ends[probe.1].host].name();
                assert_eq!(*name, expected, "somebody else answers {}", prediction.ends[probe.1].address);
            }
            answers.insert(probe, answer.is_ok());
        }
        answers
    }
}

impl Prediction {
    /// Returns which connections between pairs of ends are open on some ports.
    pub(super) fn matrix(&self, pairs: &[(usize, usize)], ports: &[Port]) -> Matrix {
        let mut matrix = Matrix::new();
        let sets: Vec<_> = ports.iter().map(|port| (*port, port.set())).collect();
        for ((from, to), open) in self.open(pairs) {
            for (port, set) in &sets {
                matrix.insert((from, to, *port), set.is_subset(&open));
            }
        }
        matrix
    }

    /// Returns a probe as text.
    pub(super) fn text(&self, (from, to, port): &Probe) -> String {
        let family = if self.ends[*from].address.is_ipv4() { "IPv4" } else { "IPv6" };
        format!("{} -> {} {port} over {family}", self.ends[*from].name, self.ends[*to].name)
    }
}

/// Returns the connections in which packets and a prediction differ.
pub(super) fn differences(prediction: &Prediction, predicted: &Matrix, measured: &Matrix) -> Vec<String> {
    let word = |open: bool| if open { "open" } else { "closed" };
    let differing = predicted.iter().filter(|(probe, open)| measured[*probe] != **open);
    differing.map(|(probe, open)| format!("{}: netpol says {}, packets say {}", prediction.text(probe), word(*open), word(!open))).collect()
}

/// Returns the first lines of a list.
pub(super) fn first(lines: &[String]) -> String {
    lines.iter().take(LISTED).cloned().collect::<Vec<_>>().join("\n")
}
