//! The pods of a guarded namespace.

use serde_json::{Value, json};

use super::action::{Action, Target};
use super::draft::{Draft, Wanted};
use super::finding::{Finding, Object, Section, Severity};
use super::memory::Key;
use super::objects::{PodObject, Program};
use super::programs::is_judged;
use super::snapshot::Pods;
use crate::canon::{Identity, Limits};
use crate::documents::text::{one_line, quoted};
use crate::verdict::facts::{Facts, Labels, Objects, OnlyMetadata, Pod};
use crate::verdict::request::{Operation, Request};
use crate::verdict::settings::{Enforcement, UngrantedLabels};
use crate::verdict::{self, Edit, Guard, Rule, judge};

const KIND: &str = "Pod";
/// The longest sentence, in characters.
const LONGEST: usize = 2000;

/// Plans the repair of the pods of a namespace.
pub(super) fn plan(draft: &mut Draft, guard: &Guard, namespace: &str, pods: &Pods) {
    if let Err(reason) = &pods.on_host_network {
        draft.skip(Section::Pods, reason);
    }
    if let Err(reason) = &pods.programs {
        draft.skip(Section::Pods, reason);
    }
    // Who created a pod is not known.
    let guard = &Guard { knows_user: false, ..guard.clone() };
    let mut is_complete = true;
    for pod in pods.all.iter().filter(|pod| !pod.is_terminating) {
        let judged = Judged { guard, namespace, pod };
        if judged.plan(draft, pods).is_none() {
            is_complete = false;
            draft.skip(Section::Pods, format!("pod \"{}\" in {namespace} has labels that cannot be read", pod.name));
        }
    }
    if is_complete {
        draft.evaluated.push((Target::Pod, namespace.to_owned()));
    }
}

/// One pod.
struct Judged<'j> {
    guard: &'j Guard,
    namespace: &'j str,
    pod: &'j PodObject,
}

impl Judged<'_> {
    /// Adds the findings and the repair of the pod; `None` if it cannot be read. The pod is judged as if it were created.
    fn plan(&self, draft: &mut Draft, pods: &Pods) -> Option<()> {
        let labels = self.pod.has_labels().then(|| self.pod.labels()).transpose().ok()?;
        let program = pods.programs.as_ref().ok().and_then(|programs| programs.get(&self.pod.uid));
        let content = json!({
            "metadata": {"name": self.pod.name, "labels": labels},
            "spec": {
                "hostNetwork": pods.on_host_network.as_ref().is_ok_and(|uids| uids.contains(&self.pod.uid)),
                "serviceAccountName": program.map(|program| &program.account),
                "containers": program.map(Program::containers),
            },
        });
        let content = content.to_string();
        let pod: Pod<'_> = serde_json::from_str(&content).ok()?;
        let identity = self.guard.canons.identify(&pod.metadata.labels);
        if pods.programs.is_ok() && program.is_none() && is_judged(self.guard, &identity) {
            let (name, namespace) = (&self.pod.name, self.namespace);
            draft.skip(Section::Pods, format!("it is not known yet which service account and images pod \"{name}\" in {namespace} has"));
        }
        let request = Request {
            resource: "pods".into(),
            kind: KIND.into(),
            name: self.pod.name.as_str().into(),
            namespace: self.namespace.into(),
            operation: Operation::Create,
            ..Request::default()
        };
        let facts = Facts::Pod(Objects { new: Some(pod), old: None });
        let found = judge(self.guard, &request, &facts).findings;
        let Facts::Pod(Objects { new: Some(Pod { metadata, .. }), .. }) = facts else { return None };
        self.add_findings(draft, found, &metadata.labels, &identity, program.is_some());
        let facts = Facts::PodMetadata(Objects { new: Some(OnlyMetadata { metadata }), old: None });
        let edits = judge(self.guard, &request, &facts).edits;
        let lacking: Vec<(&str, &str)> = edits.iter().filter_map(added).collect();
        if !lacking.is_empty() {
            draft.findings.push(self.lacks(&lacking));
            if self.may_repair(&identity) {
                draft.wanted.push(self.labels(&lacking));
            }
        }
        Some(())
    }

    /// Adds what the judge found. Without the program of the pod, nothing was found out about it.
    fn add_findings(
        &self,
        draft: &mut Draft,
        found: Vec<verdict::Finding>,
        labels: &Labels<'_>,
        identity: &Identity<'_>,
        has_program: bool,
    ) {
        // The judge has one finding for each wrong label, in this order.
        let mut wrong = labels.capabilities().filter(|(key, value)| identity.value(key) != Some(value));
        for found in found {
            let (severity, id) = match found.rule {
                Rule::Claim if has_program => {
                    draft.findings.push(self.runs_what_is_not_allowed(severity_of(found.severity), &found.message));
                    continue;
                }
                Rule::UngrantedLabel => (self.of_ungranted(), "ungranted-label"),
                Rule::LabelValue => (Severity::Error, "label-value"),
                Rule::TwoIdentities => (Severity::Error, "two-identities"),
                Rule::HostNetwork => (severity_of(found.severity), "host-network"),
                // A missing label has its finding already, and nothing says who set an annotation: the network plugin may.
                _ => continue,
            };
            let mut finding = self.about(severity, id, &found.message);
            if matches!(found.rule, Rule::UngrantedLabel | Rule::LabelValue)
                && let Some((key, _)) = wrong.next()
            {
                let change = identity.value(key).map_or_else(|| quoted(&format!("{key}-")), |value| quoted_pair(key, value));
                finding = finding.with_command(self.label_command(&change));
            }
            draft.findings.push(finding);
        }
    }

    /// Returns whether the pod may get its labels. It may not if a grant says who may claim the identity, or limits what its pods run:
    /// who created the pod is not known. While violations are admitted, any user may have given the pod its identity.
    fn may_repair(&self, identity: &Identity<'_>) -> bool {
        let is_limited = identity.grants().any(|grant| grant.limits != Limits::default());
        !self.pod.is_mirror && !is_limited && self.guard.settings.enforcement == Enforcement::Deny
    }

    fn of_ungranted(&self) -> Severity {
        match self.guard.settings.ungranted_labels {
            UngrantedLabels::Warn => Severity::Warning,
            UngrantedLabels::Deny | UngrantedLabels::Strip => Severity::Error,
        }
    }

    fn about(&self, severity: Severity, id: &'static str, message: &str) -> Finding {
        let object = Object::new(KIND, self.namespace, &self.pod.name);
        Finding::new(Section::Pods, severity, id, object, one_line(message, LONGEST)).at(&self.pod.version)
    }

    /// Returns the finding about a service account or an image. It is never repaired: what a pod runs ends with the pod.
    fn runs_what_is_not_allowed(&self, severity: Severity, message: &str) -> Finding {
        let of_static = "The pod is static: change its file on the node";
        let of_others = "The pod keeps it until it is deleted: change its workload first, which then creates it anew";
        let cure = if self.pod.is_mirror { of_static } else { of_others };
        let finding = self.about(severity, "account-or-image-not-allowed", &format!("{message}. {cure}"));
        if self.pod.is_mirror {
            return finding;
        }
        finding.with_command(format!("kubectl -n {} delete pod {}", quoted(self.namespace), quoted(&self.pod.name)))
    }

    fn label_command(&self, changes: &str) -> String {
        format!("kubectl -n {} label pod {} --overwrite {changes}", quoted(self.namespace), quoted(&self.pod.name))
    }

    fn lacks(&self, lacking: &[(&str, &str)]) -> Finding {
        let pairs: Vec<String> = lacking.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let message = format!(
            "pod \"{}\" lacks {}, which the canon grants to it: the pod is older than the guard, or than this grant",
            self.pod.name,
            pairs.join(", ")
        );
        let changes: Vec<String> = lacking.iter().map(|(key, value)| quoted_pair(key, value)).collect();
        self.about(Severity::Error, "pod-lacks-label", &message).with_command(self.label_command(&changes.join(" ")))
    }

    /// Returns the repair that adds labels.
    fn labels(&self, lacking: &[(&str, &str)]) -> Wanted {
        let PodObject { name, uid, version, .. } = self.pod;
        let mut operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": uid}),
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}),
        ];
        if !self.pod.has_labels() {
            operations.push(json!({"op": "add", "path": "/metadata/labels", "value": {}}));
        }
        for (key, value) in lacking {
            let key = key.replace('~', "~0").replace('/', "~1");
            operations.push(json!({"op": "add", "path": format!("/metadata/labels/{key}"), "value": value}));
        }
        let (namespace, name) = (self.namespace.to_owned(), name.clone());
        let key = Key { target: Target::Pod, namespace: namespace.clone(), name: name.clone() };
        let action = Action::Patch { target: Target::Pod, namespace, name, operations: Value::Array(operations) };
        Wanted { key, action, writer: None }
    }
}

fn added<'e>(edit: &Edit<'e>) -> Option<(&'e str, &'e str)> {
    match edit {
        Edit::Add { key, value } => Some((key, value)),
        Edit::MakeMap | Edit::Remove { .. } => None,
    }
}

fn quoted_pair(key: &str, value: &str) -> String {
    format!("{}={}", quoted(key), if value.is_empty() { String::new() } else { quoted(value) })
}

fn severity_of(severity: verdict::Severity) -> Severity {
    if severity >= verdict::Severity::Deny { Severity::Error } else { Severity::Warning }
}
