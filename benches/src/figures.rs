//! The committed figures, and the comparison with measured ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The compiler that built this program.
pub const COMPILER: &str = env!("NETPOL_COMPILER");

/// By how much a measurement may exceed its committed figure, in percent.
const TOLERANCE: u64 = 3;
/// The tolerance for figures of another compiler, which inlines differently.
const OTHER_COMPILER: u64 = 15;

/// No limit.
const ANY: u64 = u64::MAX;

/// Upper limits for any committed figures, by the prefix of the case. Allocations do not depend on the size of a pod, and the worst
/// cases are bounded.
const LIMITS: [(&str, Figure); 5] = [
    ("review/pod-", Figure { instructions: ANY, allocations: 32, heap: 8 << 10 }),
    ("review/pod-14k/", Figure { instructions: 170_000, allocations: 32, heap: 8 << 10 }),
    ("review/pod-107k/", Figure { instructions: 1_850_000, allocations: 32, heap: 8 << 10 }),
    // An editor or a commit waits for it: less than a tenth of a second.
    ("lint/", Figure { instructions: 200_000_000, allocations: ANY, heap: 16 << 20 }),
    ("worst-", Figure { instructions: 300_000_000, allocations: ANY, heap: 64 << 20 }),
];

/// By how much the cost of a review with a large canon may exceed that with the built-in canon, in percent.
const LARGE_CANON: u64 = 30;

/// The cost of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Instructions, as callgrind counts them.
    pub instructions: u64,
    /// Allocations and reallocations.
    pub allocations: u64,
    /// The peak of the heap in bytes.
    pub heap: u64,
}

impl Figure {
    fn parts(self) -> [(&'static str, u64); 3] {
        [("instructions", self.instructions), ("allocations", self.allocations), ("heap", self.heap)]
    }
}

/// The committed figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// `rustc --version` of the measured build.
    pub compiler: String,
    /// The figures by case.
    pub cases: BTreeMap<String, Figure>,
}

/// Compares measured figures with committed ones. Returns a table of all cases, and a sentence for each fault.
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
    faults.extend(above_limits(measured));
    (table, faults)
}

/// Returns a sentence for each figure above its limit.
fn above_limits(measured: &BTreeMap<String, Figure>) -> Vec<String> {
    let mut faults = Vec::new();
    for (case, figure) in measured {
        for (_, limit) in LIMITS.iter().filter(|(beginning, _)| case.starts_with(beginning)) {
            for ((what, now), (_, most)) in figure.parts().into_iter().zip(limit.parts()) {
                if now > most {
                    faults.push(format!("{case}: {now} {what}, the limit is {most}"));
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

#[allow(clippy::cast_precision_loss, reason = "a rounded percentage")]
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
        above_limits(&measured.iter().map(|(case, figure)| ((*case).to_owned(), *figure)).collect())
    }

    #[test]
    fn figures_within_their_limits_have_no_fault() {
        let pod = figure(170_000, 32, 8_192);
        assert_eq!(faults(&[("review/pod-14k/mutate", pod), ("large-canon/pod-14k/mutate", figure(221_000, 99, 99_999))]), [""; 0]);
    }

    #[test]
    fn every_limit_applies_to_the_cases_with_its_prefix() {
        let faults = faults(&[
            ("large-canon/pod-14k/mutate", figure(221_001, 0, 0)),
            ("review/pod-14k/mutate", figure(170_000, 33, 8_192)),
            ("review/pod-status/validate", figure(900_000, 0, 8_193)),
            ("worst-extra/nodes", figure(300_000_001, 0, 0)),
        ]);
        let found: Vec<&str> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
        let expected = [
            "large-canon/pod-14k/mutate",
            "review/pod-14k/mutate",
            // Two limits apply: the limit of all pods and its own.
            "review/pod-14k/mutate",
            "review/pod-status/validate",
            "worst-extra/nodes",
        ];
        assert_eq!(found, expected);
    }
}
