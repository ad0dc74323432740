//! The page of a running controller, in a real browser.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::{Api, Call};
use super::super::harness::guard::Guard;
use super::super::harness::plane::plane;
use super::super::harness::scene::{create, path, pod};
use super::super::harness::wait::{until, within};
use super::process::Controller;
use crate::report::browser::Browser;
use crate::report::looks::faults;

/// A page is made at most once in this time. Making it may take a while on a busy machine.
const FRESH: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(5);

/// Returns the findings of a section of the page for programs, each as `ID NAME`.
fn findings(report: &Api, section: &str) -> Vec<String> {
    let page = report.get("/report.json").expect("a page");
    let sections = page["cluster"]["sections"].as_array().expect("sections");
    let found = sections.iter().find(|found| found["section"] == section).expect("the section");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found["findings"].as_array().expect("findings").iter().map(|it| format!("{} {}", word(&it["id"]), word(&it["name"]))).collect()
}

#[test]
fn a_drift_is_on_the_page_of_every_process_within_ten_seconds() {
    const SECRET: &str = "s3cret-cookie";
    let name = "drift-page";
    let guard = Guard::start(name, "abcdesktop", &[]);
    let scene = guard.scene();
    scene.given_policies("abcdesktop", &[]);
    let mut directory = pod("directory", &[("run", "openldap-od"), ("cookie", SECRET), ("netpol/dns", "true")]);
    directory["metadata"]["annotations"] = json!({"session": SECRET});
    create(name, &directory);
    create(name, &pod("odd", &[("run", SECRET)]));
    let controller = Controller::start(name, &["--probe-interval", "1s"]);
    let other = Controller::follower(name, &[]);
    let report = Api::plain(controller.report);
    let has_pod = || report.get("/report.json").body["endpoints"].to_string().contains("/Pod/directory").then_some(());
    until("the page has the pod", has_pod);
    assert!(findings(&report, "policies").is_empty(), "no policy drifts");

    let policy = format!("{}/memcached-permits", path(name, "networkpolicies"));
    let wider = json!({"spec": {"egress": [{}]}});
    plane().api.call(&Call::patch(&policy, "application/merge-patch+json", &wider)).expect("a change");
    let drifted = within(FRESH + BUSY, || {
        let found = findings(&report, "policies");
        found.contains(&"policy-drift memcached-permits".to_owned()).then_some(found)
    });
    assert_eq!(drifted.expect("the drift is on the page"), ["policy-drift memcached-permits"]);
    let following = Api::plain(other.report);
    until("the other process sees it", || (!findings(&following, "policies").is_empty()).then_some(()));
    let process = |report: &Api| report.get("/report.json").body["cluster"]["process"].to_string();
    assert!(process(&report).contains("leads in report mode"), "{}", process(&report));
    assert!(process(&following).contains("does not lead"), "{}", process(&following));

    // Only reads of the two paths are answered.
    for (method, path, status) in [
        (Method::GET, "/report", 200),
        (Method::HEAD, "/report", 200),
        (Method::GET, "/metrics", 404),
        (Method::POST, "/report", 405),
        (Method::DELETE, "/report.json", 405),
    ] {
        assert_eq!(report.call(&Call::new(method.clone(), path)).status, status, "{method} {path}");
    }
    let page = report.get("/report").body.as_str().expect("text").to_owned();
    assert!(page.contains("memcached-permits") && page.contains("directory") && !page.contains(SECRET));
    assert!(!report.get("/report.json").body.to_string().contains(SECRET));

    let mut browser = Browser::start();
    let address = format!("http://localhost:{}/report", controller.report);
    let wrong = faults(&mut browser, address.as_str(), "live");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let shown = browser.evaluate("document.getElementById('cluster').parentElement.innerText");
    let shown = shown.as_str().expect("text");
    assert!(shown.contains("policy-drift") && shown.contains("memcached-permits") && shown.contains("leads in report mode"), "{shown}");
    // A name that leads to this machine is not enough.
    let address = format!("http://127.0.0.1.localhost:{}/report", controller.report);
    browser.open(address.as_str());
    let shown = browser.evaluate("document.body.innerText");
    assert!(shown.as_str().is_some_and(|text| text.starts_with("the Host header must be")), "{shown}");
}
