//! An object, judged as if it were created now: what the API server would send is put together, mutated,
//! then validated, by the functions that the webhook calls.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Manifest;
use crate::admission::{self, Explained};
use crate::documents::{Node, decoded, metadata};
use crate::policy::Selector;
use crate::verdict::Outcome;
use crate::verdict::{Finding, Guard, Rule, Stage};

/// Who creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The user's name.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
}

impl Default for Asker {
    /// Somebody of whom no rule knows anything.
    fn default() -> Self {
        Asker { user: "somebody".to_owned(), groups: vec!["system:authenticated".to_owned()] }
    }
}

/// What is said of an object.
#[derive(Debug)]
pub struct Judged {
    /// What is decided.
    pub outcome: Outcome,
    /// The rule of the gravest finding.
    pub rule: Option<Rule>,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// What is changed before it is stored: a JSON patch, perhaps an empty one.
    pub patch: json_patch::Patch,
}

impl Judged {
    /// Returns the keys and values of the labels that the patch adds.
    pub fn added_labels(&self) -> impl Iterator<Item = (String, String)> {
        self.patch.0.iter().filter_map(|operation| match operation {
            PatchOperation::Add(AddOperation { path, value }) => Some((label_of(path.as_str())?, value.as_str()?.to_owned())),
            _ => None,
        })
    }

    /// Returns the keys of the labels that the patch removes.
    pub fn removed_labels(&self) -> impl Iterator<Item = String> {
        self.patch.0.iter().filter_map(|operation| match operation {
            PatchOperation::Remove(RemoveOperation { path }) => label_of(path.as_str()),
            _ => None,
        })
    }
}

/// Returns the label key that a path of a patch is about.
fn label_of(path: &str) -> Option<String> {
    path.strip_prefix("/metadata/labels/").map(|key| key.replace("~1", "/").replace("~0", "~"))
}

/// Judges an object as if it were created in `namespace`, which is passed over for a kind of cluster scope.
///
/// # Errors
/// The webhook's own answer cannot be read: an error of ours.
pub fn judge(guard: &Guard, asker: &Asker, manifest: &Manifest, namespace: &str) -> anyhow::Result<Judged> {
    let mut object = as_sent(manifest, namespace);
    let faults = rejected_fields(manifest, &object);
    if !faults.is_empty() {
        let findings = faults.into_iter().map(Finding::fault).collect();
        let patch = json_patch::Patch(Vec::new());
        return Ok(Judged { outcome: Outcome::Denied, rule: Some(Rule::NotUnderstood), findings, patch });
    }
    let mutated = ask(guard, Stage::Mutate, asker, manifest, namespace, &object)?;
    let patch = patch_in(&mutated.answer.body)?;
    if mutated.answer.tally.outcome == Outcome::Denied {
        return Ok(Judged { outcome: Outcome::Denied, rule: mutated.answer.tally.rule, findings: mutated.findings, patch });
    }
    json_patch::patch(&mut object, &patch).context("the patch does not fit its object")?;
    let validated = ask(guard, Stage::Validate, asker, manifest, namespace, &object)?;

    let mut findings = mutated.findings;
    findings.extend(validated.findings);
    let tally = validated.answer.tally;
    let outcome = if tally.outcome == Outcome::Allowed { mutated.answer.tally.outcome } else { tally.outcome };
    Ok(Judged { outcome, rule: tally.rule.or(mutated.answer.tally.rule), findings, patch })
}

/// Returns what the API server rejects in the metadata of an object and of the pods that it creates, and in the
/// selector of those pods. The webhook never sees such an object, and its message would name positions in a
/// request that the user did not write.
fn rejected_fields(manifest: &Manifest, object: &Value) -> Vec<String> {
    const TEMPLATES: [&[&str]; 4] = [
        &["metadata"],
        &["spec", "template", "metadata"],
        &["spec", "jobTemplate", "metadata"],
        &["spec", "jobTemplate", "spec", "template", "metadata"],
    ];
    let has_selector = ["apps", "batch"].contains(&manifest.group.as_str());
    let is_workload = has_selector || manifest.kind == "ReplicationController";
    let paths = TEMPLATES.iter().take(if is_workload { TEMPLATES.len() } else { 1 });
    let selector = object.pointer("/spec/selector").filter(|selector| has_selector && !selector.is_null());
    let of_selector = selector.and_then(|selector| Selector::parse(&Node::from(selector), "spec.selector").err());
    let faults = paths.flat_map(|path| metadata::faults(object, path)).chain(of_selector.into_iter().flatten());
    faults.map(|fault| fault.to_string()).collect()
}

/// Returns a finding that names the field in the user's file, not its position in the request.
fn in_the_file(mut finding: Finding) -> Finding {
    if finding.rule == Rule::NotUnderstood {
        finding.message = finding.message.replace("request.object.", "");
        if let Some((message, position)) = finding.message.rsplit_once(" (line ")
            && position.ends_with(')')
        {
            finding.message = message.to_owned();
        }
    }
    finding
}

/// What the API server makes of an object before it asks, as far as a judge reads it.
fn as_sent(manifest: &Manifest, namespace: &str) -> Value {
    let mut object = manifest.object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if manifest.resource.namespaced {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        // Nothing that is created is being deleted: a manifest may have been read from a live object that was.
        metadata.remove("deletionTimestamp");
    }
    decoded::empty_for_null_in_selectors(&mut object);
    // The one selector that is made from the template where it is left out.
    if manifest.kind == "ReplicationController"
        && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("selector").is_none_or(Value::is_null)
        && let Some(labels) = spec.get("template").and_then(|template| template.get("metadata")?.get("labels")).cloned()
    {
        spec.insert("selector".to_owned(), labels);
    }
    object
}

fn ask(guard: &Guard, stage: Stage, asker: &Asker, manifest: &Manifest, namespace: &str, object: &Value) -> anyhow::Result<Explained> {
    let review = review(asker, manifest, namespace, object);
    let body = serde_json::to_vec(&review)?;
    let mut explained = admission::explain(guard, stage, &body).map_err(|sentence| anyhow::anyhow!(sentence))?;
    explained.findings = explained.findings.into_iter().map(in_the_file).collect();
    Ok(explained)
}

fn review<'r>(asker: &'r Asker, manifest: &'r Manifest, namespace: &'r str, object: &'r Value) -> Review<'r> {
    let metadata = |field: &str| object.get("metadata").and_then(|metadata| metadata.get(field)?.as_str());
    let name = metadata("name").unwrap_or_default();
    let namespace = match (manifest.resource.namespaced, manifest.kind.as_str()) {
        (true, _) => Some(namespace),
        // A namespace's review carries its own name.
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
            user_info: UserInfo { username: &asker.user, groups: &asker.groups },
            object,
            dry_run: true,
        },
    }
}

fn patch_in(body: &[u8]) -> anyhow::Result<json_patch::Patch> {
    let answer: Answer = serde_json::from_slice(body)?;
    let Some(patch) = answer.response.patch else { return Ok(json_patch::Patch(Vec::new())) };
    ensure!(answer.response.patch_type.as_deref() == Some("JSONPatch"), "the patch is of a type that is not known");
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
struct Answer {
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    patch_type: Option<String>,
    patch: Option<String>,
}
