//! The text output of a check: the findings, one line that sums up, and the commands that fix them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::cures::{self, Cure, Restored, cure};
use super::report::{Finding, MISSING, Object, Policies, Report};
use crate::cli::manifests::display::{Count, printable};
use crate::cli::output::{BAD, GOOD, NAME, WARN};
use crate::policy::{Change, Difference};
use crate::verdict::{Guard, restore};

/// Writes the findings, and what sums them up.
pub(super) fn write(report: &Report, guard: &Guard, out: &mut dyn Write) -> io::Result<()> {
    write_findings(report, guard, |_| true, out)?;
    // A policy of a namespace that is not guarded may mean a wrong --namespace.
    let elsewhere = report.not_judged.iter().filter(|object| object.kind == "NetworkPolicy.networking.k8s.io");
    for object in elsewhere {
        writeln!(out, "{WARN}not judged{WARN:#}: {}: the namespace is not guarded", described(object))?;
    }
    write_summary(report, out)?;
    write_commands(report, guard, out)
}

/// Writes only what is not ok, and the commands that fix it.
pub(super) fn write_short(report: &Report, guard: &Guard, out: &mut dyn Write) -> io::Result<()> {
    write_findings(report, guard, |finding| finding.severity != "info", out)?;
    write_commands(report, guard, out)
}

fn write_findings(report: &Report, guard: &Guard, is_shown: impl Fn(&Finding) -> bool, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings.iter().filter(|finding| is_shown(finding)) {
        let (style, warning) = match finding.severity {
            "deny" => (BAD, ""),
            "warn" => (WARN, "warning, "),
            _ => (NAME, "note, "),
        };
        writeln!(out, "{style}{warning}{}{style:#}: {}", finding.rule, described(&finding.object))?;
        for line in details(finding, first_of(report, guard, finding).as_deref()) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// Returns kind, name, namespace and place of an object.
fn described(object: &Object) -> String {
    let kind = object.kind.split('.').next().unwrap_or_default();
    let namespace = if object.namespace.is_empty() { String::new() } else { format!(" in {}", printable(&object.namespace)) };
    let items: Vec<String> = object.item.iter().chain(&object.nested).map(|index| format!("items[{index}]")).collect();
    let item = if items.is_empty() { String::new() } else { format!(", {}", items.join(".")) };
    let place = match (&object.file, object.document) {
        (Some(file), Some(document)) => format!(" ({file}, document {document}{item})"),
        _ => String::new(),
    };
    format!("{} \"{}\"{namespace}{place}", printable(kind), printable(&object.name))
}

/// Returns the lines below a finding: its differences, or its message, which has only the first difference. `command` names
/// the command at the end of the output that ends the differences, if there is one.
fn details(finding: &Finding, command: Option<&str>) -> Vec<String> {
    if finding.rule == MISSING {
        return Vec::new();
    }
    if finding.differences.is_empty() {
        return vec![finding.message.clone()];
    }
    let mut lines: Vec<String> = finding.differences.iter().map(|it| difference(it, command)).collect();
    lines.extend(finding.witness.as_ref().map(|witness| format!("witness: {witness}")));
    lines
}

/// Returns one difference: `wider: ingress rule 2 also allows TCP 443 from pods netpol/ocuser=true`, and what it means for
/// connections: whether they are open until the policy is restored, or break until then.
fn difference(difference: &Difference, command: Option<&str>) -> String {
    let change = match difference.change {
        Change::Wider => "wider",
        Change::Narrower => "narrower",
        Change::Both => "wider and narrower",
    };
    let meaning = match (difference.change, command) {
        (Change::Narrower, _) => " (this breaks now)".to_owned(),
        (_, None) => String::new(),
        (Change::Wider, Some(command)) => format!(" ({command} below closes this)"),
        (Change::Both, Some(command)) => format!(" (part of this breaks now; {command} below closes the rest)"),
    };
    format!("{change}: {difference}{meaning}")
}

/// Returns how many policies match: of all canonical ones, or of those in the files if others may be missing.
fn matches(policies: &Policies, is_partial: bool, canon: &str) -> String {
    let listed = policies.same + policies.drifted;
    match (is_partial, listed, policies.same) {
        (false, ..) => format!("{} of {} match the {canon}", policies.same, Count(policies.canonical, "policy")),
        (true, 1, 1) => format!("the only policy in these files matches the {canon}"),
        (true, ..) => format!("{} of the {listed} policies in these files match the {canon}", policies.same),
    }
}

/// Writes the line that sums up. It counts each object once.
fn write_summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (policies, others) = (&report.policies, &report.others);
    let canon = match report.canons.as_slice() {
        [only] => format!("canon {only}"),
        several => format!("canons {}", several.join(", ")),
    };
    let is_partial = policies.missing > 0 && !report.findings.iter().any(|finding| finding.rule == MISSING);
    let has_no_policy = is_partial && policies.missing == policies.canonical;
    let first = if has_no_policy { format!("no policy of the {canon} in these files") } else { matches(policies, is_partial, &canon) };
    let mut parts = vec![first];
    let mut add = |number: usize, words: String| {
        if number > 0 {
            parts.push(words);
        }
    };
    add(policies.drifted, format!("{} drifted", policies.drifted));
    add(report.break_glass, format!("{} with the break-glass annotation", report.break_glass));
    if !has_no_policy {
        add(policies.missing, format!("{} {}", policies.missing, if is_partial { "not in these files" } else { "missing" }));
    }
    add(others.extra, format!("{} without findings", Count(others.extra, "extra policy")));
    add(others.clean, format!("{} without findings", Count(others.clean, "other object")));
    add(others.warned, format!("{} with warnings", Count(others.warned, "other object")));
    add(others.failed, format!("{} with findings", Count(others.failed, "other object")));
    add(report.not_judged.len(), format!("{} not judged", Count(report.not_judged.len(), "object")));
    let (word, style) = if report.clean { ("clean", GOOD) } else { ("not clean", BAD) };
    writeln!(out, "{style}{word}{style:#}: {}", parts.join(", "))
}

/// Writes the commands that restore the policies that drifted or are missing. If all policies of a namespace are those of a
/// canon that is not accepted, restoring them would break their release, so the flag that accepts it comes instead.
fn write_commands(report: &Report, guard: &Guard, out: &mut dyn Write) -> io::Result<()> {
    let mut namespaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| is_restored(report, finding)) {
        let names = namespaces.entry(&finding.object.namespace).or_default();
        if !names.contains(&finding.object.name.as_str()) {
            names.push(&finding.object.name);
        }
    }
    for (namespace, names) in namespaces {
        let it = |names: &[&str]| if names.len() == 1 { "it" } else { "them" };
        match cure(report.references(namespace), guard, namespace, &names) {
            Cure::All(restored) => {
                for Restored { canon, names } in restored {
                    writeln!(out, "to restore {}: {}", it(&names), restore::command(canon, namespace, &names))?;
                }
            }
            Cure::One(restored) => {
                writeln!(out, "to restore {}, choose the canon of the release that runs: the accepted canons differ here", it(&names))?;
                for Restored { canon, names } in restored {
                    writeln!(out, "    of {}: {}", canon.source, restore::command_of(canon, namespace, &names))?;
                }
            }
        }
    }
    for (namespace, canons) in &report.fitting {
        writeln!(out, "to accept the policies of the namespace {namespace}: {}", cures::accepting(canons))?;
    }
    Ok(())
}

/// Returns whether a command restores the policy of a finding.
fn is_restored(report: &Report, finding: &Finding) -> bool {
    finding.is_fixed_by_render() && !report.fitting.contains_key(&finding.object.namespace)
}

/// Returns the words for the command that restores the policy of a finding as the canon that it was compared with has it.
fn first_of(report: &Report, guard: &Guard, finding: &Finding) -> Option<String> {
    is_restored(report, finding).then(|| {
        let object = &finding.object;
        match cure(report.references(&object.namespace), guard, &object.namespace, &[&object.name]) {
            Cure::One(restored) => restored.first().map(|first| format!("the command of {}", first.canon.source)),
            Cure::All(_) => None,
        }
        .unwrap_or_else(|| "the command".to_owned())
    })
}
