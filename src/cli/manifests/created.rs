//! Evaluates an object as if it were created now: builds the reviews that the API server would send, mutates
//! the object and validates the result, with the same functions as the webhook.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::jsonptr::Pointer;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::Manifest;
use crate::admission::{self, Explained};
use crate::documents::{Node, decoded, metadata};
use crate::policy::Selector;
use crate::verdict::{Finding, Guard, Outcome, Rule, Stage};

/// The user who creates the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The user name.
    pub user: String,
    /// The groups of the user.
    pub groups: Vec<String>,
}

impl Default for Requester {
    /// Returns an authenticated user that no rule treats specially.
    fn default() -> Self {
        Requester { user: "ordinary-user".to_owned(), groups: vec!["system:authenticated".to_owned()] }
    }
}

/// The result for an object.
#[derive(Debug)]
pub struct Judged {
    /// The combined outcome of both stages.
    pub outcome: Outcome,
    /// The rule of the most severe finding.
    pub rule: Option<Rule>,
    /// The findings of both stages.
    pub findings: Vec<Finding>,
    /// The changes of `/mutate` to the object; may be empty.
    pub patch: json_patch::Patch,
}

impl Judged {
    /// Returns the keys and values of the labels that the patch adds.
    pub fn added_labels(&self) -> impl Iterator<Item = (String, String)> {
        self.patch.0.iter().filter_map(|operation| match operation {
            PatchOperation::Add(AddOperation { path, value }) => Some((label_of(path)?, value.as_str()?.to_owned())),
            _ => None,
        })
    }

    /// Returns the keys of the labels that the patch removes.
    pub fn removed_labels(&self) -> impl Iterator<Item = String> {
        self.patch.0.iter().filter_map(|operation| match operation {
            PatchOperation::Remove(RemoveOperation { path }) => label_of(path),
            _ => None,
        })
    }
}

/// Returns the label key in a path of a patch, or `None` if the path is not the path of a label.
fn label_of(path: &Pointer) -> Option<String> {
    path.strip_prefix(Pointer::from_static("/metadata/labels"))?.first().map(|key| key.decoded().into_owned())
}

/// Evaluates an object as if it were created in `namespace`, which is ignored for cluster-scoped kinds.
///
/// # Errors
/// Returns an internal error if the response of the webhook cannot be parsed.
pub fn judge(guard: &Guard, requester: &Requester, manifest: &Manifest, namespace: &str) -> anyhow::Result<Judged> {
    let mut object = as_sent(manifest, namespace);
    let faults = rejected_fields(manifest, &object);
    if !faults.is_empty() {
        let findings = faults.into_iter().map(Finding::fault).collect();
        let patch = json_patch::Patch(Vec::new());
        return Ok(Judged { outcome: Outcome::Denied, rule: Some(Rule::NotUnderstood), findings, patch });
    }
    let mutated = ask(guard, Stage::Mutate, requester, manifest, namespace, &object)?;
    let patch = patch_in(&mutated.answer.body)?;
    if mutated.answer.tally.outcome == Outcome::Denied {
        return Ok(Judged { outcome: Outcome::Denied, rule: mutated.answer.tally.rule, findings: mutated.findings, patch });
    }
    json_patch::patch(&mut object, &patch).context("the patch does not apply to the object")?;
    let validated = ask(guard, Stage::Validate, requester, manifest, namespace, &object)?;

    let mut findings = mutated.findings;
    findings.extend(validated.findings);
    let tally = validated.answer.tally;
    let outcome = if tally.outcome == Outcome::Allowed { mutated.answer.tally.outcome } else { tally.outcome };
    Ok(Judged { outcome, rule: tally.rule.or(mutated.answer.tally.rule), findings, patch })
}

/// Returns the faults that the API server rejects in the metadata of an object and of the pods that it creates, and
/// in the selector of those pods. The API server rejects such an object before it calls the webhook, and the
/// messages of the webhook would name positions in a request that the user did not write.
fn rejected_fields(manifest: &Manifest, object: &Value) -> Vec<String> {
    const PATHS: [&[&str]; 4] = [
        &["metadata"],
        &["spec", "template", "metadata"],
        &["spec", "jobTemplate", "metadata"],
        &["spec", "jobTemplate", "spec", "template", "metadata"],
    ];
    let has_selector = ["apps", "batch"].contains(&manifest.group.as_str());
    let is_workload = has_selector || manifest.kind == "ReplicationController";
    let paths = PATHS.iter().take(if is_workload { PATHS.len() } else { 1 });
    let selector = object.pointer("/spec/selector").filter(|selector| has_selector && !selector.is_null());
    let selector_faults = selector.and_then(|selector| Selector::parse(&Node::from(selector), "spec.selector").err());
    let faults = paths.flat_map(|path| metadata::faults(object, path)).chain(selector_faults.into_iter().flatten());
    faults.map(|fault| fault.to_string()).collect()
}

/// Changes a finding so that it names the field in the user's file, not the position in the request.
fn in_the_file(mut finding: Finding) -> Finding {
    if finding.rule == Rule::NotUnderstood {
        finding.message = finding.message.replace("request.object.", "").into();
    }
    finding
}

/// Returns the object as the API server sends it, in the fields that verdicts read.
fn as_sent(manifest: &Manifest, namespace: &str) -> Value {
    let mut object = manifest.object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if manifest.resource.namespaced {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        // A new object has no deletionTimestamp, but a manifest of a live object may have one.
        metadata.remove("deletionTimestamp");
    }
    decoded::empty_for_null_in_selectors(&mut object);
    // The API server derives only this selector from the template.
    if manifest.kind == "ReplicationController"
        && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("selector").is_none_or(Value::is_null)
        && let Some(labels) = spec.get("template").and_then(|template| template.get("metadata")?.get("labels")).cloned()
    {
        spec.insert("selector".to_owned(), labels);
    }
    object
}

fn ask(
    guard: &Guard,
    stage: Stage,
    requester: &Requester,
    manifest: &Manifest,
    namespace: &str,
    object: &Value,
) -> anyhow::Result<Explained> {
    let review = review(requester, manifest, namespace, object);
    let body = serde_json::to_vec(&review)?;
    let mut explained = admission::explain(guard, stage, &body).map_err(|sentence| anyhow::anyhow!(sentence))?;
    explained.findings = explained.findings.into_iter().map(in_the_file).collect();
    Ok(explained)
}

fn review<'r>(requester: &'r Requester, manifest: &'r Manifest, namespace: &'r str, object: &'r Value) -> Review<'r> {
    let metadata = |field: &str| object.get("metadata").and_then(|metadata| metadata.get(field)?.as_str());
    let name = metadata("name").unwrap_or_default();
    let namespace = match (manifest.resource.namespaced, manifest.kind.as_str()) {
        (true, _) => Some(namespace),
        // The review of a namespace states the namespace itself.
        (false, "Namespace") => Some(name),
        (false, _) => None,
    };
    Review {
        api_version: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        request: Request {
            uid: "as-if-created",
            kind: Kind { group: &manifest.group, version: &manifest.version, name: &manifest.kind },
            resource: Resource { group: &manifest.group, version: &manifest.version, plural: &manifest.resource.plural },
            name,
            namespace,
            operation: "CREATE",
            user_info: UserInfo { username: &requester.user, groups: &requester.groups },
            object,
            dry_run: true,
        },
    }
}

fn patch_in(body: &[u8]) -> anyhow::Result<json_patch::Patch> {
    let answer: ReviewResponse = serde_json::from_slice(body)?;
    let Some(patch) = answer.response.patch else { return Ok(json_patch::Patch(Vec::new())) };
    ensure!(answer.response.patch_type.as_deref() == Some("JSONPatch"), "the patch has an unknown type");
    Ok(serde_json::from_slice(&STANDARD.decode(patch)?)?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'r> {
    api_version: &'static str,
    kind: &'static str,
    request: Request<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'r> {
    uid: &'static str,
    kind: Kind<'r>,
    resource: Resource<'r>,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'r str>,
    operation: &'static str,
    user_info: UserInfo<'r>,
    object: &'r Value,
    dry_run: bool,
}

#[derive(Serialize)]
struct Kind<'r> {
    group: &'r str,
    version: &'r str,
    #[serde(rename = "kind")]
    name: &'r str,
}

#[derive(Serialize)]
struct Resource<'r> {
    group: &'r str,
    version: &'r str,
    #[serde(rename = "resource")]
    plural: &'r str,
}

#[derive(Serialize)]
struct UserInfo<'r> {
    username: &'r str,
    groups: &'r [String],
}

#[derive(Deserialize)]
struct ReviewResponse {
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    patch_type: Option<String>,
    patch: Option<String>,
}
