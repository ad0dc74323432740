//! A registration that is weakened while the servers run: they say it, and the command in the sentence mends it.

use std::process::Command;

use hyper::Method;
use serde_json::{Value, json};

use super::super::harness::api::{Api, Call};
use super::super::harness::netpol::NETPOL;
use super::super::harness::plane::plane;
use super::super::harness::scene::{path, pod};
use super::super::harness::wait::until;
use super::fixture::{Installed, KINDS};

const VALIDATING: &str = KINDS[1];
const STATES: [&str; 7] = ["ok", "missing", "uncovered", "weakened", "ignore", "disagrees", "unknown"];

/// How a registration is weakened: its configurations, which may become none, and what is then said.
struct Weakening {
    change: fn(kind: &str, webhook: &mut Value),
    state: &'static str,
    sentence: &'static str,
}

const WEAKENINGS: [Weakening; 8] = [
    Weakening {
        change: |_, webhook| {
            if webhook["namespaceSelector"]["matchExpressions"][0]["values"] == json!(["watched"]) {
                webhook["namespaceSelector"]["matchExpressions"][0]["values"] = json!(["elsewhere"]);
            }
        },
        state: "uncovered",
        sentence: "does not cover the namespace \"watched\"",
    },
    Weakening {
        change: |_, webhook| webhook["namespaceSelector"]["matchLabels"] = json!({"guarded": "true"}),
        state: "uncovered",
        sentence: "does not cover the namespace \"watched\"",
    },
    Weakening {
        change: |_, webhook| webhook["failurePolicy"] = json!("Ignore"),
        state: "ignore",
        sentence: "has the failurePolicy Ignore instead of Fail",
    },
    Weakening {
        change: |kind, webhook| {
            if kind == VALIDATING && webhook["name"].as_str().expect("a name").starts_with("pod-updates.") {
                webhook["matchConditions"].as_array_mut().expect("conditions").push(json!({"name": "off", "expression": "false"}));
            }
        },
        state: "weakened",
        sentence: "has the match condition \"off\", which netpol does not know",
    },
    Weakening {
        change: |_, webhook| {
            for condition in webhook["matchConditions"].as_array_mut().into_iter().flatten() {
                if condition["name"] == "not-plainly-right" {
                    condition["expression"] = json!("false");
                }
            }
        },
        state: "disagrees",
        sentence: "has another match condition \"not-plainly-right\" than the canons and flags of the servers require",
    },
    Weakening {
        change: |_, webhook| webhook["objectSelector"] = json!({"matchLabels": {"reviewed": "true"}}),
        state: "weakened",
        sentence: "has an objectSelector",
    },
    Weakening {
        change: |_, webhook| webhook["rules"][0]["operations"] = json!(["CONNECT"]),
        state: "weakened",
        sentence: "does not send UPDATE pods",
    },
    Weakening { change: |_, webhook| webhook["matchPolicy"] = json!("Exact"), state: "weakened", sentence: "has the matchPolicy Exact" },
];

fn configuration(kind: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}/watched")
}

/// Changes every webhook of both configurations.
fn weaken(change: fn(&str, &mut Value)) {
    for kind in KINDS {
        until("the registration is changed", || {
            let mut live = plane().api.get(&configuration(kind)).expect("a registration");
            live["webhooks"].as_array_mut().expect("webhooks").iter_mut().for_each(|webhook| change(kind, webhook));
            plane().api.call(&Call::new(Method::PUT, configuration(kind)).json(&live)).ok().then_some(())
        });
    }
}

/// Returns the states in the metrics.
fn states(admin: &Api) -> Vec<&'static str> {
    let metrics = admin.get("/metrics").body.to_string();
    let is_set = |state: &&str| metrics.contains(&format!("netpol_registration{{state=\\\"{state}\\\"}} 1"));
    STATES.into_iter().filter(is_set).collect()
}

fn wait_for(admin: &Api, state: &str) {
    until(&format!("the registration is {state}"), || (states(admin) == [state]).then_some(()));
}

/// Returns the sentences of `/readyz` that have a command, of a server that is ready.
fn sentences(admin: &Api) -> Vec<String> {
    let ready = admin.get("/readyz?verbose");
    assert!(ready.ok(), "it is ready: {:?}", ready.body);
    let text = ready.body.as_str().unwrap_or_default().to_owned();
    text.lines().filter(|line| line.contains("to mend it: ")).map(|line| line.trim_start_matches("- ").to_owned()).collect()
}

/// Runs `netpol certs show` with the flags of the servers.
fn show(installed: &Installed) -> (Option<i32>, String) {
    let secret = format!("{}/{}", installed.system, installed.name);
    let output = Command::new(NETPOL)
        .args(["certs", "show", "--tls-secret", &secret, "--registration", installed.name, "--namespace", installed.name])
        .env_clear()
        .env("KUBECONFIG", plane().reaper.folder().join("admin.json"))
        .output()
        .expect("netpol starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs the command at the end of a sentence.
fn mend(sentence: &str) {
    let (_, command) = sentence.split_once("to mend it: ").expect("a command");
    plane().kubectl.script(plane().reaper.folder(), command, &[]).expect(command);
}

#[test]
fn a_weakened_registration_is_said_until_the_command_in_the_sentence_has_mended_it() {
    let installed = Installed::new("watched");
    installed.register();
    let server = installed.replica();
    let admin = &server.admin;
    wait_for(admin, "ok");
    installed.wait_until_called();
    assert!(admin.get("/readyz").body.to_string().contains("the registration \\\"watched\\\" is complete"));
    assert_eq!(show(&installed).0, Some(0), "{}", show(&installed).1);
    let thief = || plane().api.post(&format!("{}?dryRun=All", path("watched", "pods")), &pod("thief", &[("netpol/mongodb", "true")])).ok();
    assert!(!thief());

    for (number, Weakening { change, state, sentence }) in WEAKENINGS.into_iter().enumerate() {
        weaken(change);
        wait_for(admin, state);
        if number == 0 {
            until("nothing is guarded", || thief().then_some(()));
        }
        // The metric is set a moment before the page.
        let said = until(sentence, || Some(sentences(admin)).filter(|said| said.iter().any(|line| line.contains(sentence))));
        let (code, shown) = show(&installed);
        assert!(code == Some(1) && said.iter().all(|line| shown.contains(line)), "{shown}");
        let log = std::fs::read_to_string(&server.process.log).expect("a log");
        assert!(log.contains(&json!(said[0]).to_string().trim_matches('"').to_owned()), "{log}");
        for line in &said {
            mend(line);
        }
        wait_for(admin, "ok");
    }

    // One configuration is missing, then both: then it is not known whether Helm installed them.
    for kind in KINDS {
        plane().api.call(&Call::new(Method::DELETE, configuration(kind))).expect("a deletion");
        wait_for(admin, "missing");
        // The metric is set a moment before the page.
        let is_said = |said: &Vec<String>| said.len() == 1 && said[0].contains("\"watched\" does not exist");
        let said = until("the page says what is missing", || Some(sentences(admin)).filter(is_said));
        assert_eq!(show(&installed).0, Some(1));
        mend(&said[0]);
        wait_for(admin, "ok");
    }
    for kind in KINDS {
        plane().api.call(&Call::new(Method::DELETE, configuration(kind))).expect("a deletion");
    }
    until("both are missing", || (sentences(admin).len() == 2).then_some(()));
    installed.register();
    wait_for(admin, "ok");

    // The bundle belongs to the certificate, so the state says nothing of it.
    let published = || installed.bundles().iter().all(|bundle| !bundle.is_empty()).then_some(());
    until("the bundle is published", published);
    let patch = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    plane().api.call(&Call::patch(configuration(VALIDATING), "application/json-patch+json", &patch)).expect("the bundle is removed");
    until("the bundle is published again", published);
    assert_eq!(states(admin), ["ok"]);
    installed.wait_until_called();
}
