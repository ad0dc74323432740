//! The result of `canon diff` in the form of `--output json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::effect::Effect;
use crate::canon::{Canon, Changes, ForeignChange, Grant, ImagePattern, IsolationChange, Kind, PodLabel};
use crate::policy::{Beyond, Direction, Witness};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'c> {
    /// Whether both canons mean the same.
    same: bool,
    from: Side<'c>,
    to: Side<'c>,
    policies: Vec<Policy<'c>>,
    /// Policies of other APIs.
    foreign_policies: Vec<ForeignPolicy<'c>>,
    isolation: Vec<Isolation>,
    grants: Vec<GrantChange<'c>>,
    protected_labels: Vec<ProtectedLabel<'c>>,
    /// Policies with another name and the same meaning.
    renamed: Vec<Renamed<'c>>,
}

#[derive(Debug, Serialize)]
struct Side<'c> {
    canon: &'c str,
    hash: &'c str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy<'c> {
    name: &'c str,
    change: &'static str,
    differences: Vec<Difference<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens: Option<&'c Witness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaks: Option<&'c Witness>,
    /// Whether the comparison ended before its limit on steps.
    proven: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ForeignPolicy<'c> {
    api_version: String,
    kind: &'c str,
    name: &'c str,
    change: &'static str,
    /// The first difference, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<&'c str>,
    /// The differences between owner references and finalizers.
    differences: Vec<Difference<'c>>,
}

#[derive(Debug, Serialize)]
struct Difference<'c> {
    #[serde(flatten)]
    of: &'c crate::policy::Difference,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<&'c Witness>,
}

#[derive(Debug, Serialize)]
struct Isolation {
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<String>,
}

#[derive(Debug, Serialize)]
struct GrantChange<'c> {
    name: &'c str,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<GrantSide<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<GrantSide<'c>>,
    gains: Vec<Label<'c>>,
    loses: Vec<Label<'c>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GrantSide<'c> {
    name: &'c str,
    pod_selector: &'c str,
    labels: &'c BTreeMap<String, String>,
    shared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Claims<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_name: Option<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'c str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'c> {
    users: &'c BTreeSet<String>,
    groups: &'c BTreeSet<String>,
    service_accounts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ProtectedLabel<'c> {
    key: &'c str,
    change: &'static str,
}

#[derive(Debug, Serialize)]
struct Label<'c> {
    pods: String,
    key: &'c str,
    value: &'c str,
}

#[derive(Debug, Serialize)]
struct Renamed<'c> {
    from: &'c str,
    to: &'c str,
}

impl<'c> Report<'c> {
    pub(super) fn new(from: &'c Canon, to: &'c Canon, changes: &'c Changes<'c>) -> Report<'c> {
        let side = |canon: &'c Canon| Side { canon: &canon.source, hash: &canon.hash };
        let policies = changes.policies.iter().map(|policy| Policy {
            name: policy.name,
            change: word(policy.kind),
            differences: policy.differences.iter().map(difference).collect(),
            opens: witness(&policy.opens),
            breaks: witness(&policy.breaks),
            proven: policy.is_proven(),
        });
        let labels = |labels: &'c [PodLabel<'c>]| {
            labels.iter().map(|label| Label { pods: label.pods.to_string(), key: label.key, value: label.value }).collect()
        };
        let grants = changes.grants.iter().map(|grant| GrantChange {
            name: grant.name,
            change: word(grant.kind),
            from: grant.from.map(grant_side),
            to: grant.to.map(grant_side),
            gains: labels(&grant.gains),
            loses: labels(&grant.loses),
        });
        Report {
            same: changes.is_empty(),
            from: side(from),
            to: side(to),
            policies: policies.collect(),
            foreign_policies: changes.foreign.iter().map(foreign).collect(),
            isolation: changes.isolation.iter().map(isolation).collect(),
            grants: grants.collect(),
            protected_labels: changes.protected.iter().map(|label| ProtectedLabel { key: label.key, change: word(label.kind) }).collect(),
            renamed: changes.renamed.iter().map(|renamed| Renamed { from: renamed.from, to: renamed.to }).collect(),
        }
    }
}

fn foreign<'c>(change: &'c ForeignChange<'c>) -> ForeignPolicy<'c> {
    ForeignPolicy {
        api_version: change.resource.api_version(),
        kind: &change.resource.kind,
        name: change.name,
        change: word(change.kind),
        difference: change.difference.as_deref(),
        differences: change.attachments.iter().map(difference).collect(),
    }
}

fn difference(difference: &crate::policy::Difference) -> Difference<'_> {
    let witness = difference.beyond.as_ref().and_then(witness);
    Difference { of: difference, effect: Effect::of(difference).name(), witness }
}

fn witness(beyond: &Beyond) -> Option<&Witness> {
    if let Beyond::Grants(witness) = beyond { Some(witness) } else { None }
}

fn isolation(change: &IsolationChange) -> Isolation {
    let (effect, found) = match change {
        IsolationChange::Ends(direction, pods) => ("opens", Some((*direction, pods))),
        IsolationChange::Begins(direction, pods) => ("breaks", Some((*direction, pods))),
        IsolationChange::NotProven => ("not-proven", None),
    };
    Isolation { effect, direction: found.map(|(direction, _)| direction), pods: found.map(|(_, pods)| pods.to_string()) }
}

fn grant_side(grant: &Grant) -> GrantSide<'_> {
    let Grant { name, selects, labels, shared, limits, .. } = grant;
    let claims = limits.claims.as_ref().map(|claims| Claims {
        users: &claims.users,
        groups: &claims.groups,
        service_accounts: claims.service_accounts.iter().map(ToString::to_string).collect(),
    });
    let images = limits.images.iter().map(ImagePattern::as_str).collect();
    let service_account_name = limits.service_account.as_deref();
    GrantSide { name, pod_selector: selects, labels, shared: *shared, claims, service_account_name, images }
}

/// Returns the word for a kind of change.
pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Removed => "removed",
        Kind::Added => "added",
        Kind::Changed => "changed",
    }
}
