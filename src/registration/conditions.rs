//! Match conditions: CEL expressions that tell the API server which requests to send.
//!
//! If an expression fails to evaluate, the API server rejects the request when the failure policy is Fail. So
//! expressions read every field that may be absent as an optional (`?`), and check the operation before they
//! read the old object, unless the rules of their webhook match only updates. The API server evaluates them for objects of any size, so each takes linear time. They do not
//! read `request.subResource`, which is absent, not empty, for a main resource.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use crate::canon::{CAPABILITY_PREFIX, Canons, ForeignResource, NeighborSelector};
use crate::policy::Selector;
use crate::policy::selector::Requirement;
use crate::verdict::annotations;

/// One match condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    name: &'static str,
    expression: String,
}

impl Condition {
    pub(super) fn new(name: &'static str, expression: String) -> Condition {
        Condition { name, expression }
    }

    pub(super) fn manifest(&self) -> Value {
        json!({"name": self.name, "expression": self.expression})
    }
}

/// Matches updates that change a label.
pub(super) fn labels_change() -> Condition {
    Condition { name: "labels-change", expression: LABELS_CHANGE.to_owned() }
}

/// Matches updates that change a label or a network annotation, unlike the kubelet's status updates.
pub(super) fn labels_or_network_change(given: &[String]) -> Condition {
    let keys = network_keys(annotations::NETWORK, given);
    let expression =
        format!("{LABELS_CHANGE} || {keys}.exists(key, object.metadata.?annotations[?key] != oldObject.metadata.?annotations[?key])");
    Condition { name: "labels-or-network-annotations-change", expression }
}

/// Matches bindings with labels or annotations that the API server copies to the pod and that matter there. The
/// API server adds the labels of the node's zone and region to every binding, so other labels do not match.
pub(super) fn binding_carries<'k>(identity_keys: impl IntoIterator<Item = &'k str>, given: &[String]) -> Condition {
    let labels = list(identity_keys);
    let annotated = network_keys(&[annotations::NETWORK, &[annotations::MIRROR]].concat(), given);
    let prefix = literal(CAPABILITY_PREFIX);
    let expression = format!(
        "object.metadata.?labels.orValue({{}}).exists(key, key.startsWith({prefix}) || key in {labels}) || \
         object.metadata.?annotations.orValue({{}}).exists(key, key in {annotated})"
    );
    Condition { name: "carries-what-the-pod-would-get", expression }
}

/// Excludes deletions by the namespace controller, so that the deletion of a namespace does not depend on the
/// webhook.
pub(super) fn not_by_namespace_controller<'k>(users: impl IntoIterator<Item = &'k str>) -> Condition {
    let expression = format!("request.operation != 'DELETE' || !(request.userInfo.username in {})", list(users));
    Condition { name: "not-the-namespace-controller-deleting", expression }
}

/// Returns the expression of a `ValidatingAdmissionPolicy` that matches requests by the namespace controller.
pub fn by_namespace_controller(users: &[String]) -> String {
    format!("request.userInfo.username in {}", list(users.iter().map(String::as_str)))
}

/// Returns the expression of a `ValidatingAdmissionPolicy` that matches requests in namespaces.
pub fn in_namespaces<'n>(namespaces: impl IntoIterator<Item = &'n str>) -> String {
    format!("request.namespace in {}", list(namespaces))
}

/// Matches the end of a deletion: an update that changes neither the meaning nor the owners of an object that is being
/// deleted, such as one that removes finalizers. It is always allowed, so it must not depend on the webhook. It is sent
/// for the audit log. Finalizers are not compared: the API server rejects new ones on such an object, and the comparison
/// would take quadratic time.
pub(super) fn ends_a_deletion() -> Condition {
    Condition { name: "ends-a-deletion", expression: ENDS_A_DELETION.to_owned() }
}

/// Matches every other request.
pub(super) fn ends_no_deletion() -> Condition {
    Condition { name: "ends-no-deletion", expression: format!("!({ENDS_A_DELETION})") }
}

/// Matches canonical policies of other APIs. A webhook whose rules have their versions gets other versions converted, so the condition
/// does not read the version.
pub(super) fn is_canonical(canons: &Canons) -> Condition {
    Condition { name: "is-canonical", expression: canonical(canons, |_| String::new()).unwrap_or_else(|| "!true".to_owned()) }
}

/// Matches all other policies of other APIs, and canonical ones in other versions than that of the canon.
pub(super) fn is_not_canonical(canons: &Canons) -> Condition {
    let version = |resource: &ForeignResource| format!(" && request.resource.version == {}", literal(&resource.version));
    let expression = canonical(canons, version).map_or_else(|| "true".to_owned(), |canonical| format!("!({canonical})"));
    Condition { name: "is-not-canonical", expression }
}

/// Returns the expression that matches canonical policies of other APIs; `None` if there are none.
fn canonical(canons: &Canons, more: impl Fn(&ForeignResource) -> String) -> Option<String> {
    let term = |(resource, names): (&ForeignResource, BTreeSet<&str>)| {
        format!(
            "request.resource.group == {} && request.resource.resource == {}{} && \
             (request.operation == 'DELETE' ? oldObject : object).metadata.?name.orValue('') in {}",
            literal(&resource.group),
            literal(&resource.resource),
            more(resource),
            list(names)
        )
    };
    let terms: Vec<String> = canons.foreign_names().into_iter().map(term).collect();
    (!terms.is_empty()).then(|| terms.join(" || "))
}

/// Excludes the end of a deletion of a policy of another API, as [`ends_no_deletion`] does: an update that changes neither the content
/// nor the metadata that a verdict reads.
pub(super) fn ends_no_foreign_deletion() -> Condition {
    Condition { name: "ends-no-deletion", expression: format!("!({ENDS_A_FOREIGN_DELETION})") }
}

/// Excludes updates that do not change the spec of a workload.
pub(super) fn spec_changes() -> Condition {
    Condition { name: "spec-changes", expression: format!("{NOT_UPDATE} || object.?spec != oldObject.?spec") }
}

/// Matches workloads whose selector reads a capability label, unless an update leaves the selector unchanged.
pub(super) fn selector_reads_capabilities() -> Condition {
    Condition { name: "selector-reads-capabilities", expression: selector_expression() }
}

/// Matches every other workload.
pub(super) fn selector_reads_no_capabilities() -> Condition {
    Condition { name: "selector-reads-no-capabilities", expression: format!("!({})", selector_expression()) }
}

/// Matches namespaces that become a neighbor namespace, or stop being one: requests for which the verdict may have a
/// finding.
pub(super) fn neighbors_change(neighbors: &[NeighborSelector]) -> Condition {
    let terms = NeighborTerm::all(neighbors);
    let any = |terms: Vec<String>| if terms.is_empty() { "false".to_owned() } else { terms.join(" || ") };
    let updated = terms.iter().map(|term| format!("({}) != ({})", term.of("object"), term.of("oldObject"))).collect();
    let created = terms.iter().filter(|term| term.when_created).map(|term| format!("({})", term.of("object"))).collect();
    let expression = format!("request.operation == 'UPDATE' ? {} : {}", any(updated), any(created));
    Condition { name: "neighbors-change", expression }
}

/// The CEL expression of one selector of neighbor namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeighborTerm {
    /// Whether the selector matches the namespace `{object}`.
    matches: String,
    /// Whether a label of a new namespace can make it match.
    when_created: bool,
}

impl NeighborTerm {
    /// Returns the expressions of selectors, sorted.
    pub fn all(neighbors: &[NeighborSelector]) -> Vec<NeighborTerm> {
        let mut terms: Vec<NeighborTerm> = neighbors.iter().map(NeighborTerm::new).collect();
        terms.sort_by(|left, right| left.matches.cmp(&right.matches));
        terms
    }

    fn new(neighbor: &NeighborSelector) -> NeighborTerm {
        let matches = matches(&neighbor.selector, &format!("{OBJECT}.metadata.?labels"));
        NeighborTerm { matches, when_created: neighbor.needs_a_label() }
    }

    fn of(&self, object: &str) -> String {
        self.matches.replace(OBJECT, object)
    }
}

/// The place of the object in a term. No label has these characters.
const OBJECT: &str = "{object}";

/// Returns the expression that a selector matches the labels that an expression returns: a map, or an optional one.
pub(super) fn matches(selector: &Selector, labels: &str) -> String {
    if selector.is_empty() {
        return "false".to_owned();
    }
    let accepted = |(key, values): &Requirement| {
        let listed = list(values.listed().iter().map(AsRef::as_ref));
        let is_listed = if values.is_finite() { format!("value in {listed}") } else { format!("!(value in {listed})") };
        format!("{labels}[?{}].optMap(value, {is_listed}).orValue({})", literal(key), values.accepts_absence())
    };
    let terms: Vec<String> = selector.entries().iter().map(accepted).collect();
    if terms.is_empty() { "true".to_owned() } else { terms.join(" && ") }
}

/// Matches namespaces that get a network annotation, or another value of one, from another user than the network plugin.
pub(super) fn network_annotations_change<'k>(plugin_writers: impl IntoIterator<Item = &'k str>, given: &[String]) -> Condition {
    let (writers, keys) = (list(plugin_writers), network_keys(annotations::NAMESPACE_NETWORK, given));
    let expression = format!(
        "!(request.userInfo.username in {writers}) && {keys}.exists(key, object.metadata.?annotations[?key].hasValue() \
         && ({NOT_UPDATE} || object.metadata.?annotations[?key] != oldObject.metadata.?annotations[?key]))"
    );
    Condition { name: "network-annotations-change", expression }
}

/// Matches namespaces that get the annotation that pauses repair, or another value of it. Its removal is always allowed, so it
/// must not depend on the webhook.
pub(super) fn repair_is_paused() -> Condition {
    let key = literal(annotations::REPAIR_PAUSED);
    let expression = format!(
        "object.metadata.?annotations[?{key}].hasValue() \
         && ({NOT_UPDATE} || object.metadata.?annotations[?{key}] != oldObject.metadata.?annotations[?{key}])"
    );
    Condition { name: "repair-is-paused", expression }
}

/// Excludes the network plugin, whose own objects must not depend on the webhook.
pub(super) fn not_by_plugin<'k>(users: impl IntoIterator<Item = &'k str>) -> Condition {
    Condition { name: "not-the-network-plugin", expression: format!("!(request.userInfo.username in {})", list(users)) }
}

const NOT_UPDATE: &str = "request.operation != 'UPDATE'";

const LABELS_CHANGE: &str = "object.metadata.?labels != oldObject.metadata.?labels";

const ENDS_A_DELETION: &str = "request.operation == 'UPDATE' && has(oldObject.metadata.deletionTimestamp) \
    && object.?spec == oldObject.?spec \
    && object.metadata.?annotations == oldObject.metadata.?annotations \
    && object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences";

const ENDS_A_FOREIGN_DELETION: &str = "request.operation == 'UPDATE' && has(oldObject.metadata.deletionTimestamp) \
    && object.all(key, key in ['metadata', 'status'] || (key in oldObject && object[key] == oldObject[key])) \
    && oldObject.all(key, key in ['metadata', 'status'] || key in object) \
    && object.metadata.?labels == oldObject.metadata.?labels \
    && object.metadata.?annotations == oldObject.metadata.?annotations \
    && object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences";

/// The selector of a `ReplicationController` is a plain map, which may have keys named `matchLabels` and
/// `matchExpressions`. The selector of a `CronJob` is in its job template.
fn selector_expression() -> String {
    let prefix = literal(CAPABILITY_PREFIX);
    let of =
        |object: &str| format!("(request.kind.kind == 'CronJob' ? {object}.?spec.?jobTemplate.?spec.?selector : {object}.?spec.?selector)");
    let (new, old) = (of("object"), of("oldObject"));
    format!(
        "({NOT_UPDATE} || {new} != {old}) && (request.kind.kind == 'ReplicationController' \
         ? {new}.orValue({{}}).exists(key, key.startsWith({prefix})) \
         : {new}.?matchLabels.orValue({{}}).exists(key, key.startsWith({prefix})) \
         || {new}.?matchExpressions.orValue([]).exists(expression, expression.key.startsWith({prefix})))"
    )
}

/// Returns a CEL list of known and given annotation keys. The given ones are last, so that the chart can append its own.
pub(super) fn network_keys(known: &[&str], given: &[String]) -> String {
    let given = given.iter().map(String::as_str).filter(|key| !known.contains(key));
    list(known.iter().copied().chain(given))
}

/// Returns a CEL list of string literals.
pub(super) fn list<'k>(items: impl IntoIterator<Item = &'k str>) -> String {
    let items: Vec<String> = items.into_iter().map(literal).collect();
    format!("[{}]", items.join(", "))
}

/// Returns a CEL string literal. The escapes of a JSON string are also escapes in CEL.
pub(super) fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_be_escaped_from() {
        assert_eq!(literal("name"), r#""name""#);
        assert_eq!(literal(r#"a" || true || "\"#), r#""a\" || true || \"\\""#);
        assert_eq!(literal("line\nbreak\u{1}"), r#""line\nbreak\u0001""#);
    }

    #[test]
    fn an_empty_list_is_still_a_list() {
        assert_eq!(list([]), "[]");
        assert_eq!(not_by_namespace_controller([]).expression, "request.operation != 'DELETE' || !(request.userInfo.username in [])");
    }

    #[test]
    fn a_binding_matches_by_identity_and_network_keys() {
        let expression = binding_carries(["run", "type"], &["example.org/pool".to_owned()]).expression;
        assert!(expression.contains(r#"key.startsWith("netpol/") || key in ["run", "type"]"#), "{expression}");
        assert!(expression.contains(r#""kubernetes.io/config.mirror", "example.org/pool"]"#), "{expression}");
    }

    #[test]
    fn names_are_valid() {
        let all = [
            labels_change(),
            labels_or_network_change(&[]),
            binding_carries([], &[]),
            network_annotations_change([], &[]),
            repair_is_paused(),
            not_by_plugin([]),
            not_by_namespace_controller([]),
            ends_a_deletion(),
            ends_no_deletion(),
            ends_no_foreign_deletion(),
            is_canonical(&Canons::load(&["abcdesktop".to_owned()], &["any".to_owned()]).unwrap()),
            is_not_canonical(&Canons::load(&["abcdesktop".to_owned()], &["any".to_owned()]).unwrap()),
            spec_changes(),
            selector_reads_capabilities(),
            selector_reads_no_capabilities(),
            neighbors_change(&[]),
        ];
        for condition in all {
            let name = condition.name;
            assert!(name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        }
    }
}
