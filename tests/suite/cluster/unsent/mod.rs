//! New pods that the API server does not send to a stage: the stage would have admitted each of them unchanged and without a warning.

mod made;
mod outage;

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Method;
use netpol::admission::answer;
use netpol::audit::Level;
use netpol::canon::{BUILT_IN, Canons};
use netpol::registration::{Endpoint, MAX_POD_CONDITION, Registration, Send, pod_condition};
use netpol::verdict::settings::{Action, Enforcement, UngrantedLabels};
use netpol::verdict::{Guard, Settings, Stage};
use serde_json::{Map, Value, json};

use self::made::{MAKERS, Owned, Pod, Random, Requester};
use super::harness::api::{Call, RUNTIME, Reply};
use super::harness::figures::note;
use super::harness::guard::create_namespace;
use super::harness::plane::plane;
use super::harness::scene::path;
use super::harness::wait::until;
use crate::support::root;

/// The number of random canons. The built-in ones are added.
const CANONS: usize = 40;
/// The number of pods for each canon.
const PODS: usize = 48;
/// The most pods of a claimed identity that are made again for a workload controller, for each canon.
const CLAIMED: usize = 3;
/// The number of requests at a time.
const CLIENTS: usize = 16;

/// The name of the canon whose condition has nearly the largest length.
const LARGEST: &str = "largest";
/// The labels that the last grant of such a canon gives. With its identity, a pod has nearly as many as one that is not sent can have.
const GIVEN_BY_LAST: usize = 98;

/// Accepted canons with their namespace and a key that a flag adds.
struct Case {
    namespace: String,
    canons: Arc<Canons>,
    settings: Settings,
}

/// What the API server did with a new pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// It was sent to `/mutate`.
    Sent,
    /// It was sent to `/validate` only.
    Validated,
    /// The API server rejected it after the stage of `/mutate`.
    Rejected,
    /// It was created.
    NotSent,
}

impl Case {
    /// Returns the webhooks for new pods, with names of their own. No server listens at their address, and a call fails.
    fn webhooks(&self) -> [Value; 2] {
        let endpoint = Endpoint::url("https://127.0.0.1:1").expect("a URL");
        let registration = Registration {
            canons: &self.canons,
            settings: &self.settings,
            send: Send::Needed,
            name: "unsent",
            endpoint: &endpoint,
            authorities: None,
        };
        let webhooks = registration.manifests().map(|mut manifest| {
            let mut webhook = manifest["webhooks"][0].take();
            webhook["name"] = json!(format!("{}.{}", self.namespace, webhook["name"].as_str().expect("a name")));
            webhook["failurePolicy"] = json!("Fail");
            webhook
        });
        let is_short = self.canons.source != LARGEST;
        let lacks = if self.strips() || !is_short { "not-plainly-right" } else { "lacks-labels" };
        assert_eq!(webhooks.each_ref().map(|webhook| &webhook["matchConditions"][0]["name"]), [lacks, "not-plainly-right"]);
        webhooks
    }

    fn strips(&self) -> bool {
        self.settings.ungranted_labels == UngrantedLabels::Strip
    }

    /// Returns whether the condition for `/validate` names the labels of each grant.
    fn names_each(&self) -> bool {
        !pod_condition(&self.canons, &self.settings).expect("a condition").contains("selected")
    }

    fn has_long_patterns(&self) -> bool {
        self.canons.all().flat_map(|canon| &canon.grants).any(|grant| grant.limits.images.len() > 10)
    }

    fn call(&self, pod: &Pod) -> Call {
        let mut call = Call::new(Method::POST, format!("{}?dryRun=All", path(&self.namespace, "pods")));
        call.body = pod.body.clone().into();
        let (user, groups) = &pod.requester;
        call.by(user, &groups.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Checks that the stages to which a pod is not sent admit it unchanged and without a warning, whatever the settings are.
    fn admits(&self, stages: &[Stage], object: &Value, requester: &Requester, settings: &Settings) {
        if let Err(response) = self.judge(stages, object, requester, settings.clone()) {
            let condition = pod_condition(&self.canons, settings);
            panic!("a pod that is not sent: {response}\n{object}\n{requester:?}\n{settings:?}\n{condition:?}");
        }
    }

    /// Returns the response of a stage that does not admit a pod unchanged and without a warning.
    fn judge(&self, stages: &[Stage], object: &Value, (user, groups): &Requester, settings: Settings) -> Result<(), String> {
        let guard = Guard::new(Arc::clone(&self.canons), Arc::new(settings));
        let review = json!({
            "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
            "request": {
                "uid": "0c1f6ef8-4a6e-4c0d-9c58-1f1c3f8d7f55", "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": self.namespace, "operation": "CREATE",
                "userInfo": {"username": user, "groups": groups}, "object": object, "oldObject": null, "dryRun": true,
            },
        });
        for stage in stages.iter().copied() {
            let answer = answer(&guard, stage, review.to_string().as_bytes(), Level::All);
            let review: Value = serde_json::from_slice(&answer.body).expect("a review");
            let response = &review["response"];
            let is_clean = response["allowed"] == true && response.get("patch").is_none() && response.get("warnings").is_none();
            if !is_clean {
                return Err(format!("{stage:?}: {response}"));
            }
        }
        Ok(())
    }
}

/// Returns the cases: built-in canons, random ones, and two whose condition has nearly the largest length.
fn cases(random: &mut Random) -> Vec<Case> {
    let case = |random: &mut Random, number: usize, canons: &dyn Fn(&mut Random, &str) -> Canons| {
        let namespace = format!("unsent-{number}");
        let canons = Arc::new(canons(random, &namespace));
        let given = random.once_in(2);
        Case { settings: made::settings(random, &namespace, given), namespace, canons }
    };
    let built_in = |names: &'static [&'static str]| {
        move |_: &mut Random, namespace: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Canons::load(&names, &[namespace.to_owned()]).expect("a built-in canon")
        }
    };
    let mut cases = vec![
        case(random, 0, &built_in(&["abcdesktop", "abcdesktop-4.4"])),
        case(random, 1, &built_in(&["abcdesktop"])),
        case(random, 2, &built_in(&["abcdesktop-3.3"])),
        case(random, 3, &|_, namespace| largest(namespace, false)),
        case(random, 4, &|_, namespace| largest(namespace, true)),
    ];
    while cases.len() < CANONS + 5 {
        let next = case(random, cases.len(), &made::canons);
        // A canon without exclusive grants has no condition.
        if pod_condition(&next.canons, &Settings::default()).is_ok() {
            cases.push(next);
        }
    }
    cases
}

/// Returns a canon whose condition has nearly the largest length. Its selectors read one label, so that they are in one table, or two,
/// so that each is an item of its own. The last grant gives many labels.
fn largest(namespace: &str, two: bool) -> Canons {
    let canons = |count: usize| {
        let grant = |number: usize| {
            let expressions = if two { json!([{"key": "old", "operator": "DoesNotExist"}]) } else { json!([]) };
            json!({
                "name": format!("g{number}"),
                "podSelector": {"matchLabels": {"run": format!("r{number:03}")}, "matchExpressions": expressions},
                "labels": {format!("netpol/x{number:03}"): "true"},
            })
        };
        let mut grants: Vec<Value> = (0..count).map(grant).collect();
        if let Some(last) = grants.last_mut() {
            last["labels"] = (0..GIVEN_BY_LAST).map(|number| (format!("netpol/{number:02}"), json!("true"))).collect::<Map<_, _>>().into();
            last["claims"] = json!({"groups": ["claimants", "x".repeat(60)], "serviceAccounts": ["pyos"]});
            // With long patterns, the comparison of many images would cost too much, so such pods are sent.
            let patterns: Vec<String> = (0..10).map(|number| format!("*{number}{}", "p".repeat(100))).collect();
            last["images"] = if two {
                json!([patterns.as_slice(), &["registry.example/*".to_owned()]].concat())
            } else {
                json!(["*a*b*c*d*", "registry.example/*"])
            };
        }
        let documents = made::documents(LARGEST, &grants);
        Canons::from_documents(&[documents], &[namespace.to_owned()]).expect("a canon")
    };
    let given = Settings { network_annotation_keys: vec!["example.org/pool".to_owned()], ..Settings::default() };
    let fits = |count: usize| pod_condition(&canons(count), &given).is_ok();
    let count = (100..1000).step_by(20).take_while(|count| fits(*count)).last().expect("a canon that fits");
    let canons = canons(count);
    assert!(pod_condition(&canons, &Settings::default()).expect("a condition").len() > MAX_POD_CONDITION * 9 / 10);
    canons
}

/// Gives the users who create the pods all rights.
fn allow_makers() {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": MAKERS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": MAKERS}],
    });
    plane().api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).expect("a binding");
}

/// Registers all cases, and waits until the API server calls their webhooks.
fn register(cases: &[Case]) {
    let mut webhooks = [Vec::new(), Vec::new()];
    for case in cases {
        create_namespace(&case.namespace);
        for (all, webhook) in webhooks.iter_mut().zip(case.webhooks()) {
            all.push(webhook);
        }
    }
    for (kind, webhooks) in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].into_iter().zip(webhooks) {
        let manifest = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "unsent"}, "webhooks": webhooks,
        });
        let path = format!("/apis/admissionregistration.k8s.io/v1/{}s", kind.to_lowercase());
        plane().api.post(&path, &manifest).expect("a registration");
    }
    // No grant has this label.
    let probe = Pod::labeled(&BTreeMap::from([("netpol/probe".to_owned(), "true".to_owned())]));
    for case in cases {
        until("the webhooks are called", || (!plane().api.call(&case.call(&probe)).ok()).then_some(()));
    }
}

/// Returns the pods of a case: random ones, those of workload controllers, recorded ones, and for the largest condition those that cost
/// most.
fn pods(random: &mut Random, case: &Case, recorded: &[Pod]) -> Vec<Pod> {
    let mut pods: Vec<Pod> = (0..PODS).map(|_| made::pod(random, &case.canons)).collect();
    let is_claimed = |pod: &&Pod| {
        let labels = labels(&pod.object);
        let identity = case.canons.identify(&labels);
        !identity.is_conflict() && identity.exclusive().any(|grant| grant.limits.claims.is_some())
    };
    let claimed: Vec<Pod> = pods.iter().filter(|pod| pod.is_plain).filter(is_claimed).take(CLAIMED).cloned().collect();
    pods.extend(claimed.iter().flat_map(|pod| made::owned(pod, random.of(&case.settings.workload_controllers))));
    if case.canons.source == LARGEST {
        let last = case.canons.first().grants.len() - 1;
        let given = (0..GIVEN_BY_LAST).map(|number| (format!("netpol/{number:02}"), "true".to_owned()));
        let mut labels: BTreeMap<String, String> = given.chain([("run".to_owned(), format!("r{last:03}"))]).collect();
        let mut groups: Vec<String> = (0..97).map(|number| format!("{}{number}", "y".repeat(58))).collect();
        // The API server adds system:authenticated.
        groups.extend([MAKERS.to_owned(), "claimants".to_owned()]);
        let mut plain = Pod { is_plain: true, requester: ("stranger".to_owned(), groups), ..Pod::labeled(&labels) };
        plain.object["spec"]["containers"] = (0..100)
            .map(|number| json!({"name": format!("c{number}"), "image": format!("registry.example/{}", "z".repeat(480))}))
            .collect();
        plain.body = plain.object.to_string();
        plain.is_plain = !case.has_long_patterns();
        pods.push(plain);
        labels.extend((GIVEN_BY_LAST + 1..100).map(|number| (format!("netpol/{}{number}", "z".repeat(60)), "true".to_owned())));
        pods.push(Pod::labeled(&labels));
    }
    if case.canons.all().any(|canon| BUILT_IN.contains(&canon.source.as_str())) {
        pods.extend(recorded.iter().cloned());
    }
    pods
}

/// Returns the pods that are created in the recorded reviews.
fn recorded() -> Vec<Pod> {
    let folder = std::fs::read_dir(root().join("tests/reviews")).expect("the recorded reviews");
    let mut pods = Vec::new();
    for file in folder {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a recorded review");
        let Ok(mut review) = serde_json::from_str::<Value>(&text) else { continue };
        let request = &mut review["request"];
        if request["operation"] == "CREATE" && request["resource"]["resource"] == "pods" && request.get("subResource").is_none() {
            let mut pod = request["object"].take();
            pod["metadata"].as_object_mut().expect("a map").remove("namespace");
            pods.push(Pod::of(pod));
        }
    }
    assert!(pods.len() >= 10, "{} recorded pods", pods.len());
    pods
}

fn way(reply: &Reply) -> Way {
    let message = reply.message();
    // A condition that cannot be evaluated fails too, without a call.
    if message.contains("failed calling webhook") && message.contains("connection refused") {
        return if message.contains(".pods.mutate.") { Way::Sent } else { Way::Validated };
    }
    let is_invalid = reply.status == 422 || (reply.status == 400 && message.contains("name"));
    assert!(reply.ok() || is_invalid, "neither sent nor created: {} {message}", reply.status);
    if is_invalid { Way::Rejected } else { Way::NotSent }
}

/// Creates pods as a dry run, several at a time.
fn create(calls: &[Call]) -> Vec<Reply> {
    let chunk = calls.len().div_ceil(CLIENTS);
    let clients: Vec<_> = calls
        .chunks(chunk)
        .map(|calls| {
            let calls = calls.to_vec();
            RUNTIME.spawn(async move {
                let mut replies = Vec::new();
                for call in &calls {
                    replies.push(plane().api.send(call).await.expect("a reply"));
                }
                replies
            })
        })
        .collect();
    clients.into_iter().flat_map(|client| RUNTIME.block_on(client).expect("a client must not panic")).collect()
}

#[test]
fn a_pod_that_is_not_sent_would_have_been_admitted_unchanged() {
    let random = &mut Random(13);
    let cases = cases(random);
    allow_makers();
    register(&cases);
    let recorded = recorded();
    let pods: Vec<(&Case, Pod)> =
        cases.iter().flat_map(|case| pods(random, case, &recorded).into_iter().map(move |pod| (case, pod))).collect();
    let calls: Vec<Call> = pods.iter().map(|(case, pod)| case.call(pod)).collect();
    let replies = create(&calls);
    let (mut sent, mut unsent, mut unmutated, mut named, mut plain, mut limited) = (0, 0, 0, 0, 0, 0);
    let mut owned: BTreeMap<(Owned, Way), usize> = BTreeMap::new();
    for ((case, pod), reply) in pods.iter().zip(&replies) {
        let way = way(reply);
        if let Some(of) = pod.owned {
            *owned.entry((of, way)).or_default() += 1;
        }
        let stages: &[Stage] = match way {
            Way::Sent => &[],
            Way::Validated | Way::Rejected => &[Stage::Mutate],
            Way::NotSent => &[Stage::Mutate, Stage::Validate],
        };
        sent += usize::from(way == Way::Sent);
        unsent += usize::from(way == Way::NotSent);
        unmutated += usize::from(way == Way::Validated);
        named += usize::from(way == Way::NotSent && case.names_each());
        for number in 0..3 {
            let mut settings = made::settings(random, &case.namespace, false);
            settings.network_annotation_keys.clone_from(&case.settings.network_annotation_keys);
            settings.workload_controllers.clone_from(&case.settings.workload_controllers);
            if number == 0 {
                settings = strict(case.settings.clone());
            }
            // The condition of `/mutate` depends on this flag.
            if way != Way::NotSent && !case.strips() && settings.ungranted_labels == UngrantedLabels::Strip {
                settings.ungranted_labels = case.settings.ungranted_labels;
            }
            case.admits(stages, &pod.object, &pod.requester, &settings);
        }
        if reply.ok() {
            case.admits(stages, &reply.body, &pod.requester, &case.settings);
        }
        if pod.is_plain && way != Way::Rejected {
            plain += 1;
            let is_conflict = case.canons.identify(&labels(&pod.object)).is_conflict();
            let strict = strict(case.settings.clone());
            let is_clean = case.judge(&[Stage::Mutate, Stage::Validate], &pod.object, &pod.requester, strict).is_ok();
            // Of several canons, the verdict needs the limits of one, and the condition those of all.
            let has_groups = pod.requester.1.len() <= 100;
            if case.canons.all().nth(1).is_none() && has_groups {
                assert_eq!(
                    way != Way::NotSent,
                    is_conflict || !is_clean,
                    "a pod with exactly its labels\n{}\n{:?}",
                    pod.object,
                    pod.requester
                );
                limited += usize::from(!is_conflict && !is_clean);
            }
        }
    }
    // The pods of a controller are not sent if it controls their owner, so nothing else hides the check of their owners.
    let count = |of: Owned, way: Way| owned.get(&(of, way)).copied().unwrap_or_default();
    assert!(count(Owned::Rightly, Way::NotSent) >= 20, "{owned:?}");
    for of in [Owned::OtherKind, Owned::NotControlled, Owned::Divided] {
        assert!(count(of, Way::Sent) + count(of, Way::Validated) >= 20 && count(of, Way::NotSent) == 0, "{owned:?}");
    }
    let figures = json!({
        "canons": cases.len(), "pods": pods.len(), "not_sent": unsent, "not_sent_by_named_grants": named, "only_validated": unmutated, "sent": sent,
        "plain": plain, "limited": limited,
    });
    note("unsent", figures.clone());
    let is_enough =
        pods.len() >= 2000 && unsent >= 300 && named >= 100 && unmutated >= 200 && plain >= 300 && limited >= 100 && sent >= 500;
    assert!(is_enough, "{figures}");
}

/// Returns settings that deny whatever violates a rule.
fn strict(settings: Settings) -> Settings {
    let (enforcement, ungranted_labels, deny) = (Enforcement::Deny, UngrantedLabels::Deny, Action::Deny);
    Settings { enforcement, ungranted_labels, claims: deny, host_network: deny, network_annotations: deny, ..settings }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(object["metadata"]["labels"].clone()).expect("labels")
}
