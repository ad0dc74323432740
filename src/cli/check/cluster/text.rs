//! The text output of a check of a cluster.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;

use super::sections::{Checked, Report, State};
use crate::cli::choices::word;
use crate::cli::manifests::display::Count;
use crate::cli::output::{BAD, GOOD, NAME, WARN};
use crate::drift::{Finding, Severity};

/// The most findings of one kind that are printed. JSON has all of them.
const MOST: usize = 20;

/// Writes every section.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for checked in &report.sections {
        writeln!(out, "{NAME}{}{NAME:#}", word(&checked.name))?;
        if checked.state == State::Ok {
            writeln!(out, "  {GOOD}ok{GOOD:#}: {}", checked.summary)?;
        }
        write_section(checked, "  ", true, out)?;
    }
    write_end(report, out)
}

/// Writes what is not ok.
pub(super) fn write_short(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    report.sections.iter().try_for_each(|checked| write_section(checked, "", false, out))
}

fn write_section(checked: &Checked, indent: &str, has_notes: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut more: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in checked.findings.iter().filter(|finding| has_notes || finding.severity > Severity::Note) {
        let number = more.entry(finding.id).or_default();
        *number += 1;
        if *number <= MOST {
            write_finding(finding, indent, out)?;
        }
    }
    for (id, number) in more.into_iter().filter(|(_, number)| *number > MOST) {
        writeln!(out, "{indent}{id}: {} more (--output json has all of them)", number - MOST)?;
    }
    for reason in &checked.not_evaluated {
        writeln!(out, "{indent}{WARN}not evaluated{WARN:#}: {reason}")?;
    }
    Ok(())
}

fn write_finding(finding: &Finding, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let (style, severity) = described(finding.severity);
    let namespace = if finding.object.namespace.is_empty() { String::new() } else { format!(" in {}", finding.object.namespace) };
    writeln!(out, "{indent}{style}{severity}{style:#}: {}{namespace}: {}", finding.id, finding.message)?;
    if let Some(witness) = &finding.witness {
        writeln!(out, "{indent}    witness: {witness}")?;
    }
    if let Some(command) = &finding.command {
        writeln!(out, "{indent}    to fix it: {command}")?;
    }
    Ok(())
}

fn described(severity: Severity) -> (Style, &'static str) {
    match severity {
        Severity::Error => (BAD, "error"),
        Severity::Warning => (WARN, "warning"),
        Severity::Note => (NAME, "note"),
    }
}

/// Writes the line that sums up.
fn write_end(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let number = |severity: Severity| report.findings().filter(|finding| finding.severity == severity).count();
    let not_evaluated: usize = report.sections.iter().map(|checked| checked.not_evaluated.len()).sum();
    let counts = [(number(Severity::Error), "error"), (number(Severity::Warning), "warning"), (not_evaluated, "part")];
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| format!("{}{}", Count(number, noun), if noun == "part" { " not evaluated" } else { "" }))
        .collect();
    match words.as_slice() {
        [] => writeln!(out, "{GOOD}all ok{GOOD:#}"),
        words => writeln!(out, "{BAD}not ok{BAD:#}: {}", words.join(", ")),
    }
}
