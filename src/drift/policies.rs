//! The policies of a guarded namespace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::action::{Action, Target};
use super::draft::{Draft, Wanted};
use super::finding::{Finding, Object, Section, Severity};
use super::memory::Key;
use super::objects::PolicyObject;
use crate::canon::{Accepted, BREAK_GLASS, Canon, Version};
use crate::documents::Node;
use crate::documents::text::{one_line, quoted};
use crate::policy::{Comparison, Home, Policy, compare};
use crate::verdict::facts::{Facts, NetworkPolicy, Objects};
use crate::verdict::request::{Operation, Request};
use crate::verdict::{self, EXISTING, Guard, Listed, Rule, judge, restore};

const KIND: &str = "NetworkPolicy";
/// The most differences in a sentence.
const MOST: usize = 3;
/// The longest sentence, in characters. Only names of extreme length reach it.
const LONGEST: usize = 2000;

/// Returns the finding for a guarded namespace that does not exist.
pub(super) fn missing_namespace(namespace: &str) -> Finding {
    let message = format!("the guarded namespace {namespace} does not exist");
    Finding::new(Section::Policies, Severity::Warning, "namespace-missing", Object::new("Namespace", "", namespace), message)
        .with_command(format!("kubectl create namespace {}", quoted(namespace)))
}

/// Plans the repair of the policies of a namespace that exists.
pub(super) fn plan(draft: &mut Draft, guard: &Guard, namespace: &str, objects: &[PolicyObject]) {
    let Some(policies) = guard.canons.policies(namespace) else { return };
    let referred = Guard { reference: Some(reference(guard, namespace, objects)), ..guard.clone() };
    let mut is_complete = true;
    for object in objects {
        let section = Judged { guard: &referred, namespace, policies, object };
        is_complete &= section.plan(draft);
    }
    missing(draft, &referred, namespace, policies, objects);
    if is_complete {
        draft.evaluated.push((Target::NetworkPolicy, namespace.to_owned()));
    }
}

/// Returns the position of the accepted canon that most policies mean; the first one if several are equal.
pub(super) fn reference(guard: &Guard, namespace: &str, objects: &[PolicyObject]) -> usize {
    let home = Home { namespace, written_for: None };
    let parse = |object: &PolicyObject| Policy::parse(&Node::from(object.content.get("spec")?), home).ok();
    if guard.canons.all().nth(1).is_none() {
        return 0;
    }
    let parsed: BTreeMap<&str, Policy> = objects.iter().filter_map(|object| Some((object.name.as_str(), parse(object)?))).collect();
    let matching = |canon: &Canon| {
        let is_same = |(name, found): &(&&str, &Policy)| {
            let canonical = canon.policies(namespace).and_then(|policies| policies.named(name));
            canonical.is_some_and(|canonical| compare(&canonical.policy, found) == Comparison::Same)
        };
        parsed.iter().filter(is_same).count()
    };
    let mut best = (0, 0);
    for (position, canon) in guard.canons.all().enumerate() {
        let number = matching(canon);
        if number > best.1 {
            best = (position, number);
        }
    }
    best.0
}

/// Returns the policy that is restored: that of the canon which the guard refers to, or of the first one that has it.
fn restored<'c>(guard: &Guard, policies: Accepted<'c>, name: &str) -> Option<Version<'c>> {
    let referred = guard.referenced();
    let mut versions = policies.named(name);
    versions.clone().find(|version| referred.is_some_and(|canon| std::ptr::eq(canon, version.canon))).or_else(|| versions.next())
}

/// Finds the policies of the first canon that do not exist.
fn missing(draft: &mut Draft, guard: &Guard, namespace: &str, policies: Accepted<'_>, objects: &[PolicyObject]) {
    let Some(canonical) = guard.canons.first().policies(namespace) else { return };
    let existing: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    let names: Vec<&str> = canonical.by_name.keys().map(String::as_str).filter(|name| !existing.contains(name)).collect();
    for name in &names {
        let Some(version) = restored(guard, policies, name) else { continue };
        let action = Action::Create {
            target: Target::NetworkPolicy,
            namespace: namespace.to_owned(),
            name: (*name).to_owned(),
            manifest: version.policy.manifest.clone(),
        };
        draft.wanted.push(Wanted { key: key(namespace, name), action, writer: None });
    }
    if names.len() == canonical.by_name.len() && !names.is_empty() {
        let message = format!("the namespace {namespace} has none of its {} canonical policies: its pods are not isolated", names.len());
        let object = Object::new("Namespace", "", namespace);
        let finding = Finding::new(Section::Policies, Severity::Error, "namespace-without-policies", object, message);
        let all: Vec<&str> = canonical.names().collect();
        draft.findings.push(finding.with_command(restore::command(guard.canons.first(), namespace, &all)));
        return;
    }
    for name in names {
        let Some(version) = restored(guard, policies, name) else { continue };
        let message = format!("{KIND} \"{name}\" is missing");
        let finding = Finding::new(Section::Policies, Severity::Error, "policy-missing", Object::new(KIND, namespace, name), message);
        draft.findings.push(finding.with_command(restore::command(version.canon, namespace, &[name])));
    }
}

fn key(namespace: &str, name: &str) -> Key {
    Key { target: Target::NetworkPolicy, namespace: namespace.to_owned(), name: name.to_owned() }
}

/// One policy that exists.
struct Judged<'j> {
    guard: &'j Guard,
    namespace: &'j str,
    policies: Accepted<'j>,
    object: &'j PolicyObject,
}

impl Judged<'_> {
    /// Adds the findings and the repair of the policy. Returns whether it could be evaluated.
    fn plan(&self, draft: &mut Draft) -> bool {
        let version = restored(self.guard, self.policies, &self.object.name);
        if self.object.is_terminating {
            if let Some(version) = version {
                draft.findings.push(self.doomed(version));
            }
            return true;
        }
        let Some(findings) = self.judge() else {
            let name = &self.object.name;
            draft.skip(Section::Policies, format!("{KIND} \"{name}\" in {} has metadata that cannot be read", self.namespace));
            return false;
        };
        let has = |rule: Rule| findings.iter().any(|finding| finding.rule == rule);
        if let Some(version) = version {
            let operations = self.operations(version, has(Rule::PolicyDrift), has(Rule::PolicyOwner), has(Rule::PolicyFinalizer));
            if let Some(operations) = operations {
                let action = Action::Patch {
                    target: Target::NetworkPolicy,
                    namespace: self.namespace.to_owned(),
                    name: self.object.name.clone(),
                    operations,
                };
                let writer = self.object.writer.clone();
                draft.wanted.push(Wanted { key: key(self.namespace, &self.object.name), action, writer });
            }
        }
        draft.findings.extend(findings.into_iter().map(|finding| self.finding(version, finding)));
        true
    }

    /// Judges the policy as an update that changes nothing.
    fn judge(&self) -> Option<Vec<verdict::Finding>> {
        let read = || NetworkPolicy::deserialize(&self.object.content).ok();
        let facts = Facts::NetworkPolicy(Objects { old: Some(read()?), new: Some(read()?) });
        let request = Request {
            group: "networking.k8s.io".into(),
            resource: "networkpolicies".into(),
            kind: KIND.into(),
            name: self.object.name.as_str().into(),
            namespace: self.namespace.into(),
            operation: Operation::Update,
            ..Request::default()
        };
        Some(judge(self.guard, &request, &facts).findings)
    }

    fn doomed(&self, version: Version<'_>) -> Finding {
        let name = &self.object.name;
        let message =
            format!("{KIND} \"{name}\" is being deleted: it vanishes when its finalizers are removed, and must then be created again");
        let (namespace, quoted_name) = (quoted(self.namespace), quoted(name));
        let command = format!(
            r#"kubectl -n {namespace} patch networkpolicy {quoted_name} --type=json -p '[{{"op":"remove","path":"/metadata/finalizers"}}]'; {}"#,
            restore::command(version.canon, self.namespace, &[name])
        );
        self.about(Severity::Error, "policy-doomed", &message).with_command(command)
    }

    fn about(&self, severity: Severity, id: &'static str, message: &str) -> Finding {
        let object = Object::new(KIND, self.namespace, &self.object.name);
        Finding::new(Section::Policies, severity, id, object, one_line(message, LONGEST)).at(&self.object.version)
    }

    /// Returns the finding of a check for the finding of a judge.
    fn finding(&self, version: Option<Version<'_>>, found: verdict::Finding) -> Finding {
        let (namespace, name) = (quoted(self.namespace), quoted(&self.object.name));
        let stated = found.message.strip_prefix(EXISTING).unwrap_or(&found.message).to_owned();
        let (severity, id) = match found.rule {
            Rule::PolicyDrift => (Severity::Error, "policy-drift"),
            Rule::PolicyOwner => (Severity::Error, "policy-owner"),
            Rule::PolicyFinalizer => (Severity::Warning, "policy-finalizer"),
            Rule::ExtraPolicy => (Severity::Error, "extra-policy"),
            Rule::BreakGlass => (Severity::Warning, "break-glass"),
            Rule::OtherCanon => (Severity::Note, "other-canon"),
            _ => (Severity::Error, "policy-not-understood"),
        };
        let (message, command) = match (found.rule, version) {
            (Rule::PolicyDrift, Some(version)) => {
                let command = restore::replacing(version.canon, self.namespace, &[&self.object.name]);
                (self.drift(&found).unwrap_or(stated), Some(command))
            }
            (Rule::PolicyOwner, Some(version)) => {
                let message = format!(
                    "{KIND} \"{}\" has an owner that the canon does not list: the garbage collector may delete the policy with it",
                    self.object.name
                );
                (message, Some(restore::replacing(version.canon, self.namespace, &[&self.object.name])))
            }
            (Rule::PolicyFinalizer, Some(version)) => {
                let message = format!("{KIND} \"{}\" has a finalizer that the canon does not list", self.object.name);
                (message, Some(restore::replacing(version.canon, self.namespace, &[&self.object.name])))
            }
            (Rule::ExtraPolicy, _) => (stated, Some(format!("kubectl -n {namespace} delete networkpolicy {name}"))),
            (Rule::BreakGlass, _) => {
                let message = format!("{KIND} \"{}\" still has annotation {BREAK_GLASS} of an earlier change", self.object.name);
                (message, Some(format!("kubectl -n {namespace} annotate networkpolicy {name} {BREAK_GLASS}-")))
            }
            _ => (stated, None),
        };
        Finding { differences: found.differences, witness: found.witness, command, ..self.about(severity, id, &message) }
    }

    /// Returns the sentence about the differences of a policy; `None` if it could not be compared.
    fn drift(&self, found: &verdict::Finding) -> Option<String> {
        if found.differences.is_empty() {
            return None;
        }
        let mut listed: Vec<String> = found.differences.iter().take(MOST).map(ToString::to_string).collect();
        if found.differences.len() > MOST {
            listed.push(format!("and {} more", found.differences.len() - MOST));
        }
        Some(format!("{KIND} \"{}\" does not mean what the canon says: {}", self.object.name, listed.join("; ")))
    }

    /// Returns the JSON patch that repairs the policy, or `None` if there is nothing to repair.
    fn operations(&self, version: Version<'_>, spec: bool, owners: bool, finalizers: bool) -> Option<Value> {
        let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": self.object.version})];
        if spec {
            let value = version.policy.manifest.get("spec").cloned().unwrap_or_default();
            operations.push(json!({"op": "replace", "path": "/spec", "value": value}));
        }
        let metadata = &NetworkPolicy::deserialize(&self.object.content).ok()?.metadata;
        let listed = Listed::of(self.policies, &self.object.name);
        if owners {
            let is_kept = metadata.owner_references.iter().map(|owner| listed.has_owner(owner));
            operations.push(kept(&self.object.content, "ownerReferences", is_kept));
        }
        if finalizers {
            let is_kept = metadata.finalizers.iter().map(|finalizer| listed.has_finalizer(finalizer));
            operations.push(kept(&self.object.content, "finalizers", is_kept));
        }
        (operations.len() > 1).then_some(Value::Array(operations))
    }
}

/// Returns the operation that keeps some entries of a list in the metadata.
pub(super) fn kept(content: &Value, list: &str, is_kept: impl Iterator<Item = bool>) -> Value {
    let path = format!("/metadata/{list}");
    let entries = content.pointer(&path).and_then(Value::as_array).into_iter().flatten();
    let kept: Vec<Value> = entries.zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(entry, _)| entry.clone()).collect();
    if kept.is_empty() { json!({"op": "remove", "path": path}) } else { json!({"op": "replace", "path": path, "value": kept}) }
}
