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

/// What no change of the figures may pass: instructions, allocations and bytes of heap.
const CEILINGS: [(&str, Figure); 2] = [
    ("review/pod-14k/mutate", Figure { instructions: 260_000, allocations: 40, heap: 8_192 }),
    ("review/pod-107k/mutate", Figure { instructions: 1_850_000, allocations: 40, heap: 8_192 }),
];

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
    for (case, ceiling) in CEILINGS {
        let Some(figure) = measured.get(case) else { continue };
        for ((what, now), (_, most)) in figure.parts().into_iter().zip(ceiling.parts()) {
            if now > most {
                faults.push(format!("{case}: {now} {what}, the ceiling is {most}"));
            }
        }
    }
    (table, faults)
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for the eye")]
fn change(then: u64, now: u64) -> String {
    format!("{:+.1} %", (now as f64 / then as f64 - 1.0) * 100.0)
}
