//! The page, made from the watches.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::super::probe::Results;
use super::super::stores::Shared;
use super::super::{DriftOptions, Mode};
use super::found::sections;
use super::world::World;
use crate::controller::election::Leadership;
use crate::drift::{Memory, NotEvaluated, Plan, Section, Snapshot, plan};
use crate::report::{Input, Live, Rendered, render};
use crate::verdict::Guard;

/// The most bytes of one form of the page.
const MOST_BYTES: usize = 8 << 20;

/// What the page is made from.
#[derive(Debug, Clone)]
pub(in super::super) struct Source {
    /// The watches.
    pub(in super::super) shared: Shared,
    /// The canon and the settings.
    pub(in super::super) guard: Arc<Guard>,
    /// What the controller does.
    pub(in super::super) options: DriftOptions,
    /// The results of the probes.
    pub(in super::super) probes: watch::Receiver<Results>,
    /// Whether this process leads.
    pub(in super::super) leadership: watch::Receiver<Leadership>,
}

/// A page that was made.
#[derive(Debug, Clone)]
pub(super) enum Made {
    /// The page in both forms.
    Page { html: Bytes, json: Bytes },
    /// One of them would have more than [`MOST_BYTES`].
    TooLarge,
}

impl Source {
    /// Makes the page. It may take seconds.
    pub(super) fn page(&self, suspended: Vec<String>) -> Made {
        let time = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let snapshot = self.shared.lock().snapshot();
        // The plan is that of this snapshot, so that all parts of the page are about the same objects.
        let mut planned = plan(&snapshot, &self.guard, self.options.repair, &Memory::default(), self.shared.now());
        let is_leader = self.leadership.borrow().is_leader();
        self.add_probe(&mut planned, is_leader);
        let live = Live { process: self.process(is_leader), sections: sections(&planned), suspended };
        let Rendered { html, json } = page(&snapshot, &self.guard, &live, &time);
        if html.len().max(json.len()) > MOST_BYTES {
            return Made::TooLarge;
        }
        Made::Page { html: html.into(), json: json.into() }
    }

    fn add_probe(&self, planned: &mut Plan, is_leader: bool) {
        let probes = self.probes.borrow();
        let reason = match (probes.word(), self.options.probe_interval.is_zero(), is_leader) {
            (Some(_), ..) => return probes.add_to(planned),
            (None, true, _) => "probes are switched off (--probe-interval)",
            (None, false, true) => "no probe was answered yet",
            (None, false, false) => "only the process that leads probes",
        };
        planned.not_evaluated.push(NotEvaluated { section: Section::Probe, reason: reason.to_owned() });
    }

    fn process(&self, is_leader: bool) -> String {
        let does = match (is_leader, self.options.mode) {
            (true, Mode::Repair) => "it leads, and repairs",
            (true, Mode::Report) => "it leads in report mode, so nothing is repaired",
            (false, _) => "it does not lead, so it acts on nothing",
        };
        format!("Made by {}: {does}", self.options.candidate.identity)
    }
}

/// Returns the page of a snapshot.
fn page(snapshot: &Snapshot, guard: &Guard, live: &Live, time: &str) -> Rendered {
    let canons = &guard.canons;
    let world = World::read(snapshot, canons);
    let namespaces: Vec<&str> = canons.namespaces().collect();
    let about = format!("the cluster as the controller sees it, namespace {}", namespaces.join(", "));
    let manifests: Vec<&serde_json::Value> = world.manifests.iter().collect();
    render(&Input {
        about: &about,
        time,
        policies: &world.policies,
        manifests: &manifests,
        endpoints: &world.shown.endpoints,
        pods: &world.shown.pods,
        canons,
        is_canon: false,
        namespace: namespaces.first().copied().unwrap_or_default(),
        whole: None,
        lint: &world.lint,
        not_evaluated: &world.not_evaluated,
        live: Some(live),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::canon::Canons;
    use crate::drift::{NamespaceObject, PodObject, Pods, PolicyObject, Repair};
    use crate::verdict::settings::Settings;

    const SECRET: &str = "S3cretCookie";

    fn guard() -> Guard {
        let canons = Canons::load(&["abcdesktop".to_owned()], &["desk".to_owned()]).unwrap();
        Guard::new(Arc::new(canons), Arc::new(Settings::default()))
    }

    fn pod(name: &str, labels: &Value) -> PodObject {
        PodObject::read(&json!({"metadata": {"name": name, "uid": name, "resourceVersion": "1", "labels": labels,
            "annotations": {"cookie": SECRET}, "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": SECRET, "uid": SECRET}]}}))
    }

    /// A namespace with the policies of the canon, one of them drifted, and pods.
    fn snapshot(guard: &Guard, pods: Vec<PodObject>) -> Snapshot {
        let canonical = &guard.canons.first().policies("desk").unwrap().by_name;
        let policies = canonical.iter().map(|(name, canonical)| {
            let mut manifest = canonical.manifest.clone();
            manifest["metadata"]["annotations"] = json!({"cookie": SECRET});
            manifest["metadata"]["labels"] = json!({"cookie": SECRET});
            if name == "memcached-permits" {
                manifest["spec"]["egress"] = json!([{}]);
            }
            PolicyObject::read(&manifest)
        });
        let mut snapshot = Snapshot { namespaces: Some(Ok(vec![namespace("desk"), namespace("elsewhere")])), ..Snapshot::default() };
        snapshot.policies.insert("desk".to_owned(), Ok(policies.collect()));
        snapshot
            .pods
            .insert("desk".to_owned(), Ok(Pods { all: pods, on_host_network: Ok(BTreeSet::new()), programs: Ok(BTreeMap::new()) }));
        snapshot
    }

    fn namespace(name: &str) -> NamespaceObject {
        NamespaceObject::read(&json!({"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, "cookie": SECRET}}}))
    }

    fn rendered(snapshot: &Snapshot, guard: &Guard) -> Rendered {
        let planned = plan(snapshot, guard, Repair::default(), &Memory::default(), Duration::ZERO);
        let live = Live { process: "Made by one: it leads".to_owned(), sections: sections(&planned), suspended: Vec::new() };
        page(snapshot, guard, &live, "2026-11-22 16:16:10 UTC")
    }

    #[test]
    fn no_label_value_that_may_be_secret_is_on_the_page() {
        let guard = guard();
        let pods = vec![
            pod("pyos", &json!({"run": "pyos-od", "cookie": SECRET})),
            // The value of a key that policies select by.
            pod("forged", &json!({"run": SECRET, "type": SECRET})),
            pod("odd", &json!({"run": "memcached-od", SECRET: "x", "netpol/memcached": "true"})),
            pod("bare", &Value::Null),
        ];
        let snapshot = snapshot(&guard, pods);
        let Rendered { html, json } = rendered(&snapshot, &guard);
        for shown in [&html, &json] {
            assert!(!shown.contains(SECRET));
            for name in
                ["desk/Pod/pyos", "desk/Pod/forged", "memcached-permits", "policy-drift", "ungranted-label", "Made by one: it leads"]
            {
                assert!(shown.contains(name), "{name}");
            }
        }
        assert!(html.contains("netpol/memcached=true"), "values under netpol/ are shown");
        let data: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(data["cluster"]["sections"][0]["section"], "policies");
        assert_eq!(data["cluster"]["sections"][0]["findings"][0]["name"], "memcached-permits");
    }

    #[test]
    fn what_could_not_be_read_is_said_and_never_shown_as_open() {
        let guard = guard();
        let mut snapshot = snapshot(&guard, vec![pod("pyos", &json!({"run": "pyos-od"}))]);
        snapshot.policies.insert("desk".to_owned(), Err("not allowed".to_owned()));
        let data: Value = serde_json::from_str(&rendered(&snapshot, &guard).json).unwrap();
        assert_eq!(data["connections"], json!([]), "pods without known policies look open");
        assert!(data["notEvaluated"].to_string().contains("the policies of desk: not allowed"), "{}", data["notEvaluated"]);
        assert_eq!(data["cluster"]["sections"][0]["notEvaluated"], json!(["not allowed"]));
    }

    #[test]
    fn ten_thousand_pods_with_different_labels_are_a_page_of_bounded_size() {
        let guard = guard();
        let pod = |number: usize| pod(&format!("pod-{number:05}"), &json!({"run": format!("run-{number}")}));
        let Rendered { html, json } = rendered(&snapshot(&guard, (0..10_000).map(pod).collect()), &guard);
        assert!(html.len().max(json.len()) < MOST_BYTES, "{} {}", html.len(), json.len());
        assert!(json.contains("endpoints are not shown"), "what was left out is said");
    }
}
