//! The text output of `explain`.

use std::io::{self, Write};

use crate::analysis::{Explanation, Verdict};
use crate::cli::output::{BAD, GOOD, WARN};

pub(super) fn write(explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    let (word, style) = match explanation.verdict {
        Verdict::Allowed => ("allowed", GOOD),
        Verdict::Denied => ("denied", BAD),
        Verdict::Depends => ("depends", WARN),
    };
    writeln!(out, "{style}{word:<7}{style:#}  {} -> {}  {}", explanation.from, explanation.to, explanation.shown)?;
    if let Some(service) = &explanation.service {
        writeln!(out, "  service  {service}")?;
    }
    writeln!(out, "  egress   {}", explanation.egress.sentence)?;
    writeln!(out, "  ingress  {}", explanation.ingress.sentence)?;
    if explanation.is_without_common_port() {
        writeln!(out, "  no port is allowed in both directions")?;
    }
    for caveat in &explanation.caveats {
        writeln!(out, "  depends: {caveat}")?;
    }
    if let Some(change) = explanation.to_allow() {
        writeln!(out, "  to allow: {change}")?;
    }
    Ok(())
}
