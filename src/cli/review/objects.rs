//! Manifests: prints one verdict per object.

use std::io::{self, Write};

use json_patch::Patch;
use serde::Serialize;

use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::manifests::Manifest;
use crate::cli::manifests::created::{self, Judged, Requester};
use crate::cli::manifests::display::{Count, KindAndName, printable};
use crate::cli::output::{Format, NAME, Streams};
use crate::cli::words::{outcome_word, rule_name};
use crate::policy::{Difference, Witness};
use crate::verdict::{Guard, Outcome, Rule, Severity};

/// The verdict on one object.
struct ObjectVerdict<'m> {
    manifest: &'m Manifest,
    /// The namespace of the object; empty for cluster-scoped kinds.
    namespace: &'m str,
    /// `None` if netpol does not evaluate the object.
    judged: Option<Judged>,
}

/// Evaluates objects. Objects without a namespace are created in `default_namespace`.
pub(super) fn run(
    guard: &Guard,
    requester: &Requester,
    manifests: &[Manifest],
    default_namespace: &str,
    format: Format,
    streams: &mut Streams,
) -> CommandResult {
    let mut verdicts = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let stated = manifest.namespace.as_deref().unwrap_or(default_namespace);
        let namespace = if manifest.resource.namespaced { stated } else { "" };
        let guarded = manifest.resource.is_judged_everywhere() || guard.canons.policies(namespace).is_some();
        let judge = || created::judge(guard, requester, manifest, namespace).map_err(Failure::internal);
        let judged = (guarded && manifest.resource.is_judged()).then(judge).transpose()?;
        verdicts.push(ObjectVerdict { manifest, namespace, judged });
    }
    match format {
        Format::Json => {
            for verdict in &verdicts {
                serde_json::to_writer(&mut streams.out, &line(verdict)).map_err(io::Error::from)?;
                streams.out.write_all(b"\n")?;
            }
        }
        Format::Text => write_text(&verdicts, &mut streams.out)?,
    }
    let denied = verdicts.iter().any(|verdict| verdict.judged.as_ref().is_some_and(|judged| judged.outcome == Outcome::Denied));
    Ok(if denied { Status::Findings } else { Status::Clean })
}

fn write_text(verdicts: &[ObjectVerdict<'_>], out: &mut dyn Write) -> io::Result<()> {
    for ObjectVerdict { manifest, namespace, judged } in verdicts {
        let (word, style) = judged.as_ref().map_or(("not judged", NAME), |judged| outcome_word(judged.outcome));
        let place = &manifest.place;
        write!(out, "{style}{word:<10}{style:#}  {}", KindAndName(manifest))?;
        if !namespace.is_empty() {
            write!(out, " in {}", printable(namespace))?;
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
        |wanted: Option<Outcome>| verdicts.iter().filter(|verdict| verdict.judged.as_ref().map(|judged| judged.outcome) == wanted).count();
    let mut parts = Vec::new();
    for outcome in [Outcome::Allowed, Outcome::Warned, Outcome::Softened, Outcome::Denied] {
        parts.extend(Some(count(Some(outcome))).filter(|number| *number > 0).map(|number| format!("{number} {}", outcome_word(outcome).0)));
    }
    parts.extend(Some(count(None)).filter(|number| *number > 0).map(|number| format!("{number} not judged")));
    let separator = if parts.is_empty() { "" } else { ": " };
    writeln!(out, "{}{separator}{}", Count(verdicts.len(), "object"), parts.join(", "))
}

/// Describes the patch of an object. It may print values, because `/mutate` changes only labels under `netpol/`,
/// which are not secret.
fn changes(judged: &Judged) -> Option<String> {
    let added = judged.added_labels().map(|(key, value)| format!("{}={}", printable(&key), printable(&value))).collect();
    let removed = judged.removed_labels().map(|key| printable(&key)).collect();
    let part = |verb: &str, labels: Vec<String>| (!labels.is_empty()).then(|| format!("{verb} {}", labels.join(", ")));
    let parts: Vec<String> = [part("adds", added), part("removes", removed)].into_iter().flatten().collect();
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

fn line<'v>(verdict: &'v ObjectVerdict<'_>) -> Line<'v> {
    let ObjectVerdict { manifest, namespace, judged } = verdict;
    let findings = judged.as_ref().map(|judged| judged.findings.as_slice()).unwrap_or_default();
    let messages = |is_denial: bool| {
        let selected = findings.iter().filter(|finding| (finding.severity >= Severity::Deny) == is_denial);
        selected.map(|finding| &*finding.message).collect()
    };
    Line {
        file: &manifest.place.file,
        document: manifest.place.document,
        item: manifest.place.item,
        nested: &manifest.place.nested,
        kind: manifest.qualified_kind(),
        name: manifest.name(),
        namespace,
        verdict: judged.as_ref().map_or("not-judged", |judged| outcome_word(judged.outcome).0),
        allowed: judged.as_ref().is_none_or(|judged| judged.outcome != Outcome::Denied),
        rule: judged.as_ref().and_then(|judged| judged.rule),
        messages: messages(true),
        warnings: messages(false),
        differences: findings.iter().flat_map(|finding| &finding.differences).collect(),
        witness: findings.iter().find_map(|finding| finding.witness.as_ref()),
        patch: judged.as_ref().map(|judged| &judged.patch).filter(|Patch(operations)| !operations.is_empty()),
    }
}
