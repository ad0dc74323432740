//! The findings of a check.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cures;
use super::live::{self, LACKS_LABEL};
use super::matching::Matching;
use crate::canon;
use crate::cli::manifests::created::{self, Requester};
use crate::cli::manifests::display::KindAndName;
use crate::cli::manifests::{Manifest, Place};
use crate::cli::words::rule_name;
use crate::policy::{Difference, Witness};
use crate::verdict::{self, Guard, Rule, Severity};

/// The API group of NetworkPolicies.
const NETWORKING: &str = "networking.k8s.io";

/// The rule for a canonical policy that is in no file. Only a check can find it.
pub(super) const MISSING: &str = "policy-missing";

/// The rule for a policy that the files contain more than once.
pub(super) const TWICE: &str = "policy-twice";

/// The rule for a namespace with policies of several canons.
const MIXED: &str = "mixed-canons";

/// The rule for a built-in canon that is not accepted, but fits better.
const NEAREST: &str = "nearest-canon";

/// The result of a check, in the form of `--output json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Whether no finding has the severity `deny`.
    pub(super) clean: bool,
    /// The names or paths of the accepted canons, separated by commas.
    pub(super) canon: String,
    /// The same, in order.
    #[serde(skip)]
    pub(super) canons: Vec<String>,
    /// The hash of the canon, as in audit lines.
    pub(super) canon_hash: String,
    pub(super) policies: Policies,
    pub(super) findings: Vec<Finding>,
    /// The positions of the canons that most policies of a namespace match.
    #[serde(skip)]
    pub(super) references: BTreeMap<String, Vec<usize>>,
    /// The built-in canons that are not accepted, but that all policies of a namespace match.
    #[serde(skip)]
    pub(super) fitting: BTreeMap<String, Vec<String>>,
    /// The number of policies in the files that carry the break-glass annotation, which only its members can apply.
    #[serde(skip)]
    pub(super) break_glass: usize,
    /// The objects that are not canonical policies, each counted once.
    #[serde(skip)]
    pub(super) others: Others,
    /// The objects that are not evaluated: other kinds, or namespaces that are not guarded.
    pub(super) not_judged: Vec<Object>,
}

/// The number of policies by state.
#[derive(Debug, Default, Serialize)]
pub(super) struct Policies {
    /// Canonical policies of all guarded namespaces.
    pub(super) canonical: usize,
    /// Of these, policies in the files without a finding.
    pub(super) same: usize,
    /// Of these, policies in the files with a finding.
    pub(super) drifted: usize,
    /// Of these, policies that are not in the files.
    pub(super) missing: usize,
    /// Other policies in the files.
    pub(super) extra: usize,
}

/// The number of objects that are not canonical policies, by result. Each object is counted once.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Extra policies without a finding.
    pub(super) extra: usize,
    /// Other objects without a finding.
    pub(super) clean: usize,
    /// Objects with warnings only.
    pub(super) warned: usize,
    /// Objects with a finding that makes the check fail.
    pub(super) failed: usize,
}

/// An object and its place.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Object {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<usize>,
    /// The indexes in nested lists, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nested: Vec<usize>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    #[serde(flatten)]
    pub(super) object: Object,
    pub(super) rule: String,
    /// `deny`, `warn` for a warning, or `info`.
    pub(super) severity: &'static str,
    pub(super) message: String,
    pub(super) differences: Vec<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) witness: Option<Witness>,
}

impl Finding {
    fn of(object: &Object, finding: verdict::Finding) -> Finding {
        let verdict::Finding { rule, severity, message, differences, witness } = finding;
        let severity = match severity {
            Severity::Info => "info",
            Severity::Warn | Severity::Noted => "warn",
            Severity::Deny | Severity::AlwaysDeny | Severity::Probe | Severity::Fault => "deny",
        };
        Finding { object: object.clone(), rule: rule_name(rule), severity, message: message.into(), differences, witness }
    }

    fn warns(object: Object, rule: &str, message: String) -> Finding {
        Finding { severity: "warn", ..Finding::denies(object, rule, message) }
    }

    fn denies(object: Object, rule: &str, message: String) -> Finding {
        Finding { object, rule: rule.to_owned(), severity: "deny", message, differences: Vec::new(), witness: None }
    }

    /// Returns whether the finding makes the check fail.
    pub(super) fn is_failure(&self) -> bool {
        self.severity == "deny"
    }

    /// Returns whether the finding is about the break-glass annotation.
    fn is_break_glass(&self) -> bool {
        self.rule == rule_name(Rule::BreakGlass)
    }

    /// Returns whether `netpol render policies` can fix the finding.
    pub(super) fn is_fixed_by_render(&self) -> bool {
        self.is_failure() && (self.rule == MISSING || self.rule == rule_name(Rule::PolicyDrift))
    }
}

impl Object {
    fn new(manifest: &Manifest, namespace: &str) -> Object {
        let Place { file, document, item, nested, .. } = manifest.place.clone();
        let (kind, name) = (manifest.qualified_kind(), manifest.name().to_owned());
        Object { file: Some(file), document: Some(document), item, nested, kind, name, namespace: namespace.to_owned() }
    }

    fn of_namespace(name: &str) -> Object {
        Object::unlisted("Namespace", name, "")
    }

    /// Returns an object that is in no file.
    fn unlisted(kind: &str, name: &str, namespace: &str) -> Object {
        let (kind, name, namespace) = (kind.to_owned(), name.to_owned(), namespace.to_owned());
        Object { file: None, document: None, item: None, nested: Vec::new(), kind, name, namespace }
    }
}

/// The namespace, the API group, the resource and the name of a policy.
type Key<'c> = (&'c str, &'c str, &'c str, &'c str);

/// The state of a check.
struct Checker<'c> {
    guard: &'c Guard,
    /// Which canon the policies of each guarded namespace match.
    matching: BTreeMap<&'c str, Matching<'c>>,
    report: Report,
    /// The policies in the files by namespace, resource and name: the first place of each, and whether it has findings.
    seen: BTreeMap<Key<'c>, (&'c Place, bool)>,
}

impl Report {
    /// Checks objects, as if an ordinary user had created them.
    ///
    /// # Errors
    /// Returns the errors of [`created::judge`].
    pub(super) fn new<'c>(guard: &'c Guard, manifests: &'c [Manifest], partial: bool) -> anyhow::Result<Report> {
        let report = Report {
            clean: false,
            canon: guard.canons.source.clone(),
            canons: guard.canons.all().map(|canon| canon.source.clone()).collect(),
            canon_hash: guard.canons.hash.clone(),
            policies: Policies::default(),
            findings: Vec::new(),
            references: BTreeMap::new(),
            fitting: BTreeMap::new(),
            break_glass: 0,
            others: Others::default(),
            not_judged: Vec::new(),
        };
        let matching = |namespace: &'c str| (namespace, Matching::new(&guard.canons, namespace, manifests));
        let matching: BTreeMap<_, _> = guard.canons.namespaces().map(matching).collect();
        let mut report = report;
        report.references = matching.iter().map(|(namespace, matching)| ((*namespace).to_owned(), matching.references())).collect();
        let mut checker = Checker { guard, matching, report, seen: BTreeMap::new() };
        for manifest in manifests {
            checker.check(manifest)?;
        }
        checker.count(partial);
        checker.compare_canons();
        let mut report = checker.report;
        report.clean = !report.findings.iter().any(Finding::is_failure);
        Ok(report)
    }
}

impl Report {
    /// Returns the positions of the canons that most policies of a namespace match.
    pub(super) fn references(&self, namespace: &str) -> &[usize] {
        self.references.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }
}

impl<'c> Checker<'c> {
    fn check(&mut self, manifest: &'c Manifest) -> anyhow::Result<()> {
        let guarded = || self.guard.canons.namespaces();
        let namespaces: Vec<&'c str> = match manifest.namespace.as_deref() {
            _ if !manifest.resource.namespaced => vec![""],
            Some(stated) => vec![stated],
            None if manifest.is_network_policy() || self.is_canonical_foreign(manifest) => guarded().collect(),
            None => guarded().take(1).collect(),
        };
        let earlier = self.report.findings.len();
        let (mut is_judged, mut is_canonical) = (false, false);
        for namespace in namespaces {
            let object = Object::new(manifest, namespace);
            let everywhere = manifest.resource.is_judged_everywhere();
            if !manifest.resource.is_judged() || !(everywhere || self.guard.canons.policies(namespace).is_some()) {
                self.report.not_judged.push(object);
                continue;
            }
            is_judged = true;
            let mut judged = created::judge(&self.guard_of(namespace), &Requester::default(), manifest, namespace)?;
            live::name_break_glass(manifest, namespace, &mut judged.findings);
            live::name_pause(manifest, &mut judged.findings);
            live::raise_claims(manifest, &mut judged.findings);
            let lacking =
                live::lacks_labels(manifest, &judged, namespace).map(|message| Finding::denies(object.clone(), LACKS_LABEL, message));
            let mut findings: Vec<Finding> = judged.findings.into_iter().map(|finding| Finding::of(&object, finding)).collect();
            findings.extend(lacking);
            if manifest.is_network_policy() || self.is_canonical_foreign(manifest) {
                let key = (namespace, manifest.group.as_str(), manifest.resource.plural.as_str(), manifest.name());
                is_canonical |= self.is_accepted(&key);
                if let Some((first, _)) = self.seen.get(&key) {
                    let message = format!("{} is also in {first}: kubectl apply keeps the last one", KindAndName(manifest));
                    findings.push(Finding::denies(object, TWICE, message));
                }
                self.report.break_glass += findings.iter().filter(|finding| finding.is_failure() && finding.is_break_glass()).count();
                // The annotation is not part of what the policy means.
                let has_findings = findings.iter().any(|finding| finding.is_failure() && !finding.is_break_glass());
                let (_, had_findings) = self.seen.entry(key).or_insert((&manifest.place, has_findings));
                *had_findings |= has_findings;
            }
            self.report.findings.extend(findings);
        }
        if is_judged && !is_canonical {
            let found = self.report.findings.get(earlier..).unwrap_or_default();
            let others = &mut self.report.others;
            *match (found.iter().any(Finding::is_failure), found.is_empty()) {
                (true, _) => &mut others.failed,
                (false, false) => &mut others.warned,
                (false, true) if manifest.is_network_policy() => &mut others.extra,
                (false, true) => &mut others.clean,
            } += 1;
        }
        Ok(())
    }

    /// Returns whether an accepted canon has the policy.
    fn is_accepted(&self, (namespace, group, resource, name): &Key<'_>) -> bool {
        self.guard.canons.policies(namespace).is_some_and(|policies| {
            let is_own = *group == NETWORKING && policies.named(name).next().is_some();
            is_own || policies.foreign(group, resource, name).next().is_some()
        })
    }

    /// Returns whether a manifest is a policy of another API that an accepted canon has.
    fn is_canonical_foreign(&self, manifest: &Manifest) -> bool {
        let resource = &manifest.resource.plural;
        let mut namespaces = self.guard.canons.namespaces();
        !manifest.is_network_policy()
            && namespaces.any(|namespace| self.is_accepted(&(namespace, &manifest.group, resource, manifest.name())))
    }

    /// Returns the guard whose hints refer to the canon that most policies of the namespace match, if it is one canon.
    fn guard_of(&self, namespace: &str) -> Guard {
        let reference = match self.report.references.get(namespace).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        };
        // A file does not say who creates its objects.
        Guard { reference, knows_user: false, ..self.guard.clone() }
    }

    /// Adds findings for policies of several canons in one namespace, and for a built-in canon that fits better.
    fn compare_canons(&mut self) {
        for (namespace, matching) in &self.matching {
            let only = matching.only();
            if only.len() > 1 {
                let sets: Vec<String> = only.iter().map(|only| format!("{} of \"{}\"", some_of(&only.names), only.canon)).collect();
                let message = format!("the namespace {namespace} mixes the policies of several canons: {}", sets.join("; "));
                self.report.findings.push(Finding::warns(Object::of_namespace(namespace), MIXED, message));
            }
            if let Some((canons, number)) = matching.nearest() {
                let message = nearest(namespace, &canons, number, matching.named());
                if number == matching.named() {
                    let canons = canons.into_iter().map(str::to_owned).collect();
                    self.report.fitting.insert((*namespace).to_owned(), canons);
                }
                self.report.findings.push(Finding::warns(Object::of_namespace(namespace), NEAREST, message));
            }
        }
    }

    /// Counts the policies and adds findings for missing ones.
    fn count(&mut self, partial: bool) {
        let canonical: BTreeMap<Key<'_>, String> =
            self.guard.canons.first().namespaces.iter().flat_map(|(namespace, policies)| keys_of(namespace, policies)).collect();
        let mut policies = std::mem::take(&mut self.report.policies);
        policies.canonical = canonical.len();
        policies.extra = self.seen.keys().filter(|key| !self.is_accepted(key)).count();
        for (key, kind) in canonical {
            let (namespace, group, _, name) = key;
            match self.seen.get(&key) {
                Some((_, false)) => policies.same += 1,
                Some((_, true)) => policies.drifted += 1,
                None => {
                    policies.missing += 1;
                    if !partial {
                        let message = cures::of_missing(self.report.references(namespace), self.guard, namespace, &kind, name);
                        let object = Object::unlisted(&format!("{kind}.{group}"), name, namespace);
                        self.report.findings.push(Finding::denies(object, MISSING, message));
                    }
                }
            }
        }
        self.report.policies = policies;
    }
}

/// Returns the canonical policies of a namespace with their kinds.
fn keys_of<'c>(namespace: &'c str, policies: &'c canon::Policies) -> impl Iterator<Item = (Key<'c>, String)> {
    let own =
        policies.by_name.keys().map(move |name| ((namespace, NETWORKING, "networkpolicies", name.as_str()), "NetworkPolicy".to_owned()));
    own.chain(policies.foreign.iter().map(move |policy| {
        let resource = &policy.resource;
        ((namespace, resource.group.as_str(), resource.resource.as_str(), policy.name.as_str()), resource.kind.clone())
    }))
}

/// Returns the sentence about built-in canons that `number` of the policies in the files match.
fn nearest(namespace: &str, canons: &[&str], number: usize, policies: usize) -> String {
    let share = match (number, policies) {
        (1, 1) => format!("the only policy of the namespace {namespace} in these files is that"),
        (1, _) => format!("1 of {policies} policies in the namespace {namespace} is that"),
        (number, policies) if number == policies => format!("all {policies} policies in the namespace {namespace} are those"),
        _ => format!("{number} of {policies} policies in the namespace {namespace} are those"),
    };
    let (names, flags) = (canons.join(" and "), cures::accepting(canons));
    match canons {
        [_] => format!("{share} of the built-in canon {names}, which is not accepted. To accept it: {flags}"),
        _ => format!("{share} of the built-in canons {names}, which are not accepted. To accept one: {flags}"),
    }
}

/// Returns the first names, and the number of the others.
fn some_of(names: &[&str]) -> String {
    const MOST: usize = 3;
    let listed = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{listed} and {} more", names.len() - MOST) } else { listed }
}
