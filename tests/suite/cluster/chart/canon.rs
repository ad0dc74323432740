//! The `ConfigMap` of a canon: a rollout of a broken canon halts, and the servers of the earlier one can restart.

use hyper::Method;
use serde_json::{Value, json};

use super::lifecycle::{Installation, grants, guarded, is_labeled};
use crate::chart::sets::ALONE;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::wait_until_called;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::list;
use crate::cluster::harness::wait::until;

const NAME: &str = "chart-canon";

/// Returns values with a canon that selects desktops.
fn documents(text: &str) -> Value {
    json!({"canon": {"name": "desktops", "documents": {"canon.yaml": text}}})
}

/// Returns the names of the `ConfigMaps` with canons.
fn config_maps() -> Vec<String> {
    let mut names: Vec<String> = list(NAME, "configmaps")
        .iter()
        .filter_map(|map| map["metadata"]["name"].as_str())
        .filter(|name| name.starts_with(&format!("{NAME}-canon-")))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

fn config_map(name: &str) -> Value {
    plane().api.get(&format!("/api/v1/namespaces/{NAME}/configmaps/{name}")).expect("a ConfigMap")
}

/// Returns the pods of the servers that run with a ConfigMap.
fn pods_with(config_map: &str) -> Vec<String> {
    let uses = |pod: &&Value| {
        pod["spec"]["volumes"].as_array().is_some_and(|volumes| volumes.iter().any(|volume| volume["configMap"]["name"] == config_map))
    };
    let names =
        list(NAME, "pods").iter().filter(uses).filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned())).collect::<Vec<_>>();
    names.into_iter().filter(|name| !name.starts_with(&format!("{NAME}-controller-"))).collect()
}

/// Returns the commands of the chart's notes that contain these words.
fn noted(installation: &Installation, words: &str) -> Vec<String> {
    let notes = installation.release.run_in_namespace(&["get", "notes", NAME]).expect("helm get notes");
    let commands: Vec<String> =
        notes.lines().map(str::trim).filter(|line| line.starts_with("kubectl ") && line.contains(words)).map(str::to_owned).collect();
    assert!(!commands.is_empty(), "{notes}");
    commands
}

#[track_caller]
fn run(command: &str) {
    plane().kubectl.script(plane().reaper.folder(), command, &[]).expect(command);
}

#[test]
fn a_rollout_of_a_broken_canon_halts_and_earlier_servers_restart() {
    let installation = Installation::new(NAME, &json!({}));
    let good = ALONE.replace("tier: front", "type: x11server") + "---\n" + &grants();
    installation.release.install(&installation.values(&documents(&good)), &["--wait", "--timeout", "90s"]);
    wait_until_called(NAME, &guarded(NAME), &|| false);
    is_labeled(&guarded(NAME), "first");
    let [first] = config_maps().try_into().expect("one ConfigMap");
    let before = config_map(&first);
    assert_eq!((&before["immutable"], &before["data"]["canon.yaml"]), (&json!(true), &json!(good)));

    // A field that no NetworkPolicy has: the server does not start with it.
    let broken = good.replace("podSelector: {matchLabels: {type: x11server}}", "podSelektor: {}");
    assert_ne!(broken, good);
    let halted = installation.release.run("upgrade", &installation.values(&documents(&broken)), &["--wait", "--timeout", "5s"]);
    assert!(!halted.ok, "{}", halted.out);
    until("a new server refuses the canon", || (!installation.kubelet.unexpected_exits().is_empty()).then_some(()));
    for exit in installation.kubelet.unexpected_exits() {
        assert!(exit.contains("cannot be used") && exit.contains("podSelektor"), "{exit}");
    }
    assert_eq!(config_maps().len(), 2);
    let mut after = config_map(&first);
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["data"].take(), before["data"], "the ConfigMap of the earlier servers is unchanged");

    // The earlier servers serve, and one that is deleted comes up again with its own canon.
    is_labeled(&guarded(NAME), "halted");
    let old = pods_with(&first);
    assert_eq!(old.len(), 2, "{old:?}");
    plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{NAME}/pods/{}", old[0]))).expect("a deletion");
    until("another server with the earlier canon is ready", || {
        let now = pods_with(&first);
        (now.len() == 2 && !now.contains(&old[0]) && installation.forwarder.ready() == 2).then_some(())
    });
    is_labeled(&guarded(NAME), "restarted");

    // And both, as in an outage of their node.
    let gone = pods_with(&first);
    for pod in &gone {
        plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{NAME}/pods/{pod}"))).expect("a deletion");
    }
    until("both servers are others, and ready", || {
        let now = pods_with(&first);
        (now.len() == 2 && !now.iter().any(|pod| gone.contains(pod) || old.contains(pod)) && installation.forwarder.ready() == 2)
            .then_some(())
    });
    is_labeled(&guarded(NAME), "both-restarted");

    // The notes name the way back. With the next canon, they remove the ConfigMaps of the others.
    installation.release.run("rollback", &Value::Null, &["1", "--wait", "--timeout", "90s"]).expect("helm rollback");
    is_labeled(&guarded(NAME), "rolled-back");
    let exits = installation.kubelet.unexpected_exits().len();
    let next = good.replace("role: client", "role: guest");
    installation.upgrade(&documents(&next));
    installation.settle();
    assert_eq!(config_maps().len(), 3);
    for command in noted(&installation, "canon!=") {
        run(&command);
    }
    let [current] = config_maps().try_into().expect("one ConfigMap is left");
    assert_eq!(pods_with(&current).len(), 2);

    // A rollback needs a ConfigMap that was removed: Helm creates it again.
    installation.release.run("rollback", &Value::Null, &["1", "--wait", "--timeout", "90s"]).expect("helm rollback");
    installation.settle();
    assert_eq!(pods_with(&first).len(), 2);
    is_labeled(&guarded(NAME), "rolled-back-again");
    assert_eq!(installation.kubelet.unexpected_exits().len(), exits, "another server failed");

    // What is left after the uninstallation are the ConfigMaps, and the notes say how to remove them.
    let last = noted(&installation, "netpol.abcdesktop.io/canon'");
    installation.release.run("uninstall", &Value::Null, &["--wait", "--timeout", "90s"]).expect("helm uninstall");
    let kept = format!("configmap/{NAME}-canon-");
    until("only the ConfigMaps are left", || installation.left().iter().all(|left| left.starts_with(&kept)).then_some(()));
    assert_eq!(config_maps().len(), 2);
    // They do not prevent another installation.
    installation.release.install(&installation.values(&documents(&next)), &["--wait", "--timeout", "90s"]);
    installation.release.run("uninstall", &Value::Null, &["--wait", "--timeout", "90s"]).expect("helm uninstall");
    for command in last {
        run(&command);
    }
    until(&format!("nothing is left but {:?}", installation.left()), || installation.left().is_empty().then_some(()));
    for namespace in [NAME, &guarded(NAME)] {
        plane().api.call(&Call::new(Method::DELETE, format!("/api/v1/namespaces/{namespace}"))).expect("a deletion");
    }
}
