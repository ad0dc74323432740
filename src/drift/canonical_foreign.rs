//! The canonical policies of other APIs in a guarded namespace.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::action::{Action, Target};
use super::draft::{Draft, Wanted};
use super::finding::{Finding, Object, Section, Severity};
use super::memory::Key;
use super::objects::{ForeignObject, PolicyObject};
use super::policies::{kept, reference};
use super::snapshot::ForeignList;
use crate::canon::{Accepted, BREAK_GLASS, ForeignPolicy, ForeignVersion};
use crate::documents::Node;
use crate::documents::text::{one_line, quoted};
use crate::verdict::facts::{Facts, Objects, PolicyMetadata};
use crate::verdict::request::{Operation, Request};
use crate::verdict::{self, EXISTING, Guard, Listed, Rule, judge, restore};

/// The longest sentence, in characters. Only names of extreme length reach it.
const LONGEST: usize = 2000;

/// Plans the repair of the canonical policies of one resource in a namespace.
pub(super) fn plan(
    draft: &mut Draft,
    guard: &Guard,
    list: &ForeignList,
    accepted: Accepted<'_>,
    objects: &[ForeignObject],
    policies: Option<&[PolicyObject]>,
) {
    let referred = Guard { reference: policies.map(|objects| reference(guard, &list.namespace, objects)), ..guard.clone() };
    let section = Resource { guard: &referred, list, accepted };
    for object in objects {
        if let Some(version) = section.restored(&object.name) {
            section.plan(draft, version, object);
        }
    }
    section.missing(draft, objects);
    for resource in
        guard.canons.foreign_names().into_keys().filter(|resource| (&resource.group, &resource.resource) == (&list.group, &list.resource))
    {
        draft.evaluated.push((Target::ForeignPolicy(resource.clone()), list.namespace.clone()));
    }
}

/// The policies of one resource in a namespace.
struct Resource<'j> {
    guard: &'j Guard,
    list: &'j ForeignList,
    accepted: Accepted<'j>,
}

impl<'j> Resource<'j> {
    fn kind(&self) -> String {
        format!("{}.{}", self.list.resource, self.list.group)
    }

    /// Returns the policy that is restored: that of the canon which the guard refers to, or of the first one that has it.
    fn restored(&self, name: &str) -> Option<ForeignVersion<'j>> {
        let referred = self.guard.referenced();
        let mut versions = self.accepted.foreign(&self.list.group, &self.list.resource, name);
        versions.clone().find(|version| referred.is_some_and(|canon| std::ptr::eq(canon, version.canon))).or_else(|| versions.next())
    }

    fn key(&self, version: ForeignVersion<'_>) -> Key {
        let (namespace, name) = (self.list.namespace.clone(), version.policy.name.clone());
        Key { target: Target::ForeignPolicy(version.policy.resource.clone()), namespace, name }
    }

    /// Finds the policies of the first canon that do not exist.
    fn missing(&self, draft: &mut Draft, objects: &[ForeignObject]) {
        let namespace = &self.list.namespace;
        let existing: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        let canonical = self.guard.canons.first().policies(namespace).into_iter().flat_map(|policies| &policies.foreign);
        let is_missing = |policy: &&ForeignPolicy| {
            policy.resource.group == self.list.group
                && policy.resource.resource == self.list.resource
                && !existing.contains(policy.name.as_str())
        };
        for version in canonical.filter(is_missing).filter_map(|policy| self.restored(&policy.name)) {
            let name = &version.policy.name;
            let message = format!("{} \"{name}\" is missing", version.policy.resource.kind);
            let finding = self.about(Severity::Error, "policy-missing", name, &message);
            draft.findings.push(finding.with_command(restore::command(version.canon, namespace, &[name])));
            let key = self.key(version);
            let action = Action::Create {
                target: key.target.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                manifest: version.policy.manifest.clone(),
            };
            draft.wanted.push(Wanted { key, action, writer: None });
        }
    }

    fn about(&self, severity: Severity, id: &'static str, name: &str, message: &str) -> Finding {
        let object = Object::new(&self.kind(), &self.list.namespace, name);
        Finding::new(Section::ForeignPolicies, severity, id, object, one_line(message, LONGEST))
    }

    /// Adds the findings and the repair of a policy.
    fn plan(&self, draft: &mut Draft, version: ForeignVersion<'_>, object: &ForeignObject) {
        if object.is_terminating {
            return draft.findings.push(self.doomed(version, object));
        }
        let findings = self.judge(version, object);
        let has = |rule: Rule| findings.iter().any(|finding| finding.rule == rule);
        if let Some(operations) = self.operations(version, object, [Rule::PolicyDrift, Rule::PolicyOwner, Rule::PolicyFinalizer].map(has)) {
            let key = self.key(version);
            let action =
                Action::Patch { target: key.target.clone(), namespace: self.list.namespace.clone(), name: object.name.clone(), operations };
            draft.wanted.push(Wanted { key, action, writer: object.writer.clone() });
        }
        draft.findings.extend(findings.iter().map(|finding| self.finding(version, object, finding)));
    }

    /// Judges the policy as an update that changes nothing.
    fn judge(&self, version: ForeignVersion<'_>, object: &ForeignObject) -> Vec<verdict::Finding> {
        let read = || Some(Node::from(&object.content));
        let facts = Facts::ForeignPolicy(Objects { old: read(), new: read() });
        let request = Request {
            group: self.list.group.as_str().into(),
            resource: self.list.resource.as_str().into(),
            kind: version.policy.resource.kind.as_str().into(),
            name: object.name.as_str().into(),
            namespace: self.list.namespace.as_str().into(),
            operation: Operation::Update,
            ..Request::default()
        };
        judge(self.guard, &request, &facts).findings
    }

    fn doomed(&self, version: ForeignVersion<'_>, object: &ForeignObject) -> Finding {
        let (name, kind) = (&object.name, &version.policy.resource.kind);
        let message =
            format!("{kind} \"{name}\" is being deleted: it vanishes when its finalizers are removed, and must then be created again");
        let (namespace, quoted_name) = (quoted(&self.list.namespace), quoted(name));
        let command = format!(
            r#"kubectl -n {namespace} patch {} {quoted_name} --type=json -p '[{{"op":"remove","path":"/metadata/finalizers"}}]'; {}"#,
            self.kind(),
            restore::command(version.canon, &self.list.namespace, &[name])
        );
        self.about(Severity::Error, "policy-doomed", name, &message).at(&object.version).with_command(command)
    }

    /// Returns the finding of a check for the finding of a judge.
    fn finding(&self, version: ForeignVersion<'_>, object: &ForeignObject, found: &verdict::Finding) -> Finding {
        let (name, kind) = (&object.name, &version.policy.resource.kind);
        let stated = found.message.strip_prefix(EXISTING).unwrap_or(&found.message).to_owned();
        let replacing = || Some(restore::replacing(version.canon, &self.list.namespace, &[name]));
        let (severity, id, message, command) = match found.rule {
            Rule::PolicyDrift => {
                let difference = version.policy.difference(&Node::from(&object.content));
                let message = difference.map(|difference| format!("{kind} \"{name}\" is not what the canon says: {difference}"));
                (Severity::Error, "policy-drift", message.unwrap_or(stated), replacing())
            }
            Rule::PolicyOwner => {
                let message = format!(
                    "{kind} \"{name}\" has an owner that the canon does not list: the garbage collector may delete the policy with it"
                );
                (Severity::Error, "policy-owner", message, replacing())
            }
            Rule::PolicyFinalizer => {
                let message = format!("{kind} \"{name}\" has a finalizer that the canon does not list");
                (Severity::Warning, "policy-finalizer", message, replacing())
            }
            Rule::BreakGlass => {
                let message = format!("{kind} \"{name}\" still has annotation {BREAK_GLASS} of an earlier change");
                let (namespace, name) = (quoted(&self.list.namespace), quoted(name));
                let command = format!("kubectl -n {namespace} annotate {} {name} {BREAK_GLASS}-", self.kind());
                (Severity::Warning, "break-glass", message, Some(command))
            }
            Rule::OtherCanon => (Severity::Note, "other-canon", stated, None),
            _ => (Severity::Error, "policy-not-understood", stated, None),
        };
        Finding { command, ..self.about(severity, id, name, &message).at(&object.version) }
    }

    /// Returns the JSON patch that repairs the policy, or `None` if there is nothing to repair.
    fn operations(&self, version: ForeignVersion<'_>, object: &ForeignObject, [content, owners, finalizers]: [bool; 3]) -> Option<Value> {
        let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": object.version})];
        if content {
            operations.extend(version.policy.restoring(&object.content));
        }
        let node = Node::from(&object.content);
        let metadata = PolicyMetadata::of(&node).ok()?;
        let listed = Listed::of_foreign(self.accepted, &self.list.group, &self.list.resource, &object.name);
        if owners {
            let is_kept = metadata.owner_references.iter().map(|owner| listed.has_owner(owner));
            operations.push(kept(&object.content, "ownerReferences", is_kept));
        }
        if finalizers {
            let is_kept = metadata.finalizers.iter().map(|finalizer| listed.has_finalizer(finalizer));
            operations.push(kept(&object.content, "finalizers", is_kept));
        }
        (operations.len() > 1).then_some(Value::Array(operations))
    }
}
