//! A running `netpol controller`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::harness::api::Api;
use super::super::harness::guard::apply;
use super::super::harness::netpol::{NETPOL, ports};
use super::super::harness::plane::plane;
use super::super::harness::reaper::Process;
use super::super::harness::relay::Relay;
use super::super::harness::wait::until;

/// A controller of one guarded namespace, whose Lease is in it.
pub(in crate::cluster) struct Controller {
    pub(in crate::cluster) process: Process,
    pub(super) admin: Api,
    /// The port of the page of the report.
    pub(super) report: u16,
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
        let kubeconfig = plane().reaper.folder().join("admin.json");
        let controller = Controller::with(&kubeconfig, "abcdesktop", namespace, system, flags);
        until("the controller is ready", || controller.admin.get("/readyz").ok().then_some(()));
        controller
    }

    /// Starts a controller behind a relay, and waits until it leads.
    pub(in crate::cluster) fn behind(relay: &Relay, canon: &str, namespace: &str, flags: &[&str]) -> Controller {
        let controller = Controller::with(&relay.kubeconfig(None), canon, namespace, namespace, flags);
        until("the controller leads", || controller.leads().then_some(()));
        controller
    }

    /// Starts a controller.
    pub(super) fn with(kubeconfig: &Path, canon: &str, namespace: &str, system: &str, flags: &[&str]) -> Controller {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let reaper = &plane().reaper;
        let kubeconfig = kubeconfig.display().to_string();
        let lease = format!("{system}/netpol-controller");
        let mut args = vec!["controller", "--namespace", namespace, "--registration", namespace];
        if !flags.contains(&"--canon") {
            args.extend(["--canon", canon]);
        }
        args.extend(["--lease", &lease, "--kubeconfig", &kubeconfig, "--admin-listen", "127.0.0.1:0", "--log-format", "json"]);
        args.extend(["--report-listen", "127.0.0.1:0"]);
        args.extend(flags);
        let label = format!("{namespace}-controller-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut process = reaper.start(&label, Path::new(NETPOL), &args).expect("netpol starts");
        let (_, port) = until("the controller watches", || {
            assert!(process.ended().is_none(), "it ended: {}", process.tail());
            ports(&process.log, "watching")
        });
        let report = logged(&process.log, "report").expect("the address of the report");
        Controller { process, admin: Api::plain(port), report }
    }

    /// Returns whether it leads.
    pub(super) fn leads(&self) -> bool {
        self.metric("netpol_controller_leader") == Some(1.0)
    }

    /// Returns what `/readyz?verbose` says.
    pub(in crate::cluster) fn state(&self) -> String {
        self.admin.get("/readyz?verbose").body.as_str().unwrap_or_default().to_owned()
    }

    /// Checks that it runs, and that nothing in it panicked.
    #[track_caller]
    pub(super) fn assert_healthy(&mut self) {
        assert!(self.process.ended().is_none(), "it ended: {}", self.process.tail());
        assert!(!self.log().contains("panicked"), "{}", self.log());
        assert!(self.admin.get("/livez").ok());
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

/// Returns the port of an address that the line of the start names.
fn logged(log: &Path, field: &str) -> Option<u16> {
    let text = std::fs::read_to_string(log).ok()?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| line[field].as_str()?.rsplit_once(':')?.1.parse().ok())
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
