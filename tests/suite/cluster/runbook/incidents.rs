//! The incidents, one after the other on the same release.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::on_call::{GUARDED, OnCall, SYSTEM};
use crate::chart::alerts::{Selector, alerts, selectors};
use crate::cluster::harness::api::Call;
use crate::cluster::harness::pki::Authority;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::{create, get, list, path, pod, pod_spec};
use crate::cluster::harness::wait::until;

/// What commands contain that cannot run here, and why.
const CANNOT_RUN: [(&str, &str); 6] = [
    (" logs ", "no kubelet serves logs"),
    (" exec ", "no kubelet runs commands in containers"),
    ("port-forward", "no kubelet forwards ports"),
    ("localhost:8080/readyz", "no kubelet forwards ports"),
    ("services/https:abcdesktop-netpol:443/proxy", "the API server has no addresses of pods"),
    ("describe certificate", "cert-manager does not run"),
];

const WORKS: &str = "denied the request: pod \"triage\" has label netpol/triage, which no grant allows";
const FAILS: &str = "failed calling webhook";
const UNGUARDED: &str = "pod/triage created (server dry run)";
const RELEASE: &str = "abcdesktop-netpol";

#[test]
fn every_command_of_the_runbook_runs_or_has_a_reason() {
    let on_call = OnCall::new();
    installation(&on_call);
    no_server(&on_call);
    what_came_meanwhile(&on_call);
    controller(&on_call);
    refused_pod(&on_call);
    unreachable_service(&on_call);
    certificates(&on_call);
    weakened_registration(&on_call);
    broken_canon(&on_call);
    break_glass(&on_call);
    release_upgrade(&on_call);
    upgrade_and_rollback(&on_call);
    unreachable_webhook(&on_call);
    uninstallation(&on_call);
    let unproven = on_call.book.unproven(&CANNOT_RUN);
    assert!(unproven.is_empty(), "commands of docs/runbook.md that neither run here nor are listed with a reason: {unproven:#?}");
}

const TAKING_OUT: &str = "disabling-the-guard-and-enabling-it-again";

fn installation(on_call: &OnCall) {
    on_call.run(TAKING_OUT, "helm install");
    on_call.triage(WORKS);
    assert!(on_call.run("runbook", "jsonpath").contains("--canon=abcdesktop-4.4"));
    on_call.shell("netpol render policies --canon abcdesktop-4.4 | kubectl apply -f -").expect("the policies of abcdesktop");
    // Violations become warnings, and denials again.
    on_call.run(TAKING_OUT, "verdicts.enforcement=warn");
    on_call.triage(UNGUARDED);
    on_call.run(TAKING_OUT, "verdicts.enforcement=deny");
    on_call.triage(WORKS);
}

fn scale(replicas: u32) {
    let patch = json!({"spec": {"replicas": replicas}});
    let path = format!("{}/{RELEASE}", path(SYSTEM, "deployments"));
    plane().api.call(&Call::patch(path, "application/merge-patch+json", &patch)).expect("a scaled Deployment");
}

/// Without servers nothing can be created. The registration is removed, and put back with the servers.
fn no_server(on_call: &OnCall) {
    scale(0);
    on_call.triage(FAILS);
    on_call.run("nothing-can-be-created", "get pods");
    on_call.run("nothing-can-be-created", "get events");
    on_call.run("registered-but-no-server", "get deployment");
    on_call.run("registered-but-no-server", "helm -n netpol-system status");
    assert_counted("NetpolCallsFail");
    assert_counted("NetpolFailedOpen");
    on_call.run("the-api-server-cannot-reach-the-webhook", "--raw /metrics");

    on_call.run("emergency-remove-the-registration", "kubectl delete");
    on_call.triage(UNGUARDED);
    let found = on_call.finds("netpolprobefails", "--section probe");
    assert!(found.contains("it admits a policy that every server denies"), "{found}");
    meanwhile();

    on_call.run("registered-but-no-server", "kubectl -n netpol-system scale");
    on_call.run("registered-but-no-server", "rollout status");
    put_back(on_call);
    // A restart, which was not needed here.
    on_call.run("nothing-can-be-created", "rollout restart");
    on_call.run("nothing-can-be-created", "rollout status");
    on_call.triage(WORKS);
}

/// Checks that the selectors of an alert about calls select a counter of the real API server.
#[track_caller]
fn assert_counted(alert: &str) {
    let text = plane().api.get("/metrics").body;
    assert_selected(alert, &[text.as_str().expect("metrics are text").to_owned()]);
}

#[track_caller]
fn assert_selected(alert: &str, metrics: &[String]) {
    let alerts = alerts(None);
    let alert = alerts.iter().find(|found| found["alert"] == alert).unwrap_or_else(|| panic!("no alert {alert}"));
    for selector in selectors(alert["expr"].as_str().expect("an expression")) {
        assert!(is_selected(&selector, metrics), "{selector:?} selects nothing");
    }
}

fn is_selected(selector: &Selector, metrics: &[String]) -> bool {
    metrics.iter().flat_map(|text| text.lines()).any(|line| line.starts_with(&selector.metric) && selector.selects(line))
}

fn put_back(on_call: &OnCall) {
    on_call.run("put-the-registration-back", "rollout status");
    on_call.run("put-the-registration-back", "helm -n netpol-system get manifest");
    on_call.run_until_ok("put-the-registration-back", "netpol certs show");
    on_call.triage(WORKS);
}

/// What users do while nothing is guarded.
fn meanwhile() {
    for name in ["mongodb-permits", "memcached-rights"] {
        plane().api.call(&Call::new(Method::DELETE, format!("{}/{name}", path(GUARDED, "networkpolicies")))).expect("a deletion");
    }
    let open = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "ingress": [{}]}});
    create(GUARDED, &open);
    create(GUARDED, &pod("thief", &[("app", "thief"), ("netpol/mongodb", "true")]));
    create(GUARDED, &pod("desktop", &[("type", "x11server")]));
    create(GUARDED, &thieves());
}

fn thieves() -> Value {
    let template = json!({"metadata": {"labels": {"app": "thieves", "netpol/mongodb": "true"}}, "spec": pod_spec()});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "thieves"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "thieves"}}, "template": template}})
}

const MEANWHILE: &str = "find-what-was-created-or-changed-in-the-meantime";

fn what_came_meanwhile(on_call: &OnCall) {
    drift(on_call);
    let found = on_call.finds(MEANWHILE, "get networkpolicies");
    for line in [
        "policy-missing: NetworkPolicy \"mongodb-permits\"",
        "policy-missing: NetworkPolicy \"memcached-rights\"",
        "extra-policy: NetworkPolicy \"open\"",
    ] {
        assert!(found.contains(line), "{line} is not in {found}");
    }
    let restore = on_call.book.take(MEANWHILE, "netpol render policies");
    assert!(found.contains(&format!("to restore them: {restore}\n")), "{restore} is not in {found}");
    on_call.run(MEANWHILE, "netpol render policies");
    on_call.try_with(MEANWHILE, "delete networkpolicy", &[("POLICY", "open")]).expect("the extra policy is deleted");
    let clean = on_call.run(MEANWHILE, "get networkpolicies");
    assert!(clean.contains("clean: 27 of 27"), "{clean}");

    let found = on_call.finds(MEANWHILE, "get pods -o yaml");
    assert!(found.contains("ungranted-label: Pod \"thief\"") && found.contains("pod-lacks-label: Pod \"desktop\""), "{found}");
    let found = on_call.try_run(MEANWHILE, "get deployments,");
    assert!(!found.ok && found.stdout.contains("workload-template: Deployment \"thieves\""), "{}", found.stdout);
    assert!(on_call.run(MEANWHILE, "--sort-by").contains("thief"));
    on_call.try_with(MEANWHILE, "delete pod", &[("POD", "thief")]).expect("the pod is deleted");
    // Other tests have neighbor namespaces.
    let found = on_call.try_run(MEANWHILE, "kubectl get namespaces");
    assert!(found.stdout.contains("clean: "), "{}{}", found.stdout, found.stderr);
    assert!(on_call.run(MEANWHILE, "networkpolic\n").contains("networkpolicies.networking.k8s.io"));
    on_call.run(MEANWHILE, "xargs -r kubectl get");
}

/// The controller finds what came meanwhile, and says so in events and metrics.
fn drift(on_call: &OnCall) {
    let section = "netpoldrift";
    until("events name what is wrong", || {
        let events = on_call.run(section, "reportingComponent");
        (events.contains("PolicyMissing") && events.contains("mongodb-permits") && events.contains("PodNotLabeled")).then_some(())
    });
    assert_selected("NetpolDrift", &on_call.kubelet.controller_metrics());
    let found = on_call.finds(section, "--section policies,pods");
    for id in ["memcached-rights", "\"open\"", "\"thief\"", "\"desktop\""] {
        assert!(found.contains(id), "{id} is not in {found}");
    }
}

/// The controller leads, is restarted, and leads again.
fn controller(on_call: &OnCall) {
    let section = "netpolnocontroller";
    let pods = on_call.run(section, "get pods");
    assert!(pods.contains("abcdesktop-netpol-controller-"), "{pods}");
    let holder = on_call.run(section, "get lease");
    assert!(holder.split_once('\t').is_some_and(|(holder, _)| !holder.is_empty()), "{holder}");
    on_call.run("netpolrepairsuspended", "reason=RepairSuspended");
    on_call.run("netpolrepairsuspended", "rollout restart");
    on_call.run("netpolrepairsuspended", "rollout status");
    until("another process leads", || {
        let now = on_call.run(section, "get lease");
        (now.split('\t').next() != holder.split('\t').next() && !now.starts_with('\t')).then_some(())
    });
    let everything = on_call.try_run("netpolnotevaluated", "--output short");
    assert!(!everything.stdout.contains("not evaluated"), "{}{}", everything.stdout, everything.stderr);
}

/// The Deployment from before: its pod from before is deleted, and the next one is refused.
fn refused_pod(on_call: &OnCall) {
    let path = format!("{}?labelSelector=app%3Dthieves", path(GUARDED, "pods"));
    plane().api.call(&Call::new(Method::DELETE, path).json(&json!({"gracePeriodSeconds": 0}))).expect("a deletion");
    until("the event has the message of the denial", || {
        let events = on_call.run("a-pod-is-refused", "reason=FailedCreate");
        let reason = "has label netpol/mongodb, which no grant allows for this pod";
        (events.contains("thieves") && events.contains("denied the request") && events.contains(reason)).then_some(())
    });
    let review = on_call.try_with("a-pod-is-refused", "netpol review", &[("DEPLOYMENT", "thieves")]);
    assert!(review.stdout.contains("workload-template"), "{}", review.stdout);
    let path = format!("{}/thieves", crate::cluster::harness::scene::path(GUARDED, "deployments"));
    plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
}

/// The desktop from before has no labels. The cure in the finding adds them.
fn unreachable_service(on_call: &OnCall) {
    let section = "a-pod-cannot-reach-a-service";
    let found = on_call.finds(section, "get pods");
    let cure = found.lines().find_map(|line| line.split_once("To add them: ")).unwrap_or_else(|| panic!("no cure in {found}")).1;
    on_call.shell(cure).expect(cure);
    on_call.run(section, "get pods");
    on_call.run(section, "get networkpolicies");
    assert_eq!(on_call.run(section, "netpol render policies").matches("kind: NetworkPolicy").count(), 2);
    on_call.run(section, "get namespaces");
    on_call.run("who-did-what", "--show-managed-fields");
}

const CERTIFICATES: &str = "certificate-expired-or-wrong-ca";

fn certificates(on_call: &OnCall) {
    // Another CA in the registration, which the servers may no longer write.
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{RELEASE}");
    plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    until("the servers may not write", || {
        let user = format!("system:serviceaccount:{SYSTEM}:{RELEASE}");
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": user, "resourceAttributes":
            {"group": "admissionregistration.k8s.io", "resource": "validatingwebhookconfigurations", "name": RELEASE, "verb": "patch"}}});
        (plane().api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).body["status"]["allowed"] == false).then_some(())
    });
    let foreign = BASE64.encode(Authority::new("foreign").expect("an authority").pem);
    registration(|webhook| webhook["clientConfig"]["caBundle"] = Value::from(foreign.clone()));
    on_call.logged("not allowed to");
    let found = on_call.finds(CERTIFICATES, "netpol certs show");
    assert!(found.contains(&format!("ValidatingWebhookConfiguration \"{RELEASE}\"")), "{found}");
    // The API server keeps an open connection, but opens another one for the new CA.
    on_call.triage("x509: certificate signed by unknown authority");
    put_back(on_call);

    // A new certificate on request.
    let certificate = || get(SYSTEM, "secrets", "abcdesktop-netpol-tls")["data"]["tls.crt"].clone();
    let before = certificate();
    on_call.run(CERTIFICATES, "netpol.abcdesktop.io/renew=leaf");
    until("the certificate is renewed", || (certificate() != before).then_some(()));
    // A Secret of another tool.
    let foreign = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "another"}}});
    let secret = format!("/api/v1/namespaces/{SYSTEM}/secrets/abcdesktop-netpol-tls");
    plane().api.call(&Call::patch(&secret, "application/merge-patch+json", &foreign)).expect("a patch");
    on_call.logged("is not managed by netpol");
    on_call.run(CERTIFICATES, "delete secret");
    until("the servers create a Secret", || {
        let reply = plane().api.get(&secret);
        (reply.body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "netpol").then_some(())
    });
    on_call.run_until_ok(CERTIFICATES, "netpol certs show");
    on_call.triage(WORKS);
    let writers = on_call.run("netpolunknownca", "managedFields");
    let names: BTreeSet<&str> = writers.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
    assert_eq!(names, BTreeSet::from(["helm", "netpol-certificates"]), "{writers}");
}

/// Changes every webhook of the registration.
fn registration(change: impl Fn(&mut Value)) {
    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}/{RELEASE}");
        until("the registration is changed", || {
            let mut live = plane().api.get(&path).expect("a registration");
            live["webhooks"].as_array_mut().expect("webhooks").iter_mut().for_each(&change);
            plane().api.call(&Call::new(Method::PUT, &path).json(&live)).ok().then_some(())
        });
    }
}

fn weakened_registration(on_call: &OnCall) {
    let section = "servers-but-not-registered";
    on_call.run(section, "kubectl get validatingwebhookconfiguration,");
    let same = on_call.run(section, "kubectl diff");
    assert_eq!(same, "", "the release is as Helm installed it");
    registration(|webhook| webhook["failurePolicy"] = Value::from("Ignore"));
    on_call.logged("to mend it");
    let found = on_call.finds("netpolregistrationweakened", "--section registration");
    assert!(found.contains("failurePolicy"), "{found}");
    until("an event says it", || {
        on_call.run("netpolregistrationweakened", "reason=RegistrationWeakened").contains("failurePolicy").then_some(())
    });
    assert_selected("NetpolRegistrationWeakened", &on_call.kubelet.controller_metrics());
    assert_selected("NetpolRegistrationWeakened", &on_call.forwarder.metrics());
    let found = on_call.finds(section, "kubectl diff");
    assert!(found.contains("-  failurePolicy: Ignore") && found.contains("+  failurePolicy: Fail"), "{found}");
    assert!(on_call.run(section, "--show-managed-fields").contains("manager: netpol-certificates"));
    // As the section says.
    let mut again = on_call.book.take("put-the-registration-back", "helm -n netpol-system get manifest");
    again.push_str(" --force-conflicts");
    on_call.shell(&again).expect(&again);
    assert_eq!(on_call.run(section, "kubectl diff"), "");
}

fn broken_canon(on_call: &OnCall) {
    let section = "broken-canon";
    let broken =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: all}\nspec: {podSelector: {}, policyTypes: [Outwards]}\n";
    fs::write(on_call.folder.join("canon.yaml"), broken).expect("a canon");
    on_call
        .shell("helm upgrade abcdesktop-netpol charts/abcdesktop-netpol -n netpol-system --reset-then-reuse-values --set-file 'canon.documents.canon\\.yaml=canon.yaml'")
        .expect("an upgrade that does not wait");
    let exit = until("a new server ends", || on_call.kubelet.unexpected_exits().into_iter().next());
    assert!(
        exit.contains("canon.yaml, document 1 (NetworkPolicy \"all\"), spec.policyTypes[0]: ") && exit.contains("cannot be used: "),
        "{exit}"
    );
    on_call.triage(WORKS);
    copied_canon(on_call, broken);
    on_call.run(section, "get pods");
    on_call.run(section, "history");
    on_call.run(section, "rollback");
    on_call.triage(WORKS);
    let found = on_call.finds(section, "netpol render registration");
    assert!(found.contains("canon.yaml, document 1 (NetworkPolicy \"all\"), spec.policyTypes[0]: "), "{found}");
}

/// The canon is copied from the ConfigMap that the Deployment mounts.
fn copied_canon(on_call: &OnCall, canon: &str) {
    let file = on_call.folder.join("canon.yaml");
    fs::remove_file(&file).expect("the canon that was installed");
    let printed = on_call.run("runbook", "jsonpath");
    let name = printed.lines().last().unwrap_or_default();
    on_call.try_with("runbook", "to_entries", &[("CONFIGMAP", name)]).expect("the canon is copied");
    let copied = fs::read_to_string(file).expect("a canon");
    assert_eq!(copied.trim_end(), format!("---\n{canon}").trim_end());
}

fn break_glass(on_call: &OnCall) {
    let section = "break-glass";
    assert!(on_call.run(section, "whoami").contains("system:masters"));
    on_call.try_with(section, "breakGlassGroups", &[("GROUP", "system:masters")]).expect("a group");
    on_call.settle();
    let change = on_call.try_run(section, "patch networkpolicy");
    assert!(change.ok && change.stderr.contains("Warning: admin used the break-glass annotation"), "{}", change.stderr);
    assert_selected("NetpolBreakGlass", &on_call.forwarder.metrics());
    // Without a reason for it, the deletion is refused, and the message says how.
    let [annotate, delete] = ["annotate networkpolicy", "delete networkpolicy"].map(|words| on_call.book.take(section, words));
    let refused = on_call.shell(&delete);
    assert!(!refused.ok && refused.stderr.contains(&format!("{annotate} && {delete}")), "{}", refused.stderr);
    on_call.run(section, "annotate networkpolicy");
    on_call.run(section, "delete networkpolicy");

    let section = "end-it";
    assert_eq!(on_call.run(section, "jsonpath"), "memcached-permits\n");
    let found = on_call.finds(section, "netpol check");
    assert!(found.contains("policy-drift: NetworkPolicy \"memcached-permits\""), "{found}");
    assert!(found.contains("policy-missing: NetworkPolicy \"speedtest-permits\""), "{found}");
    on_call.run(section, "netpol render policies");
    on_call.run(section, "annotate networkpolicy");
    on_call.run(section, "netpol check");
    assert_eq!(on_call.run(section, "jsonpath"), "");
    on_call.run(section, "breakGlassGroups");
    on_call.settle();
    let again = on_call.try_run("break-glass", "patch networkpolicy");
    assert!(!again.ok && again.stderr.contains("denied the request"), "{}", again.stderr);
}

fn release_upgrade(on_call: &OnCall) {
    let section = "a-release-upgrade-of-abcdesktop";
    // The namespace of a release 4.0.
    on_call.run("emergency-remove-the-registration", "kubectl delete");
    on_call.triage(UNGUARDED);
    on_call.shell("kubectl -n abcdesktop delete networkpolicies --all").expect("no policies");
    on_call.shell("netpol render policies --canon abcdesktop-4.0 | kubectl apply -f -").expect("the policies of 4.0");
    put_back(on_call);

    on_call.run(section, "{abcdesktop-4.4,abcdesktop-4.0}");
    on_call.settle();
    let found = on_call.run(section, "--canon abcdesktop-4.0 -");
    assert!(found.contains("note, other-canon: NetworkPolicy \"speedtest-permits\"") && found.contains("clean: 27 of 27"), "{found}");
    on_call.run(section, "netpol render policies");
    on_call.run(section, "check --canon abcdesktop-4.4 -\n");
    on_call.run(section, "{abcdesktop-4.4}'");
    on_call.triage(WORKS);
    assert!(!list(GUARDED, "networkpolicies").is_empty());
}

fn upgrade_and_rollback(on_call: &OnCall) {
    let section = "upgrade-rollback-uninstall";
    assert!(on_call.run(section, "helm -n netpol-system list").contains("abcdesktop-netpol-"), "the version of the chart");
    on_call.run(section, "helm upgrade");
    on_call.run(section, "history");
    on_call.run(section, "rollback");
    on_call.run(section, "test");
    on_call.triage(WORKS);
}

fn unreachable_webhook(on_call: &OnCall) {
    let section = "the-api-server-cannot-reach-the-webhook";
    on_call.run(section, "endpointslices");
    on_call.run(section, "networkPolicy.enabled=false");
    on_call.run(section, "ports.webhook=10250");
    on_call.run(section, "hostNetwork");
    on_call.run("nothing-can-be-created", "rollout status");
    on_call.triage(WORKS);
}

fn uninstallation(on_call: &OnCall) {
    let kept = on_call.shell("kubectl -n netpol-system get configmaps -o name").expect("ConfigMaps");
    assert!(kept.contains("abcdesktop-netpol-canon-"), "{kept}");
    on_call.run("upgrade-rollback-uninstall", "uninstall");
    on_call.run("upgrade-rollback-uninstall", "delete configmap");
    let left = on_call.shell("kubectl -n netpol-system get configmaps -o name").expect("ConfigMaps");
    assert!(!left.contains("abcdesktop-netpol-canon-"), "{left}");
    on_call.triage(UNGUARDED);
    until("no server is left", || list(SYSTEM, "pods").is_empty().then_some(()));
}
