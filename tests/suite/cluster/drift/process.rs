//! A running `netpol controller`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::harness::api::Api;
use super::super::harness::guard::apply;
use super::super::harness::netpol::{NETPOL, ports};
use super::super::harness::plane::plane;
use super::super::harness::reaper::Process;
use super::super::harness::wait::until;

/// A controller of one guarded namespace, whose Lease is in it.
pub(super) struct Controller {
    pub(super) process: Process,
    pub(super) admin: Api,
}

impl Controller {
    /// Starts a controller with the rights of an administrator, and waits until it leads.
    pub(super) fn start(namespace: &str, flags: &[&str]) -> Controller {
        Controller::leader(namespace, namespace, flags)
    }

    /// Starts a controller whose Lease is in another namespace.
    pub(super) fn leader(namespace: &str, system: &str, flags: &[&str]) -> Controller {
        let controller = Controller::with_lease(namespace, system, flags);
        until("the controller leads", || controller.metrics().contains("netpol_controller_leader 1").then_some(()));
        controller
    }

    /// Starts a controller and waits until it is ready.
    pub(super) fn follower(namespace: &str, flags: &[&str]) -> Controller {
        Controller::with_lease(namespace, namespace, flags)
    }

    fn with_lease(namespace: &str, system: &str, flags: &[&str]) -> Controller {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let reaper = &plane().reaper;
        let kubeconfig = reaper.folder().join("admin.json").display().to_string();
        let lease = format!("{system}/netpol-controller");
        let mut args = vec!["controller", "--namespace", namespace, "--registration", namespace];
        if !flags.contains(&"--canon") {
            args.extend(["--canon", "abcdesktop"]);
        }
        args.extend(["--lease", &lease, "--kubeconfig", &kubeconfig, "--admin-listen", "127.0.0.1:0", "--log-format", "json"]);
        args.extend(flags);
        let label = format!("{namespace}-controller-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut process = reaper.start(&label, Path::new(NETPOL), &args).expect("netpol starts");
        let (_, port) = until("the controller watches", || {
            assert!(process.ended().is_none(), "it ended: {}", process.tail());
            ports(&process.log, "watching")
        });
        let controller = Controller { process, admin: Api::plain(port) };
        until("the controller is ready", || controller.admin.get("/readyz").ok().then_some(()));
        controller
    }

    /// Returns the metrics as text.
    pub(super) fn metrics(&self) -> String {
        self.admin.get("/metrics").body.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the value of a metric with its labels.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// Returns the log.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.process.log).expect("a log")
    }
}

/// Returns the events about an object, or with an empty name all of the namespace: their reasons and notes.
pub(super) fn events(namespace: &str, name: &str) -> Vec<(String, String)> {
    let listed = plane().api.get(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")).body;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours =
        listed["items"].as_array().into_iter().flatten().filter(|event| event["reportingController"] == "netpol.abcdesktop.io/controller");
    ours.filter(|event| name.is_empty() || event["regarding"]["name"] == name)
        .map(|event| (text(&event["reason"]), text(&event["note"])))
        .collect()
}

/// Waits for an event with a reason about an object, and returns its note.
pub(super) fn event(namespace: &str, name: &str, reason: &str) -> String {
    until(&format!("{reason} of {name}"), || events(namespace, name).into_iter().find(|(found, _)| found == reason).map(|(_, note)| note))
}

/// Installs the CRD of reports, with the fields of openreports.io that are written.
pub(super) fn install_reports() {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "reports.openreports.io"},
        "spec": {
            "group": "openreports.io", "scope": "Namespaced",
            "names": {"kind": "Report", "listKind": "ReportList", "plural": "reports", "singular": "report"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    apply(&crd);
    until("reports are served", || plane().api.get("/apis/openreports.io/v1alpha1").ok().then_some(()));
}
