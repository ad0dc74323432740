//! Match conditions about claims: who creates a pod or changes what it runs, as which account it runs, and its images.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::conditions::{Condition, list, literal};
use crate::canon::{Account, Claims, Grant, ImagePattern};
use crate::verdict::controllers::WorkloadController;

/// The most groups of a requester, and owners, containers and volumes of a pod that is not sent, so that the cost of the condition has a
/// limit for every pod.
const MAX_ITEMS: usize = 100;

/// The longest image of a pod that is not sent, in characters.
const MAX_IMAGE: usize = 500;

/// Matches updates of pods that change an image or add a container.
pub(super) fn images_change() -> Condition {
    let images = |object: &str, list: &str| format!("{object}.spec.?{list}.orValue([]).map(container, container.?image.orValue(''))");
    let changes = |list: &str| format!("{} != {}", images("object", list), images("oldObject", list));
    let expression = ["containers", "initContainers", "ephemeralContainers"].map(changes).join(" || ");
    Condition::new("images-change", expression)
}

/// Matches workloads that are created, and updates that change the template, unless a controller acts for a workload that it
/// controls: requests that can violate a claim.
pub(super) fn template_is_claimed(controllers: &[WorkloadController]) -> Condition {
    Condition::new("template-is-claimed", claimed(controllers))
}

/// Matches every other request.
pub(super) fn template_is_not_claimed(controllers: &[WorkloadController]) -> Condition {
    Condition::new("template-is-not-claimed", format!("!({})", claimed(controllers)))
}

fn claimed(controllers: &[WorkloadController]) -> String {
    let template = |object: &str| {
        format!(
            "(request.kind.kind == 'CronJob' ? {object}.?spec.?jobTemplate.?spec.?template : \
             request.kind.kind == 'PodTemplate' ? {object}.?template : {object}.?spec.?template)"
        )
    };
    let (new, old) = (template("object"), template("oldObject"));
    let controls = controls(controllers, "(request.operation == 'UPDATE' ? oldObject : object)");
    format!("(request.operation != 'UPDATE' || {new} != {old}) && !{controls}")
}

/// Returns the expression that a controller acts for a workload that it controls. The chart writes the map of the users, so it has no
/// spaces.
fn controls(controllers: &[WorkloadController], object: &str) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for controller in controllers {
        kinds.entry(&controller.user).or_default().extend(controller.kinds.iter().map(String::as_str));
    }
    format!(
        "[{}[?request.userInfo.username].orValue([])].exists(kinds, size({object}.metadata.?ownerReferences.orValue([])) <= {MAX_ITEMS} \
         && {object}.metadata.?ownerReferences.orValue([]).exists(owner, owner.?controller.orValue(false) && owner.kind in kinds))",
        json!(kinds)
    )
}

/// Returns the expression that a new pod keeps the limits of all grants that select it, or `None` if no grant has limits.
/// `selects` returns the expression that a grant selects the pod.
pub(super) fn keeps_limits<'c>(
    grants: impl Iterator<Item = &'c Grant> + Clone,
    selects: impl Fn(&Grant) -> String,
    controllers: &[WorkloadController],
) -> Option<String> {
    let mut terms = requester_terms(grants.clone(), &selects);
    let mut accounts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut images: BTreeMap<&[ImagePattern], BTreeSet<String>> = BTreeMap::new();
    for grant in grants {
        if let Some(account) = &grant.limits.service_account {
            accounts.entry(account).or_default().insert(selects(grant));
        }
        if !grant.limits.images.is_empty() {
            images.entry(&grant.limits.images).or_default().insert(selects(grant));
        }
    }
    terms.extend(accounts.iter().map(|(account, selected)| format!("(!{} || account == {})", any(selected), literal(account))));
    terms.extend(images.iter().map(|(patterns, selected)| format!("(!{} || {})", any(selected), have_images(patterns))));
    if terms.is_empty() {
        return None;
    }
    Some(format!(
        "[{}].exists(controls, [object.spec.?serviceAccountName.orValue(\"default\")].exists(account, {}))",
        controls(controllers, "object"),
        terms.join(" && ")
    ))
}

/// Returns the terms about the requester: one for each set of claims, and one for each account that may claim.
fn requester_terms<'c>(grants: impl Iterator<Item = &'c Grant>, selects: impl Fn(&Grant) -> String) -> Vec<String> {
    let mut claims: BTreeMap<&Claims, BTreeSet<String>> = BTreeMap::new();
    for grant in grants {
        if let Some(stated) = &grant.limits.claims {
            claims.entry(stated).or_default().insert(selects(grant));
        }
    }
    let mut accounts: BTreeMap<&Account, BTreeSet<String>> = BTreeMap::new();
    for stated in claims.keys() {
        for account in &stated.service_accounts {
            accounts.entry(account).or_default().insert(listed(stated));
        }
    }
    let of_claims = claims.iter().map(|(stated, selected)| format!("(!{} || controls || {})", any(selected), listed(stated)));
    let of_accounts = accounts.iter().map(|(account, listed)| {
        let elsewhere = account.namespace.as_ref().map(|namespace| format!("request.namespace != {} || ", literal(namespace)));
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        format!("({}account != {} || controls || {})", elsewhere.unwrap_or_default(), literal(&account.name), listed.join(" || "))
    });
    of_claims.chain(of_accounts).collect()
}

/// Returns the expression that claims list the requester.
fn listed(claims: &Claims) -> String {
    let user_of = |account: &Account| match account.user_name() {
        (start, Some(end)) => format!("{} + request.namespace + {}", literal(&start), literal(&end)),
        (name, None) => literal(&name),
    };
    let users: Vec<String> = claims.users.iter().map(|name| literal(name)).chain(claims.service_accounts.iter().map(user_of)).collect();
    let is_user = format!("request.userInfo.username in [{}]", users.join(", "));
    if claims.groups.is_empty() {
        return format!("({is_user})");
    }
    let groups = list(claims.groups.iter().map(String::as_str));
    format!(
        "({is_user} || (size(request.userInfo.?groups.orValue([])) <= {MAX_ITEMS} \
         && request.userInfo.?groups.orValue([]).exists(group, group in {groups})))"
    )
}

/// Returns the expression that all images of a pod match one of the patterns.
fn have_images(patterns: &[ImagePattern]) -> String {
    let alternatives: Vec<String> = patterns.iter().map(expression_of).collect();
    let pattern = literal(&format!("^(?s:{})$", alternatives.join("|")));
    let is_allowed = |image: &str| format!("[{image}].all(image, size(image) <= {MAX_IMAGE} && image.matches({pattern}))");
    let lists = ["containers", "initContainers", "ephemeralContainers"].map(|list| {
        format!(
            "size(object.spec.?{list}.orValue([])) <= {MAX_ITEMS} && object.spec.?{list}.orValue([]).all(container, {})",
            is_allowed("container.?image.orValue('')")
        )
    });
    format!(
        "({} && size(object.spec.?volumes.orValue([])) <= {MAX_ITEMS} \
         && object.spec.?volumes.orValue([]).all(volume, !has(volume.image) || {}))",
        lists.join(" && "),
        is_allowed("volume.image.?reference.orValue('')")
    )
}

/// Returns the regular expression of an image pattern.
fn expression_of(pattern: &ImagePattern) -> String {
    let mut expression = String::new();
    for letter in pattern.as_str().chars() {
        match letter {
            '*' => expression.push_str(".*"),
            _ if letter.is_ascii_alphanumeric() => expression.push(letter),
            _ => expression.extend(['\\', letter]),
        }
    }
    expression
}

fn any(terms: &BTreeSet<String>) -> String {
    format!("({})", terms.iter().map(String::as_str).collect::<Vec<_>>().join(" || "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Canon, Documents};

    fn limits(grants: &str) -> Option<String> {
        let text = format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: all}}, spec: {{podSelector: {{}}}}}}\n---\n\
             {{apiVersion: netpol.abcdesktop.io/v1alpha1, kind: Grants, metadata: {{name: own}}, grants: {grants}}}"
        );
        let canon = Canon::from_documents(&Documents::from_text("own", &text), &["any".to_owned()]).unwrap();
        let controllers = ["x=Job".parse().unwrap(), "w=ReplicaSet".parse().unwrap(), "x=CronJob".parse().unwrap()];
        keeps_limits(canon.grants.iter(), |grant| format!("is_{}", grant.name), &controllers)
    }

    #[test]
    fn without_limits_there_is_no_expression() {
        assert_eq!(limits("[{name: a, podSelector: {}, labels: {}}]"), None);
    }

    #[test]
    fn each_limit_has_a_term() {
        let found = limits(
            r#"[{name: a, podSelector: {}, labels: {}, claims: {users: ['o"b'], groups: [ops], serviceAccounts: [s, n/t]}, serviceAccountName: runner},
                {name: b, podSelector: {}, labels: {}, shared: true, claims: {users: ['o"b'], groups: [ops], serviceAccounts: [s, n/t]}, images: ['a.b/*:1', 'c']}]"#,
        )
        .unwrap();
        let listed = r#"(request.userInfo.username in ["o\"b", "system:serviceaccount:" + request.namespace + ":s", "system:serviceaccount:n:t"] || (size(request.userInfo.?groups.orValue([])) <= 100 && request.userInfo.?groups.orValue([]).exists(group, group in ["ops"])))"#;
        for term in [
            r#"[{"w":["ReplicaSet"],"x":["Job","CronJob"]}[?request.userInfo.username].orValue([])].exists(kinds, "#.to_owned(),
            format!("(!(is_a || is_b) || controls || {listed})"),
            format!(r#"(account != "s" || controls || {listed})"#),
            format!(r#"(request.namespace != "n" || account != "t" || controls || {listed})"#),
            r#"(!(is_a) || account == "runner")"#.to_owned(),
            r#"image.matches("^(?s:a\\.b\\/.*\\:1|c)$")"#.to_owned(),
        ] {
            assert!(found.contains(&term), "{term}\nin {found}");
        }
    }

    #[test]
    fn a_pattern_is_a_regular_expression() {
        assert_eq!(
            limits("[{name: a, podSelector: {}, labels: {}, images: ['a+(b)|c*[d]']}]")
                .unwrap()
                .matches(r"a\\+\\(b\\)\\|c.*\\[d\\]")
                .count(),
            4
        );
    }
}
