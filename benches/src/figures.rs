//! The committed figures, and what is held against them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The compiler that built this program.
pub const COMPILER: &str = env!("NETPOL_COMPILER");

/// How much more than its committed figure a measurement may be, in percent.
const TOLERANCE: u64 = 3;
/// The same where the figures are another compiler's: its inlining differs.
const OTHER_COMPILER: u64 = 15;

/// No bound.
const ANY: u64 = u64::MAX;

/// What no change of the figures may pass, by the beginning of a case's name: instructions, allocations
/// and bytes of heap. Whatever a pod's size, what it allocates is bounded; so is the worst that can be sent.
const CEILINGS: [(&str, Figure); 4] = [
    ("review/pod-", Figure { instructions: ANY, allocations: 32, heap: 8 << 10 }),
    ("review/pod-14k/", Figure { instructions: 250_000, allocations: 32, heap: 8 << 10 }),
    ("review/pod-107k/", Figure { instructions: 1_850_000, allocations: 32, heap: 8 << 10 }),
    ("worst-", Figure { instructions: 300_000_000, allocations: ANY, heap: 64 << 20 }),
];

/// By how much a review may cost more with a large canon than with the built-in one, in percent.
const LARGE_CANON: u64 = 30;

/// What one call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Instructions, as callgrind counts them.
    pub instructions: u64,
    /// Allocations and growths.
    pub allocations: u64,
    /// The most bytes of heap held at once.
    pub heap: u64,
}

impl Figure {
    fn parts(self) -> [(&'static str, u64); 3] {
        [("instructions", self.instructions), ("allocations", self.allocations), ("heap", self.heap)]
    }
}

/// The figures of every case, as they are committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// `rustc --version` of the build that was measured.
    pub compiler: String,
    /// By case.
    pub cases: BTreeMap<String, Figure>,
}

/// Holds `measured` against `committed`: a table of all cases, and every fault in a sentence.
pub fn compare(committed: &Figures, measured: &BTreeMap<String, Figure>) -> (String, Vec<String>) {
    let tolerance = if committed.compiler == COMPILER { TOLERANCE } else { OTHER_COMPILER };
    let mut table = format!("{:<44} {:>12} {:>8} {:>11} {:>10}\n", "case", "instructions", "change", "allocations", "heap");
    let mut faults = Vec::new();
    for (case, figure) in measured {
        let before = committed.cases.get(case);
        let change = before.map_or_else(|| "new".to_owned(), |before| change(before.instructions, figure.instructions));
        let _ = writeln!(table, "{case:<44} {:>12} {change:>8} {:>11} {:>10}", figure.instructions, figure.allocations, figure.heap);
        match before {
            None => faults.push(format!("{case} has no committed figure")),
            Some(before) => {
                for ((what, now), (_, then)) in figure.parts().into_iter().zip(before.parts()) {
                    if now * 100 > then * (100 + tolerance) {
                        faults.push(format!("{case}: {now} {what}, more than {tolerance} % above the committed {then}"));
                    }
                }
            }
        }
    }
    faults.extend(committed.cases.keys().filter(|case| !measured.contains_key(*case)).map(|case| format!("{case} was not measured")));
    faults.extend(above_a_ceiling(measured));
    (table, faults)
}

/// Every figure that no commit may have, in a sentence.
fn above_a_ceiling(measured: &BTreeMap<String, Figure>) -> Vec<String> {
    let mut faults = Vec::new();
    for (case, figure) in measured {
        for (_, ceiling) in CEILINGS.iter().filter(|(beginning, _)| case.starts_with(beginning)) {
            for ((what, now), (_, most)) in figure.parts().into_iter().zip(ceiling.parts()) {
                if now > most {
                    faults.push(format!("{case}: {now} {what}, the ceiling is {most}"));
                }
            }
        }
        let Some(body) = case.strip_prefix("large-canon/") else { continue };
        let Some(built_in) = measured.get(&format!("review/{body}")) else { continue };
        if figure.instructions * 100 > built_in.instructions * (100 + LARGE_CANON) {
            let (now, then) = (figure.instructions, built_in.instructions);
            faults.push(format!("{case}: {now} instructions, more than {LARGE_CANON} % above the {then} with the built-in canon"));
        }
    }
    faults
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for the eye")]
fn change(then: u64, now: u64) -> String {
    format!("{:+.1} %", (now as f64 / then as f64 - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(instructions: u64, allocations: u64, heap: u64) -> Figure {
        Figure { instructions, allocations, heap }
    }

    fn faults(measured: &[(&str, Figure)]) -> Vec<String> {
        above_a_ceiling(&measured.iter().map(|(case, figure)| ((*case).to_owned(), *figure)).collect())
    }

    #[test]
    fn what_is_below_its_ceilings_has_no_fault() {
        let pod = figure(250_000, 32, 8_192);
        assert_eq!(faults(&[("review/pod-14k/mutate", pod), ("large-canon/pod-14k/mutate", figure(325_000, 99, 99_999))]), [""; 0]);
    }

    #[test]
    fn every_ceiling_holds_for_the_cases_that_it_names() {
        let faults = faults(&[
            ("large-canon/pod-14k/mutate", figure(325_001, 0, 0)),
            ("review/pod-14k/mutate", figure(250_000, 33, 8_192)),
            ("review/pod-status/validate", figure(900_000, 0, 8_193)),
            ("worst-extra/nodes", figure(300_000_001, 0, 0)),
        ]);
        let found: Vec<&str> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
        let expected = [
            "large-canon/pod-14k/mutate",
            "review/pod-14k/mutate",
            // It is held to the ceiling of every pod and to its own.
            "review/pod-14k/mutate",
            "review/pod-status/validate",
            "worst-extra/nodes",
        ];
        assert_eq!(found, expected);
    }
}
