//! Random canons, settings and pods, from a fixed seed.

use std::collections::BTreeMap;

use netpol::canon::{Canon, Canons, Documents};
use netpol::verdict::Settings;
use netpol::verdict::annotations::{BREAK_GLASS, MIRROR, NETWORK};
use netpol::verdict::controllers::{WorkloadController, workload_controllers};
use netpol::verdict::settings::{Action, Enforcement, UngrantedLabels};
use serde_json::{Map, Value, json};

use crate::cluster::harness::scene::pod_spec;

const IDENTITIES: [(&str, [&str; 3]); 4] = [
    ("run", ["pyos-od", "mongodb-od", "router-od"]),
    ("type", ["x11server", "pod_application", ""]),
    ("name", ["abcdesktop-cleaner", "true", "x"]),
    ("example.org/tier", ["Front", "back.end", "x"]),
];
const CAPABILITIES: [&str; 7] = ["ocuser", "dns", "pyos", "mongodb", "x_y", "A.b-c", "ocapplication"];
const VALUES: [&str; 4] = ["true", "True", "", "yes"];
/// Keys that no grant has, some of which the API server rejects when the webhooks have been called.
const ODD_KEYS: [&str; 14] = [
    "netpol/",
    "netpol",
    "netpol//dns",
    "netpol/dns\"",
    "netpol/'dns'",
    "netpol/x~y",
    "Netpol/dns",
    "netpol.example.org/dns",
    " netpol/dns",
    "netpol/\u{1F980}",
    "netpol\\/dns",
    "app",
    "",
    "k8s-app",
];
/// A key that a flag adds.
const GIVEN: &str = "example.org/pool";

/// A source of random numbers: splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("a small number")).expect("a small number")
    }

    /// Returns true in one of `times` cases.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }
}

/// Returns a canon with these grants, and policies that isolate all pods and read the labels of the grants.
pub(super) fn documents(name: &str, grants: &[Value]) -> Documents {
    let keys = grants.iter().flat_map(|grant| grant["labels"].as_object().expect("a map").keys());
    let reads: Vec<Value> = keys.map(|key| json!({"podSelector": {"matchExpressions": [{"key": key, "operator": "Exists"}]}})).collect();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "reads"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{"from": reads}]},
    });
    let set = json!({"apiVersion": "netpol.abcdesktop.io/v1alpha1", "kind": "Grants", "metadata": {"name": "own"}, "grants": grants});
    Documents::from_text(name, &format!("{policy}\n---\n{set}"))
}

/// Returns random accepted canons, mostly one and sometimes two.
pub(super) fn canons(random: &mut Random, namespace: &str) -> Canons {
    let namespaces = [namespace.to_owned()];
    loop {
        let mut first: Vec<Value> = (0..=random.below(6)).map(|number| grant(random, number)).collect();
        if random.once_in(4) {
            // Two grants that select the same pods and give the same labels are two identities.
            let mut twin = random.of(&first).clone();
            twin["name"] = json!("twin");
            first.push(twin);
        }
        let mut all = vec![documents("first", &first)];
        if random.once_in(3) {
            // A canon with some of these grants and another one agrees with the first more often.
            let mut second: Vec<Value> = first.iter().filter(|_| random.below(3) > 0).cloned().collect();
            second.push(grant(random, first.len()));
            all.push(documents("second", &second));
        }
        let compiled: Result<Vec<Canon>, _> = all.iter().map(|documents| Canon::from_documents(documents, &namespaces)).collect();
        let canons = compiled.and_then(|mut canons| {
            let first = canons.remove(0);
            Canons::new(first, canons)
        });
        if let Ok(canons) = canons {
            return canons;
        }
    }
}

/// Returns a grant. Its number decides the value of each label, so that most grants agree.
fn grant(random: &mut Random, number: usize) -> Value {
    let mut expressions = Vec::new();
    for _ in 0..=random.below(2) {
        let (key, values) = random.of(&IDENTITIES);
        let values: Vec<&str> = values.iter().take(1 + random.below(3)).copied().skip(random.below(2)).collect();
        let operator = *random.of(&["In", "In", "In", "In", "NotIn", "Exists", "DoesNotExist"]);
        expressions.push(match operator {
            "In" | "NotIn" if !values.is_empty() => json!({"key": key, "operator": operator, "values": values}),
            "In" | "NotIn" => json!({"key": key, "operator": "Exists"}),
            other => json!({"key": key, "operator": other}),
        });
    }
    if random.once_in(12) {
        expressions.clear();
    }
    let mut labels = Map::new();
    for _ in 0..random.below(4) {
        let position = random.below(CAPABILITIES.len());
        let value = if random.once_in(8) { random.of(&VALUES) } else { &VALUES[position % VALUES.len()] };
        labels.insert(format!("netpol/{}", CAPABILITIES[position]), json!(value));
    }
    let mut grant = json!({
        "name": format!("grant-{number}"), "podSelector": {"matchExpressions": expressions}, "labels": labels, "shared": random.once_in(4),
    });
    limit(random, &mut grant);
    grant
}

/// Returns random settings. All of them have the same registration, unless `given` adds a key.
pub(super) fn settings(random: &mut Random, namespace: &str, given: bool) -> Settings {
    let actions = [Action::Warn, Action::Deny, Action::Allow];
    Settings {
        namespaces: vec![namespace.to_owned()],
        enforcement: *random.of(&[Enforcement::Deny, Enforcement::Warn, Enforcement::Audit]),
        ungranted_labels: *random.of(&[UngrantedLabels::Deny, UngrantedLabels::Strip, UngrantedLabels::Warn]),
        host_network: *random.of(&actions),
        network_annotations: *random.of(&actions),
        claims: *random.of(&actions),
        workload_controllers: if given { vec!["stranger=Rollout".parse().expect("a controller")] } else { workload_controllers() },
        network_annotation_keys: if given { vec![GIVEN.to_owned()] } else { Vec::new() },
        ..Settings::default()
    }
}

/// The user who creates a pod, and the groups of that user.
pub(super) type Requester = (String, Vec<String>);

/// A group whose members have all rights and no claim.
pub(super) const MAKERS: &str = "unsent-makers";

/// A pod as it is sent.
#[derive(Clone)]
pub(super) struct Pod {
    pub(super) requester: Requester,
    /// What a decoder reads.
    pub(super) object: Value,
    /// The body of the request, which may have a label key twice.
    pub(super) body: String,
    /// Whether nothing about it is odd.
    pub(super) is_plain: bool,
    /// How the owners relate to the kinds of the controller that creates it, if it is made for that.
    pub(super) owned: Option<Owned>,
}

/// How the owners of a pod relate to the kinds of the workload controller that creates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owned {
    /// One of these kinds controls the pod.
    Rightly,
    /// Another kind controls it.
    OtherKind,
    /// One of these kinds owns it, and nothing controls it.
    NotControlled,
    /// One of these kinds owns it, and another kind controls it.
    Divided,
}

impl Pod {
    pub(super) fn of(object: Value) -> Pod {
        Pod {
            requester: ("admin".to_owned(), vec!["system:masters".to_owned()]),
            body: object.to_string(),
            object,
            is_plain: false,
            owned: None,
        }
    }

    pub(super) fn labeled(labels: &BTreeMap<String, String>) -> Pod {
        Pod::of(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "labels": labels}, "spec": pod_spec()}))
    }
}

/// Returns a random requester of pods in a namespace: listed or not, a service account, a controller.
fn requester(random: &mut Random, namespace: &str) -> Requester {
    let own = format!("system:serviceaccount:{namespace}:pyos");
    let users = [
        "maker",
        "maker",
        "stranger",
        "stranger",
        own.as_str(),
        own.as_str(),
        "system:serviceaccount:other:pyos",
        "system:serviceaccount:kube-system:replicaset-controller",
        "system:kube-controller-manager",
    ];
    let mut groups = vec![MAKERS.to_owned()];
    if random.once_in(4) {
        groups.push("claimants".to_owned());
    }
    if random.once_in(30) {
        groups.extend((0..120).map(|number| format!("group-{number}")));
    }
    ((*random.of(&users)).to_owned(), groups)
}

/// Adds limits to some grants.
fn limit(random: &mut Random, grant: &mut Value) {
    if random.once_in(3) {
        let all =
            [("users", json!(["maker", "o\"brien"])), ("groups", json!(["claimants"])), ("serviceAccounts", json!(["pyos", "other/pyos"]))];
        let first = random.below(all.len());
        let stated = all.iter().enumerate().filter(|(position, _)| *position == first || random.once_in(3));
        grant["claims"] = stated.map(|(_, (key, list))| ((*key).to_owned(), list.clone())).collect::<Map<_, _>>().into();
    }
    if random.once_in(8) {
        grant["serviceAccountName"] = json!(random.of(&["default", "pyos"]));
    }
    if random.once_in(8) {
        grant["images"] = random.of(&[json!(["registry.example/*"]), json!(["a.b/c", "*/c"]), json!(["a.b/*:1"])]).clone();
    }
}

/// Changes what limits are about: the account, the images and the owners.
fn run_as(random: &mut Random, object: &mut Value) {
    if random.once_in(3) {
        object["spec"]["serviceAccountName"] = json!(random.of(&["pyos", "pyos", "default", "other"]));
    }
    if random.once_in(3) {
        object["spec"]["containers"][0]["image"] = json!(random.of(&["a.b/c", "a.b/c:1", "axb/c", "registry.example/x\ny"]));
    }
    if random.once_in(6) {
        object["spec"]["initContainers"] = json!([{"name": "i", "image": random.of(&["a.b/c:1", "registry.example/c"])}]);
    }
    if random.once_in(3) {
        let kind = random.of(&["ReplicaSet", "ReplicaSet", "Job", "Rollout"]);
        object["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": "owner", "uid": "0c1f6ef8", "controller": !random.once_in(4)}]);
    }
}

/// Returns a random pod. Many have exactly their labels, or all but one.
pub(super) fn pod(random: &mut Random, canons: &Canons) -> Pod {
    let mut labels = identity(random, canons);
    let is_right = random.below(10) < 7;
    if is_right {
        let identity = canons.identify(&labels);
        let mut granted: BTreeMap<String, String> = identity.labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        if identity.is_conflict() {
            // It is granted nothing, and has the labels of all its identities.
            granted.extend(identity.exclusive().flat_map(|grant| grant.labels.clone()));
        }
        labels.extend(granted);
    }
    let changes = if random.once_in(2) { 0 } else { 1 + random.below(2) };
    for _ in 0..changes {
        change(random, &mut labels);
    }
    let mut pod = Pod::labeled(&labels);
    let is_odd = random.once_in(3) && decorate(random, &mut pod.object);
    run_as(random, &mut pod.object);
    pod.requester = requester(random, canons.namespaces().next().expect("a namespace"));
    let has_identity = !labels.is_empty() && canons.identify(&labels).exclusive().next().is_some();
    pod.is_plain = is_right && changes == 0 && !is_odd && has_identity;
    pod.body = pod.object.to_string();
    if random.once_in(8) && !labels.is_empty() {
        // The last one counts, so the pod is the same.
        let (key, _) = *random.of(&labels.iter().collect::<Vec<_>>());
        let twice = format!("\"labels\":{{{}:\"twice\",", json!(key));
        pod.body = pod.body.replace("\"labels\":{", &twice);
    }
    pod
}

/// Returns pods with the labels of another one that a workload controller creates. They differ only in their owners.
pub(super) fn owned(pod: &Pod, controller: &WorkloadController) -> [Pod; 4] {
    let own = &controller.kinds[0];
    let other = ["ReplicaSet", "Job", "Rollout"].into_iter().find(|kind| !controller.kinds.iter().any(|own| own == kind)).expect("a kind");
    let owner = |kind: &str, controls: bool| json!({"apiVersion": "example.org/v1", "kind": kind, "name": kind.to_lowercase(), "uid": format!("uid-{kind}"), "controller": controls});
    let all = [
        (Owned::Rightly, json!([owner(other, false), owner(own, true)])),
        (Owned::OtherKind, json!([owner(other, true)])),
        (Owned::NotControlled, json!([owner(own, false)])),
        (Owned::Divided, json!([owner(own, false), owner(other, true)])),
    ];
    all.map(|(owned, owners)| {
        let mut object = pod.object.clone();
        object["spec"] = pod_spec();
        object["metadata"]["ownerReferences"] = owners;
        let requester = (controller.user.clone(), vec![MAKERS.to_owned()]);
        Pod { requester, body: object.to_string(), object, is_plain: true, owned: Some(owned) }
    })
}

/// Returns labels outside `netpol/`, and tries to find some that a grant selects.
fn identity(random: &mut Random, canons: &Canons) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for _ in 0..6 {
        labels.clear();
        for (key, values) in &IDENTITIES {
            if random.once_in(2) {
                labels.insert((*key).to_owned(), (*random.of(values)).to_owned());
            }
        }
        let identity = canons.identify(&labels);
        if identity.exclusive().next().is_some() && (!identity.is_conflict() || random.once_in(3)) {
            break;
        }
    }
    labels
}

fn change(random: &mut Random, labels: &mut BTreeMap<String, String>) {
    let capabilities: Vec<String> = labels.keys().filter(|key| key.starts_with("netpol/")).cloned().collect();
    match random.below(6) {
        0 | 1 if !capabilities.is_empty() => {
            labels.remove(random.of(&capabilities));
        }
        2 if !capabilities.is_empty() => {
            labels.insert(random.of(&capabilities).clone(), (*random.of(&VALUES)).to_owned());
        }
        0..=3 => {
            labels.insert(format!("netpol/{}", random.of(&CAPABILITIES)), (*random.of(&VALUES)).to_owned());
        }
        4 => {
            labels.insert((*random.of(&ODD_KEYS)).to_owned(), (*random.of(&VALUES)).to_owned());
        }
        _ => {
            let (key, values) = random.of(&IDENTITIES);
            labels.insert((*key).to_owned(), (*random.of(values)).to_owned());
        }
    }
}

/// Changes something other than labels. Returns whether the pod may now be sent because of it.
fn decorate(random: &mut Random, object: &mut Value) -> bool {
    match random.below(9) {
        0 => {
            object["spec"]["hostNetwork"] = json!(true);
            object["spec"]["containers"][0]["ports"] = json!([]);
        }
        1 => object["metadata"]["annotations"] = json!({*random.of(NETWORK): random.of(&VALUES)}),
        2 => object["metadata"]["annotations"] = json!({MIRROR: random.of(&VALUES)}),
        3 => object["metadata"]["annotations"] = json!({GIVEN: random.of(&VALUES)}),
        4 => {
            let labels = object["metadata"]["labels"].as_object_mut().expect("a map");
            labels.extend((0..random.below(200)).map(|number| (format!("label-{number}"), json!("x"))));
        }
        5 => {
            object["metadata"]["annotations"] = json!({BREAK_GLASS: "x", "note": "\"'", MIRROR.to_uppercase(): "x"});
            return false;
        }
        6 => {
            object["metadata"]["labels"] = Value::Null;
            object["metadata"]["annotations"] = Value::Null;
        }
        7 => {
            object["metadata"]["name"] = json!("");
            object["metadata"]["generateName"] = json!("made-");
            return false;
        }
        _ => {
            object["spec"]["hostNetwork"] = random.of(&[json!(false), Value::Null]).clone();
            object["metadata"]["deletionTimestamp"] = json!("2001-01-01T00:00:00Z");
            return false;
        }
    }
    true
}
