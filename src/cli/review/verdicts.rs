//! Manifests: a verdict an object.

use std::io::{self, Write};

use json_patch::Patch;
use serde::Serialize;

use crate::cli::exit::{Ended, Failure, Outcome};
use crate::cli::manifests::Manifest;
use crate::cli::manifests::created::{self, Asker, Judged};
use crate::cli::manifests::words::{Count, Named, Plain};
use crate::cli::output::{Format, NAME, Streams};
use crate::cli::words::{decided, rule_name};
use crate::policy::{Difference, Witness};
use crate::verdict::Outcome as Decided;
use crate::verdict::{Guard, Rule, Severity};

/// What is said of one object.
struct Verdict<'m> {
    manifest: &'m Manifest,
    /// The namespace that it is created in; empty for cluster scope.
    namespace: &'m str,
    /// None: nobody judges it.
    judged: Option<Judged>,
}

/// Judges objects; those that state no namespace are created in `default_namespace`.
pub(super) fn run(
    guard: &Guard,
    asker: &Asker,
    manifests: &[Manifest],
    default_namespace: &str,
    format: Format,
    streams: &mut Streams,
) -> Ended {
    let mut verdicts = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let stated = manifest.namespace.as_deref().unwrap_or(default_namespace);
        let namespace = if manifest.resource.namespaced { stated } else { "" };
        let guarded = manifest.resource.is_judged_everywhere() || guard.canon.policies(namespace).is_some();
        let judge = || created::judge(guard, asker, manifest, namespace).map_err(Failure::ours);
        let judged = (guarded && manifest.resource.is_judged()).then(judge).transpose()?;
        verdicts.push(Verdict { manifest, namespace, judged });
    }
    match format {
        Format::Json => {
            for verdict in &verdicts {
                serde_json::to_writer(&mut streams.out, &line(verdict)).map_err(io::Error::from)?;
                streams.out.write_all(b"\n")?;
            }
        }
        Format::Text => text(&verdicts, &mut streams.out)?,
    }
    let denied = verdicts.iter().any(|verdict| verdict.judged.as_ref().is_some_and(|judged| judged.outcome == Decided::Denied));
    Ok(if denied { Outcome::Findings } else { Outcome::Clean })
}

fn text(verdicts: &[Verdict<'_>], out: &mut dyn Write) -> io::Result<()> {
    for Verdict { manifest, namespace, judged } in verdicts {
        let (word, style) = judged.as_ref().map_or(("not judged", NAME), |judged| decided(judged.outcome));
        let place = &manifest.place;
        write!(out, "{style}{word:<10}{style:#}  {}", Named(manifest))?;
        if !namespace.is_empty() {
            write!(out, " in {}", Plain(namespace))?;
        }
        writeln!(out, " ({place})")?;
        let Some(judged) = judged else { continue };
        for finding in &judged.findings {
            let warning = if finding.severity < Severity::Deny { "warning, " } else { "" };
            writeln!(out, "            {warning}{}: {}", rule_name(finding.rule), finding.message)?;
        }
        if let Some(changes) = changes(judged) {
            writeln!(out, "            /mutate {changes}")?;
        }
    }
    let count =
        |wanted: Option<Decided>| verdicts.iter().filter(|verdict| verdict.judged.as_ref().map(|judged| judged.outcome) == wanted).count();
    let mut parts = Vec::new();
    for outcome in [Decided::Allowed, Decided::Warned, Decided::Softened, Decided::Denied] {
        parts.extend(Some(count(Some(outcome))).filter(|number| *number > 0).map(|number| format!("{number} {}", decided(outcome).0)));
    }
    parts.extend(Some(count(None)).filter(|number| *number > 0).map(|number| format!("{number} not judged")));
    let separator = if parts.is_empty() { "" } else { ": " };
    writeln!(out, "{}{separator}{}", Count(verdicts.len(), "object"), parts.join(", "))
}

/// What a patch does, in words: it touches labels under `netpol/` alone, whose values are no secrets.
fn changes(judged: &Judged) -> Option<String> {
    let added = judged.added_labels().map(|(key, value)| format!("{}={}", Plain(&key), Plain(&value))).collect();
    let removed = judged.removed_labels().map(|key| Plain(&key).to_string()).collect();
    let part = |verb: &str, labels: Vec<String>| (!labels.is_empty()).then(|| format!("{verb} {}", labels.join(", ")));
    let parts: Vec<String> = [part("adds", added), part("takes off", removed)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// One line of `--output json`.
#[derive(Serialize)]
struct Line<'v> {
    file: &'v str,
    document: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    #[serde(skip_serializing_if = "<[usize]>::is_empty")]
    nested: &'v [usize],
    kind: String,
    name: &'v str,
    namespace: &'v str,
    verdict: &'static str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    messages: Vec<&'v str>,
    warnings: Vec<&'v str>,
    differences: Vec<&'v Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<&'v Witness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<&'v Patch>,
}

fn line<'v>(verdict: &'v Verdict<'_>) -> Line<'v> {
    let Verdict { manifest, namespace, judged } = verdict;
    let findings = judged.as_ref().map(|judged| judged.findings.as_slice()).unwrap_or_default();
    let sentences = |refuses: bool| {
        let of = findings.iter().filter(|finding| (finding.severity >= Severity::Deny) == refuses);
        of.map(|finding| finding.message.as_str()).collect()
    };
    Line {
        file: &manifest.place.file,
        document: manifest.place.document,
        item: manifest.place.item,
        nested: &manifest.place.nested,
        kind: manifest.qualified_kind(),
        name: manifest.name(),
        namespace,
        verdict: judged.as_ref().map_or("not-judged", |judged| decided(judged.outcome).0),
        allowed: judged.as_ref().is_none_or(|judged| judged.outcome != Decided::Denied),
        rule: judged.as_ref().and_then(|judged| judged.rule),
        messages: sentences(true),
        warnings: sentences(false),
        differences: findings.iter().flat_map(|finding| &finding.differences).collect(),
        witness: findings.iter().find_map(|finding| finding.witness.as_ref()),
        patch: judged.as_ref().map(|judged| &judged.patch).filter(|Patch(operations)| !operations.is_empty()),
    }
}
