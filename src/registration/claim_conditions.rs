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

/// The highest cost of the comparisons of images, of the 1,000,000 that the API server allows an evaluation.
const IMAGES_COST: usize = 600_000;

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

/// The limits that grants state, each once. Its tag says that a grant with this limit selects a pod.
pub(super) struct LimitTerms<'c> {
    claims: Vec<&'c Claims>,
    accounts: Vec<&'c str>,
    images: Vec<&'c [ImagePattern]>,
}

impl<'c> LimitTerms<'c> {
    pub(super) fn new(grants: impl Iterator<Item = &'c Grant> + Clone) -> LimitTerms<'c> {
        let limits = grants.map(|grant| &grant.limits);
        LimitTerms {
            claims: sorted(limits.clone().filter_map(|limits| limits.claims.as_ref())),
            accounts: sorted(limits.clone().filter_map(|limits| limits.service_account.as_deref())),
            images: sorted(limits.map(|limits| limits.images.as_slice()).filter(|patterns| !patterns.is_empty())),
        }
    }

    /// Returns the tags of the limits of a grant.
    pub(super) fn of(&self, grant: &Grant) -> BTreeSet<String> {
        let claims = grant.limits.claims.as_ref().and_then(|claims| self.claims.iter().position(|stated| *stated == claims));
        let account = grant.limits.service_account.as_deref().and_then(|name| self.accounts.iter().position(|stated| *stated == name));
        let images = self.images.iter().position(|patterns| *patterns == grant.limits.images);
        [claims.map(tag_of_claims), account.map(tag_of_account), images.map(tag_of_images)].into_iter().flatten().collect()
    }

    /// Returns the expression that a new pod keeps the limits of all grants that select it, or `None` if no grant has limits. `has` returns
    /// the expression that a grant with a tag selects the pod.
    pub(super) fn expression(&self, controllers: &[WorkloadController], has: &dyn Fn(&str) -> String) -> Option<String> {
        let by_requester = self.requester_terms(has);
        let mut terms = Vec::new();
        if !by_requester.is_empty() {
            // Most requesters are listed, so that the owners are compared last.
            terms.push(format!("(({}) || {})", by_requester.join(" && "), controls(controllers, "object")));
        }
        let accounts = self.accounts.iter().enumerate();
        terms.extend(accounts.map(|(at, name)| format!("(!{} || {ACCOUNT} == {})", has(&tag_of_account(at)), literal(name))));
        let expressions: Vec<String> = self.images.iter().map(|patterns| expression_of(patterns)).collect();
        let most = most_images(expressions.iter().map(String::len).sum());
        let images = expressions.iter().enumerate();
        terms.extend(images.map(|(at, expression)| format!("(!{} || {})", has(&tag_of_images(at)), have_images(expression, most))));
        (!terms.is_empty()).then(|| terms.join(" && "))
    }

    /// Returns the terms about the requester, one for each list of requesters: the requester is listed, or the pod has nothing that is
    /// only for them.
    fn requester_terms(&self, has: &dyn Fn(&str) -> String) -> Vec<String> {
        let mut unclaimed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (at, stated) in self.claims.iter().enumerate() {
            unclaimed.entry(listed(stated)).or_default().insert(format!("!{}", has(&tag_of_claims(at))));
        }
        let mut accounts: BTreeMap<&Account, BTreeSet<String>> = BTreeMap::new();
        for stated in &self.claims {
            for account in &stated.service_accounts {
                accounts.entry(account).or_default().insert(listed(stated));
            }
        }
        for (account, listed) in accounts {
            let elsewhere = account.namespace.as_ref().map(|namespace| format!("request.namespace != {} || ", literal(namespace)));
            let another = format!("({}{ACCOUNT} != {})", elsewhere.unwrap_or_default(), literal(&account.name));
            unclaimed.entry(listed.into_iter().collect::<Vec<_>>().join(" || ")).or_default().insert(another);
        }
        // Most requesters are listed, so that the rest is seldom evaluated.
        let term = |(listed, terms): (String, BTreeSet<String>)| format!("({listed} || ({}))", Vec::from_iter(terms).join(" && "));
        unclaimed.into_iter().map(term).collect()
    }
}

/// The account as which a pod runs.
const ACCOUNT: &str = "object.spec.?serviceAccountName.orValue(\"default\")";

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<BTreeSet<T>>().into_iter().collect()
}

fn tag_of_claims(at: usize) -> String {
    format!("claims {at}")
}

fn tag_of_account(at: usize) -> String {
    format!("account {at}")
}

fn tag_of_images(at: usize) -> String {
    format!("images {at}")
}

/// Returns the expression that claims list the requester.
fn listed(claims: &Claims) -> String {
    let is_account = |account: &Account| match account.user_name() {
        (start, Some(end)) => format!("request.userInfo.username == {} + request.namespace + {}", literal(&start), literal(&end)),
        (name, None) => format!("request.userInfo.username == {}", literal(&name)),
    };
    let mut terms: Vec<String> = claims.service_accounts.iter().map(is_account).collect();
    if !claims.users.is_empty() {
        terms.push(format!("request.userInfo.username in {}", list(claims.users.iter().map(String::as_str))));
    }
    if !claims.groups.is_empty() {
        let is_member = |group: &String| format!("{} in request.userInfo.groups", literal(group));
        let groups: Vec<String> = claims.groups.iter().map(is_member).collect();
        terms.push(format!("(has(request.userInfo.groups) && size(request.userInfo.groups) <= {MAX_ITEMS} && ({}))", groups.join(" || ")));
    }
    // Claims may be empty: then no requester is listed.
    if terms.is_empty() { "false".to_owned() } else { format!("({})", terms.join(" || ")) }
}

/// Returns the most images in each of the four lists of a pod that is not sent. A comparison costs a tenth of the length of the image times
/// a quarter of the length of the regular expression (the cost model of CEL).
fn most_images(expressions: usize) -> usize {
    let one = (MAX_IMAGE / 10 + 1) * expressions.div_ceil(4).max(1);
    (IMAGES_COST / (4 * one)).min(MAX_ITEMS)
}

/// Returns the expression that all images of a pod match a regular expression.
fn have_images(expression: &str, most: usize) -> String {
    let pattern = literal(expression);
    let is_allowed = |image: &str| format!("[{image}].all(image, size(image) <= {MAX_IMAGE} && image.matches({pattern}))");
    let lists = ["containers", "initContainers", "ephemeralContainers"].map(|list| {
        format!(
            "size(object.spec.?{list}.orValue([])) <= {most} && object.spec.?{list}.orValue([]).all(container, {})",
            is_allowed("container.?image.orValue('')")
        )
    });
    format!(
        "({} && size(object.spec.?volumes.orValue([])) <= {MAX_ITEMS} \
         && size(object.spec.?volumes.orValue([]).filter(volume, has(volume.image))) <= {most} \
         && object.spec.?volumes.orValue([]).all(volume, !has(volume.image) || {}))",
        lists.join(" && "),
        is_allowed("volume.image.?reference.orValue('')")
    )
}

/// Returns the regular expression of the images that one of the patterns matches.
fn expression_of(patterns: &[ImagePattern]) -> String {
    let alternatives: Vec<String> = patterns.iter().map(alternative).collect();
    format!("^(?s:{})$", alternatives.join("|"))
}

/// Returns the regular expression of an image pattern.
fn alternative(pattern: &ImagePattern) -> String {
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
        LimitTerms::new(canon.grants.iter()).expression(&controllers, &|tag| format!("has({tag})"))
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
        let listed = r#"(request.userInfo.username == "system:serviceaccount:" + request.namespace + ":s" || request.userInfo.username == "system:serviceaccount:n:t" || request.userInfo.username in ["o\"b"] || (has(request.userInfo.groups) && size(request.userInfo.groups) <= 100 && ("ops" in request.userInfo.groups)))"#;
        for term in [
            r#"[{"w":["ReplicaSet"],"x":["Job","CronJob"]}[?request.userInfo.username].orValue([])].exists(kinds, "#.to_owned(),
            format!(
                r#"({listed} || (!has(claims 0) && (object.spec.?serviceAccountName.orValue("default") != "s") && (request.namespace != "n" || object.spec.?serviceAccountName.orValue("default") != "t")))"#
            ),
            r#"(!has(account 0) || object.spec.?serviceAccountName.orValue("default") == "runner")"#.to_owned(),
            r"(!has(images 0) || (".to_owned(),
            r#"image.matches("^(?s:a\\.b\\/.*\\:1|c)$")"#.to_owned(),
        ] {
            assert!(found.contains(&term), "{term}\nin {found}");
        }
    }

    #[test]
    fn long_patterns_are_compared_with_few_images() {
        assert_eq!([0, 100, 117, 1000, 50_000].map(most_images), [100, 100, 98, 11, 0]);
        let long = format!("[{{name: a, podSelector: {{}}, labels: {{}}, images: ['{}']}}]", "x".repeat(1000));
        let found = limits(&long).unwrap();
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            assert!(found.contains(&format!("size(object.spec.?{list}.orValue([])) <= 11 && ")), "{found}");
        }
        assert!(found.contains("has(volume.image))) <= 11 && "), "{found}");
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
