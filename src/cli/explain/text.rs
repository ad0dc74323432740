//! The text output of `explain`.

use std::io::{self, Write};

use super::report::{Claimed, Report, Verdict};
use crate::canon::CAPABILITY_PREFIX;
use crate::cli::output::{BAD, GOOD, WARN};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (word, style) = match report.verdict {
        Verdict::Allowed => ("allowed", GOOD),
        Verdict::Denied => ("denied", BAD),
        Verdict::Depends => ("depends", WARN),
    };
    writeln!(out, "{style}{word:<7}{style:#}  {} -> {}  {}", report.from, report.to, report.shown)?;
    writeln!(out, "  egress   {}", report.egress.sentence)?;
    writeln!(out, "  ingress  {}", report.ingress.sentence)?;
    if report.verdict == Verdict::Denied && report.egress.allowed && report.ingress.allowed {
        writeln!(out, "  no port is allowed in both directions")?;
    }
    for caveat in &report.caveats {
        writeln!(out, "  depends: {caveat}")?;
    }
    if report.would_open.is_empty() {
        if report.verdict != Verdict::Allowed {
            writeln!(out, "  to allow: no change of up to two labels was found that keeps both identities")?;
        }
        return Ok(());
    }
    let labels: Vec<String> = report
        .would_open
        .iter()
        .map(|opens| {
            // Only capability labels are granted.
            let grants = match opens.grants.join(", ") {
                _ if !opens.label.starts_with(CAPABILITY_PREFIX) => String::new(),
                none if none.is_empty() => " (granted to no identity)".to_owned(),
                grants => format!(" (granted to {grants}{})", claimed(&opens.claims)),
            };
            match opens.label.strip_suffix('-') {
                Some(key) => format!("removing the label {key} of the {}", opens.side),
                None => format!("the label {} on the {}{grants}", opens.label, opens.side),
            }
        })
        .collect();
    let opens = match (report.egress.allowed, report.ingress.allowed) {
        (false, false) => "both directions",
        (false, true) => "egress",
        (true, false) => "ingress",
        (true, true) => "it",
    };
    let verb = if labels.len() == 1 { "opens" } else { "open" };
    writeln!(out, "  to allow: {} {verb} {opens}", labels.join(" and "))
}

/// Returns who may claim the identities of grants.
fn claimed(claims: &[Claimed]) -> String {
    let claimed = claims.iter().map(|Claimed { grant, claimants }| {
        let claimants: Vec<&str> = claimants.iter().map(String::as_str).collect();
        format!("; {grant} is only for {}", claimants.join(", "))
    });
    claimed.collect()
}
