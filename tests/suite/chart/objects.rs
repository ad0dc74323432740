//! The objects that the chart renders.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sets::sets;
use crate::support::command::netpol;
use crate::support::helm::{chart, controller, helm, objects, servers, template};

#[test]
fn helm_lint_reports_nothing() {
    let home = tempfile::tempdir().unwrap();
    for (set, values) in sets() {
        let args = ["lint", "--strict", "--namespace", "netpol-system", &chart().display().to_string(), "--values", "-"];
        let ran = helm(&args, &values.to_string(), home.path(), None);
        assert!(ran.ok && !ran.out.contains("[WARNING]"), "{set}: {}{}", ran.out, ran.err);
    }
}

/// Otherwise tools that deploy from Git would report a difference after every rendering.
#[test]
fn the_same_values_render_the_same_bytes() {
    for (set, values) in sets() {
        assert_eq!(template(&values, &[]).expect(set), template(&values, &[]).expect(set), "{set}");
    }
}

/// Returns the objects that are not those of the controller.
fn of_the_servers(objects: Vec<Value>) -> Vec<Value> {
    let name = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/name"].as_str().unwrap_or_default().to_owned();
    objects.into_iter().filter(|object| !name(object).ends_with("-controller")).collect()
}

/// Returns the arguments of the container, as the kubelet passes them to the program.
fn arguments(objects: &[Value]) -> Vec<String> {
    let container = &servers(objects)["spec"]["template"]["spec"]["containers"][0];
    container["args"].as_array().unwrap().iter().map(|argument| expanded(argument.as_str().unwrap())).collect()
}

/// Replaces `$(POD_NAME)` by the name of the pod and `$$` by `$`. The pod has no other variables.
fn expanded(argument: &str) -> String {
    let mut written = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        let (text, length) = if rest.starts_with("$$") {
            ("$", 2)
        } else if rest.starts_with("$(POD_NAME)") {
            ("pod-1", "$(POD_NAME)".len())
        } else {
            assert!(!rest.starts_with("$("), "{argument}: an unknown variable");
            ("$", 1)
        };
        written.push_str(text);
        rest = &rest[length..];
    }
    written + rest
}

/// Returns the flags of a command.
fn flags_of(command: &str) -> BTreeSet<String> {
    let help = netpol(&[command, "--help"]).out;
    // Deeper lines are descriptions.
    help.lines()
        .filter_map(|line| line.strip_prefix("      ").or(line.strip_prefix("  -n, ")).filter(|line| line.starts_with("--")))
        .map(|line| line.split([' ', '=']).next().unwrap().to_owned())
        .filter(|flag| flag != "--help")
        .collect()
}

/// Flags without a value, and the reason.
const UNREACHABLE: [(&str, &str); 1] = [("--self-signed-dir", "the API server would not trust a certificate that a single pod created")];

#[test]
fn every_flag_of_serve_has_a_value() {
    let mut reached = BTreeSet::new();
    for (set, values) in sets() {
        let args = arguments(&objects(&template(&values, &[]).expect(set)));
        assert_eq!(args[0], "serve");
        // The program checks the flags and their values before it prints its help.
        let mut line: Vec<&str> = args.iter().map(String::as_str).collect();
        line.push("--help");
        let ran = netpol(&line);
        assert_eq!(ran.code, 0, "{set}: {args:?}: {}", ran.err);
        reached.extend(args.iter().skip(1).map(|argument| argument.split('=').next().unwrap().to_owned()));
    }
    let flags = flags_of("serve");
    assert!(flags.len() > 25, "{flags:?}");
    let missing: Vec<&String> = flags.iter().filter(|flag| !reached.contains(*flag)).collect();
    assert_eq!(missing, UNREACHABLE.map(|(flag, _)| flag), "a flag of serve without a value in the chart");
}

/// Flags of the controller without a value, and the reason.
const NOT_OF_THE_CONTROLLER: [(&str, &str); 3] = [
    ("--context", "a pod has no kubeconfig"),
    ("--kubeconfig", "a pod has no kubeconfig"),
    ("--report-listen", "kubectl port-forward reaches the default port, and nothing else can"),
];

/// The controller is on by default, and judges as the servers do.
#[test]
fn every_flag_of_the_controller_has_a_value() {
    let mut reached = BTreeSet::new();
    for (set, values) in sets() {
        if values["controller"]["enabled"] == false {
            continue;
        }
        let rendered = objects(&template(&values, &[]).expect(set));
        let container = &controller(&rendered)["spec"]["template"]["spec"]["containers"][0];
        let args: Vec<String> = container["args"].as_array().unwrap().iter().map(|argument| expanded(argument.as_str().unwrap())).collect();
        assert_eq!(args[0], "controller");
        let mut line: Vec<&str> = args.iter().map(String::as_str).collect();
        line.push("--help");
        let ran = netpol(&line);
        assert_eq!(ran.code, 0, "{set}: {args:?}: {}", ran.err);
        let judges = |args: &[String]| -> BTreeSet<String> {
            let own = [
                "--listen",
                "--admin",
                "--tls",
                "--ca-",
                "--leaf",
                "--client",
                "--max",
                "--body",
                "--drain",
                "--audit",
                "--log",
                "--registration",
                "--canon-name",
                "--mode",
                "--repair",
                "--probe",
                "--lease",
            ];
            args.iter().skip(1).filter(|argument| !own.iter().any(|own| argument.starts_with(own))).cloned().collect()
        };
        let of_the_servers = judges(&arguments(&rendered));
        let of_the_controller = judges(&args);
        let missing: Vec<_> = of_the_servers.difference(&of_the_controller).collect();
        assert!(missing.is_empty() && of_the_servers.len() > 10, "{set}: the controller judges differently: {missing:?}");
        reached.extend(args.iter().skip(1).map(|argument| argument.split('=').next().unwrap().to_owned()));
    }
    let flags = flags_of("controller");
    let missing: Vec<&String> = flags.iter().filter(|flag| !reached.contains(*flag)).collect();
    assert_eq!(missing, NOT_OF_THE_CONTROLLER.map(|(flag, _)| flag), "a flag of the controller without a value in the chart");
    let off = objects(&template(&json!({"controller": {"enabled": false}}), &[]).expect("no controller"));
    assert_eq!(off.len(), of_the_servers(off.clone()).len());
    assert!(off.iter().all(|object| !object.to_string().contains("abcdesktop-netpol-controller")), "a rest of the controller");
}

#[test]
fn strings_are_passed_unchanged() {
    let (set, values) = sets().into_iter().find(|(set, _)| *set == "everything").unwrap();
    let args = arguments(&objects(&template(&values, &[]).expect(set)));
    let of = |flag: &str| -> Vec<&str> { args.iter().filter_map(|argument| argument.strip_prefix(flag)?.strip_prefix('=')).collect() };
    for (flag, given) in [
        ("--namespace", &values["namespaces"]),
        ("--plugin-writer", &values["verdicts"]["pluginWriters"]),
        ("--network-annotation", &values["verdicts"]["networkAnnotationKeys"]),
        ("--foreign-kind", &values["verdicts"]["foreignKinds"]),
        ("--namespace-controller", &values["verdicts"]["namespaceControllers"]),
        ("--break-glass-group", &values["verdicts"]["breakGlassGroups"]),
        ("--client-name", &values["tls"]["clientCA"]["names"]),
    ] {
        assert_eq!(Value::from(of(flag)), *given, "{flag}");
    }
    assert_eq!(of("--audit-log"), ["/var/log/netpol/pod-1.jsonl"]);
    assert_eq!((of("--max-connections"), of("--body-budget")), (vec!["1000000"], vec!["134217728"]));
}

#[test]
fn a_server_has_minimal_rights() {
    for (set, values) in sets() {
        let objects = of_the_servers(objects(&template(&values, &["--no-hooks"]).expect(set)));
        let self_managed = values["certificates"]["mode"].as_str().unwrap_or("selfManaged") == "selfManaged";
        let pod = &servers(&objects)["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], self_managed, "{set}");
        let container = &pod["containers"][0];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
        assert!(container["resources"]["limits"]["cpu"].is_null(), "{set}");
        let roles = objects.iter().filter(|object| object["kind"].as_str().unwrap().contains("Role")).count();
        assert_eq!(roles, if self_managed { 4 } else { 0 }, "{set}");
        let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert!(!kinds.contains(&"Secret"), "{set}: the chart renders no private key");
        assert_eq!(kinds.contains(&"Lease"), self_managed, "{set}");
        let policies = kinds.iter().filter(|kind| **kind == "ValidatingAdmissionPolicy").count();
        let enabled = |policy: &str| values["admissionPolicies"][policy] != false;
        assert_eq!(policies, usize::from(enabled("namespaceController")) + usize::from(enabled("secrets") && self_managed), "{set}");
        let namespaced = objects.iter().filter(|object| object["metadata"]["namespace"].is_string());
        assert!(namespaced.clone().all(|object| object["metadata"]["namespace"] == "netpol-system"), "{set}");
    }
}

/// The maximum time that `serve` needs after SIGTERM.
#[test]
fn the_grace_period_is_long_enough_for_a_shutdown() {
    let pod = |values: &Value| {
        let objects = objects(&template(values, &[]).expect("rendered"));
        servers(&objects)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap()
    };
    let limits = netpol::server::Limits::default();
    let ending = limits.drain_delay + limits.farewell + limits.grace + std::time::Duration::from_secs(5);
    assert!(pod(&json!({})) >= ending.as_secs(), "5 s are for the audit log");
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let text = std::fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("\nappVersion: \"{version}\"\n")) && text.contains(&format!("\nversion: {version}\n")), "{text}");
}
