//! The text output of `lint`: the findings by rule, and one line that sums up.

use std::io::{self, Write};

use super::report::{Report, Reported};
use crate::analysis::lint::{LintRule, Severity};
use crate::cli::manifests::display::{Count, printable};
use crate::cli::output::{BAD, GOOD, NAME, WARN};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for rule in LintRule::ALL {
        let of_rule: Vec<&Reported<'_>> = report.findings.iter().filter(|reported| reported.finding.rule == *rule).collect();
        if of_rule.is_empty() {
            continue;
        }
        writeln!(out, "{NAME}{rule}{NAME:#}: {}", rule.title())?;
        for reported in of_rule {
            write_finding(reported, out)?;
        }
        writeln!(out)?;
    }
    summary(report, out)
}

fn write_finding(reported: &Reported<'_>, out: &mut dyn Write) -> io::Result<()> {
    let finding = reported.finding;
    let style = match finding.severity {
        Severity::Error => BAD,
        Severity::Warning => WARN,
        Severity::Info => NAME,
    };
    // A finding about an endpoint names one of its policies, because that can have the annotation.
    let (name, place) = (finding.policy.as_deref().map(printable), finding.place.to_string());
    let about = match (&finding.place.endpoint, name) {
        (Some(endpoint), Some(name)) => format!("{} ({name})", printable(endpoint)),
        (_, None) => place,
        (None, Some(name)) if place.is_empty() => name,
        (None, Some(name)) => format!("{name} {place}"),
    };
    let file = match (&reported.file, reported.document) {
        (Some(file), Some(document)) => format!(" ({file}, document {document})"),
        _ => String::new(),
    };
    writeln!(out, "  {style}{:<7}{style:#}  {}{file}: {}", finding.severity, about, finding.message)?;
    if let Some(witness) = &finding.witness {
        writeln!(out, "           witness: {witness}")?;
    }
    Ok(())
}

fn summary(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let count = |severity| report.findings.iter().filter(|reported| reported.finding.severity == severity).count();
    let ignored = match report.ignored.len() {
        0 => String::new(),
        ignored => format!("; {ignored} ignored by annotations"),
    };
    if report.findings.is_empty() {
        return writeln!(out, "{GOOD}no findings{GOOD:#} ({}){ignored}", report.source);
    }
    writeln!(
        out,
        "{}: {}, {}, {} info ({}){ignored}",
        Count(report.findings.len(), "finding"),
        Count(count(Severity::Error), "error"),
        Count(count(Severity::Warning), "warning"),
        count(Severity::Info),
        report.source
    )
}
