//! A report for people: a table on a terminal, lines in a pipe, and one line that sums up.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::report::{Finding, MISSING, Object, Report};
use crate::cli::manifests::words::{Count, Plain};
use crate::cli::output::{BAD, GOOD, WARN};
use crate::policy::{Change, Difference};
use crate::verdict::{Guard, restore};

/// The narrowest terminal on which a table can be read.
const NARROWEST: u16 = 60;

pub(super) fn write(report: &Report, guard: &Guard, columns: Option<u16>, out: &mut dyn Write) -> io::Result<()> {
    match columns.filter(|columns| *columns >= NARROWEST) {
        Some(columns) if !report.findings.is_empty() => writeln!(out, "{}", table(report, columns))?,
        _ => lines(report, out)?,
    }
    // Where a namespace is stated that is not guarded, a flag may be wrong.
    let elsewhere = report.not_judged.iter().filter(|object| object.kind == "NetworkPolicy.networking.k8s.io");
    for object in elsewhere {
        writeln!(out, "{WARN}not judged{WARN:#}: {}: that namespace is not guarded", named(object))?;
    }
    summary(report, out)?;
    cures(report, guard, out)
}

fn table(report: &Report, columns: u16) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    table.set_header(["finding", "object", "what"]);
    for finding in &report.findings {
        let rule = if finding.counts() { finding.rule.clone() } else { format!("{}\n(warning)", finding.rule) };
        table.add_row([rule, named(&finding.object), what(finding).join("\n")]);
    }
    table
}

fn lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let (style, warning) = if finding.counts() { (BAD, "") } else { (WARN, "warning, ") };
        writeln!(out, "{style}{warning}{}{style:#}: {}", finding.rule, named(&finding.object))?;
        for line in what(finding) {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// Kind and name, namespace and place of an object.
fn named(object: &Object) -> String {
    let kind = object.kind.split('.').next().unwrap_or_default();
    let namespace = if object.namespace.is_empty() { String::new() } else { format!(" in {}", Plain(&object.namespace)) };
    let item = object.item.map(|index| format!(", items[{index}]")).unwrap_or_default();
    let place = match (&object.file, object.document) {
        (Some(file), Some(document)) => format!(" ({file}, document {document}{item})"),
        _ => String::new(),
    };
    format!("{} \"{}\"{namespace}{place}", Plain(kind), Plain(&object.name))
}

/// What a finding says, in lines. Differences stand for the sentence, which has only the first of them.
fn what(finding: &Finding) -> Vec<String> {
    if finding.rule == MISSING {
        return Vec::new();
    }
    if finding.differences.is_empty() {
        return vec![finding.message.clone()];
    }
    let mut lines: Vec<String> = finding.differences.iter().map(difference).collect();
    lines.extend(finding.witness.as_ref().map(|witness| format!("witness: {witness}")));
    lines
}

/// One difference: `wider: ingress rule 2 also allows TCP 443 from pods netpol/ocuser=true`.
fn difference(difference: &Difference) -> String {
    let change = match difference.change {
        Change::Wider => "wider",
        Change::Narrower => "narrower",
        Change::Both => "wider and narrower",
    };
    format!("{change}: {difference}")
}

fn summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let policies = &report.policies;
    let others = report.findings.iter().filter(|finding| finding.counts() && !finding.is_to_be_put_back()).count();
    let warnings = report.findings.iter().filter(|finding| !finding.counts()).count();
    let mut parts = vec![format!("{} of {} as the canon {} has them", policies.same, Count(policies.canonical, "policy"), report.canon)];
    let mut add = |number: usize, words: String| {
        if number > 0 {
            parts.push(words);
        }
    };
    add(policies.drifted, format!("{} drifted", policies.drifted));
    let are_findings = report.findings.iter().any(|finding| finding.rule == MISSING);
    add(policies.missing, format!("{} {}", policies.missing, if are_findings { "missing" } else { "not in these files" }));
    add(policies.extra, format!("{} not of the canon", policies.extra));
    add(others, format!("{}", Count(others, "other finding")));
    add(warnings, format!("{}", Count(warnings, "warning")));
    add(report.not_judged.len(), format!("{} not judged", Count(report.not_judged.len(), "object")));
    let (word, style) = if report.clean { ("clean", GOOD) } else { ("not clean", BAD) };
    writeln!(out, "{style}{word}{style:#}: {}", parts.join(", "))
}

/// One command a namespace that puts back what drifted and what is missing.
fn cures(report: &Report, guard: &Guard, out: &mut dyn Write) -> io::Result<()> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.is_to_be_put_back()) {
        let names = names.entry(&finding.object.namespace).or_default();
        if !names.contains(&finding.object.name.as_str()) {
            names.push(&finding.object.name);
        }
    }
    for (namespace, names) in names {
        writeln!(
            out,
            "to put {} back: {}",
            if names.len() == 1 { "it" } else { "them" },
            restore::command(&guard.canon, namespace, &names)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::canon::Canon;
    use crate::cli::input::Input;
    use crate::cli::manifests;
    use crate::verdict::Settings;

    fn written(columns: Option<u16>) -> String {
        let settings = Settings::default();
        let canon = Canon::load("abcdesktop", &settings.namespaces).unwrap();
        let guard = Guard { canon: Arc::new(canon), settings: Arc::new(settings) };
        let open = r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"memcached-rights"},
            "spec":{"podSelector":{"matchLabels":{"run":"memcached-od"}},"policyTypes":["Ingress"],"ingress":[{}]}}"#;
        let input = Input { name: "open.json".to_owned(), bytes: open.into() };
        let manifests = manifests::read_manifests(vec![input]).unwrap();
        let report = Report::of(&guard, &manifests, true).unwrap();
        let mut out = Vec::new();
        write(&report, &guard, columns, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_a_table_that_fits() {
        let text = written(Some(72));
        let (table, words) = text.rsplit_once("─\n").unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= 72), "{text}");
        assert!(table.contains("policy-drift") && table.contains("witness:"), "{text}");
        assert!(words.contains("not clean"), "{text}");
    }

    #[test]
    fn a_pipe_and_a_narrow_terminal_get_lines() {
        assert!(written(None).contains("NetworkPolicy \"memcached-rights\" in abcdesktop (open.json, document 1)\n    wider: "));
        assert_eq!(written(None), written(Some(40)));
    }
}
