//! The notes that Helm prints after an installation.

use serde_json::{Value, json};

use super::sets::{ALONE, ISOLATING};
use crate::support::helm::{chart, helm};

fn notes(values: &Value) -> String {
    let home = tempfile::tempdir().unwrap();
    let chart = chart().display().to_string();
    let args = ["install", "abcdesktop-netpol", &chart, "--dry-run=client", "--namespace", "netpol-system", "--values", "-"];
    let printed = helm(&args, &values.to_string(), home.path(), None).expect("helm install");
    printed.split_once("\nNOTES:\n").unwrap_or_else(|| panic!("no notes in {printed}")).1.to_owned()
}

const PIN: &str = "--set canon.builtIn=abcdesktop-4.4\n";

#[test]
fn the_canons_are_named_as_people_know_them() {
    for (canon, accepted, flags) in [
        (json!({}), "Accepted canons: abcdesktop, abcdesktop-4.4\n", " --canon abcdesktop --canon abcdesktop-4.4 -\n"),
        (json!({"builtIn": "abcdesktop-4.0"}), "Accepted canon: abcdesktop-4.0\n", " --canon abcdesktop-4.0 -\n"),
        (json!({"name": "desktops", "documents": {"canon.yaml": ALONE}}), "Accepted canon: desktops\n", " --canon canon.yaml -\n"),
        (
            json!({"configMap": {"name": "own-canon", "identityKeys": ["tier"]}, "builtIn": "abcdesktop-4.4"}),
            "Accepted canons: your canon (ConfigMap own-canon), abcdesktop-4.4\n",
            " --canon canon.yaml --canon abcdesktop-4.4 -\n",
        ),
        (
            json!({"documents": {"canon.yaml": ISOLATING}, "builtIn": ["abcdesktop-4.4"]}),
            "Accepted canons: your canon (ConfigMap abcdesktop-netpol-canon-",
            " --canon canon.yaml --canon abcdesktop-4.4 -\n",
        ),
    ] {
        let notes = notes(&json!({"canon": canon}));
        assert!(notes.contains(accepted) && notes.contains(flags), "{canon}: {notes}");
        assert!(!notes.contains("/etc/netpol/canon"), "{notes}");
        let is_own = canon["documents"].is_object() || canon["configMap"].is_object();
        assert_eq!(notes.contains(" > canon.yaml\n"), is_own, "{notes}");
        assert_eq!(notes.contains(PIN), canon == json!({}), "{notes}");
    }
}

#[test]
fn the_audit_log_is_read_where_it_is_written() {
    let warn = |audit: Value| notes(&json!({"verdicts": {"enforcement": "warn"}, "audit": audit}));
    let notes = warn(json!({}));
    assert!(notes.contains("--all-pods --ignore-errors | netpol audit show -\n"), "{notes}");
    let notes = warn(json!({"log": "/var/log/netpol/$(POD_NAME).log", "volume": {"emptyDir": {}}}));
    assert!(notes.contains("exec POD -- /usr/local/bin/netpol audit show /var/log/netpol/POD.log\n"), "{notes}");
}

#[test]
fn a_runbook_without_an_address_is_named() {
    let of = |rule: Value| notes(&json!({"metrics": {"prometheusRule": rule}})).contains("--set metrics.prometheusRule.runbookUrl=");
    assert!(of(json!({"enabled": true})));
    assert!(!of(json!({"enabled": true, "runbookUrl": "https://docs.example/runbook.md"})));
    assert!(!of(json!({"enabled": false})));
}

#[test]
fn the_controller_is_described_as_it_is_installed() {
    let of = |controller: Value| notes(&json!({"controller": controller, "namespaces": ["one", "two"]}));
    let reports = of(json!({}));
    assert!(reports.contains("and only reports it") && reports.contains("--set controller.mode=repair\n"), "{reports}");
    for namespace in ["one", "two"] {
        let events = format!("  kubectl -n {namespace} get events --field-selector reportingComponent=netpol.abcdesktop.io/controller\n");
        assert!(reports.contains(&events), "{reports}");
    }
    let repairs = of(json!({"mode": "repair"}));
    assert!(repairs.contains("and repairs it") && !repairs.contains("--set controller.mode=repair"), "{repairs}");
    let none = of(json!({"enabled": false}));
    assert!(!none.contains("controller") && !none.contains("\n\n\n"), "{none}");
    assert!(!reports.contains("\n\n\n") && !repairs.contains("\n\n\n"), "{reports}");
}

#[test]
fn the_page_of_the_controller_is_reached_by_a_forwarded_port() {
    let of = |enabled: bool| notes(&json!({"controller": {"enabled": enabled}}));
    let command = "kubectl -n netpol-system port-forward deployment/abcdesktop-netpol-controller 8081\n";
    assert!(of(true).contains(command), "{}", of(true));
    assert!(!of(false).contains("port-forward"));
}
