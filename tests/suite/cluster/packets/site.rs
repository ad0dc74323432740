//! A site: a node with its network and a real network plugin, and the pods that run on it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::host::{Host, Port, ask, tcp};
use super::node::{Node, has_ipv6};
use super::plugin::Plugin;
use crate::cluster::harness::api::Call;
use crate::cluster::harness::guard::create_namespace;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::reaper::Process;
use crate::cluster::harness::scene::{create, path, pod};
use crate::cluster::harness::wait::{until, within};

/// The port of the canary that is open for the newest generation.
const OPEN: Port = tcp(7);
/// The port of the canary that is never open.
const CLOSED: Port = tcp(9);
/// How long a canary waits for an answer, before it asks again.
const CANARY: Duration = Duration::from_millis(100);

/// How long one pod waits for the answer of another one.
const ANSWER: Duration = Duration::from_millis(500);
/// How long a connection that is allowed may take to open.
const PATIENCE: Duration = Duration::from_secs(20);

const STRATEGIC: &str = "application/strategic-merge-patch+json";
const MERGE: &str = "application/merge-patch+json";

/// A node with a network plugin, its pods and what is outside of the cluster.
pub(super) struct Site {
    /// The name of the node.
    pub(super) name: String,
    /// The pods, and what is outside.
    pub(super) hosts: Vec<Host>,
    /// The ports that every host serves.
    pub(super) ports: Vec<Port>,
    node: Node,
    plugin: Process,
    canary: Canary,
}

/// Two pods in a namespace of their own, that show which changes the plugin has seen.
struct Canary {
    namespace: String,
    client: Option<Host>,
    server: Option<Host>,
    generation: usize,
}

impl Site {
    /// Makes a site whose hosts serve some ports, and waits until the plugin applies policies.
    pub(super) fn new(ports: &[Port]) -> Site {
        Site::with(Plugin::KubeNetworkPolicies, ports)
    }

    /// The same with another plugin.
    pub(super) fn with(plugin: Plugin, ports: &[Port]) -> Site {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        assert!(has_ipv6() || !plugin.has_ipv6(), "these tests send IPv6 packets, and this kernel has no IPv6");
        let index = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("node-{index}");
        plane().api.post("/api/v1/nodes", &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})).expect("a node");
        let mut node = Node::new(index, plugin.has_ipv6()).unwrap_or_else(|error| panic!("a node: {error}"));
        let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": node.address()}]}});
        plane().api.call(&Call::patch(format!("/api/v1/nodes/{name}/status"), STRATEGIC, &status)).expect("the address of a node");
        let namespace = format!("canary-{index}");
        create_namespace(&namespace);
        let [client, server] = ["client", "server"].map(|pod_name| {
            create(&namespace, &pod(pod_name, &[("canary", pod_name)]));
            let host = node.connect_pod(&namespace, pod_name);
            host.serve(&[OPEN, CLOSED]);
            run(&name, &node, &host);
            Some(host)
        });
        let policy = json!({"podSelector": {"matchLabels": {"canary": "server"}}, "policyTypes": ["Ingress"]});
        create(
            &namespace,
            &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "canary"}, "spec": policy}),
        );
        let plugin = plugin.start(&node, &name);
        let canary = Canary { namespace, client, server, generation: 0 };
        let mut site = Site { name, hosts: Vec::new(), ports: ports.to_vec(), node, plugin, canary };
        // Without the plugin, every port is open.
        site.wait_for(CLOSED, false);
        site.settle();
        site
    }

    /// Creates a pod and runs it.
    #[track_caller]
    pub(super) fn create(&mut self, namespace: &str, manifest: &Value) {
        let created = create(namespace, manifest);
        self.run(namespace, created["metadata"]["name"].as_str().expect("a name"));
    }

    /// Runs a pod that exists, as the scheduler and a kubelet do.
    pub(super) fn run(&mut self, namespace: &str, name: &str) {
        let host = self.node.connect_pod(namespace, name);
        host.serve(&self.ports);
        run(&self.name, &self.node, &host);
        self.hosts.push(host);
    }

    /// Connects a host that is outside of the cluster and has these addresses.
    pub(super) fn outside(&mut self, addresses: &[&str]) {
        let host = self.node.connect_outside(addresses);
        host.serve(&self.ports);
        self.hosts.push(host);
    }

    /// Waits until the plugin has seen every change of pods, namespaces and policies that was made before.
    ///
    /// It reads each kind of object in the order of its changes, and applies what it has read. So the last change of each
    /// kind is one that a connection shows: the policy of the canary allows only the newest generation of pods and of namespaces.
    pub(super) fn settle(&mut self) {
        self.canary.generation += 1;
        let generation = format!("g{}", self.canary.generation);
        let namespace = &self.canary.namespace;
        let labels = json!({"metadata": {"labels": {"generation": generation}}});
        let selector = json!({"matchLabels": {"generation": generation}});
        let peer = json!({"namespaceSelector": selector, "podSelector": selector});
        let rules = json!({"spec": {"ingress": [{"from": [peer], "ports": [{"port": 7}]}]}});
        for (path, change) in [
            (format!("/api/v1/namespaces/{namespace}"), &labels),
            (format!("{}/client", path(namespace, "pods")), &labels),
            (format!("{}/canary", path(namespace, "networkpolicies")), &rules),
        ] {
            plane().api.call(&Call::patch(path, MERGE, change)).expect("a change of the canary");
        }
        self.wait_for(OPEN, true);
    }

    /// Waits until a port of the canary answers, or does not.
    fn wait_for(&mut self, port: Port, answers: bool) {
        let (plugin, canary) = (&mut self.plugin, &self.canary);
        until(&format!("the network plugin applies policies on {}", self.name), || {
            assert!(plugin.ended().is_none(), "the network plugin ended: {}", plugin.tail());
            (canary.answers(port) == answers).then_some(())
        });
    }

    /// Returns whether a pod gets an answer from another one, which it may ask for several times: packets get lost on a busy machine.
    pub(super) fn is_open(&self, from: (&str, &str), to: (&str, &str), port: Port) -> bool {
        within(PATIENCE, || connects(self.pod(from), self.pod(to), port, ANSWER).then_some(())).is_some()
    }

    /// Returns whether a pod gets no answer from another one.
    pub(super) fn is_closed(&self, from: (&str, &str), to: (&str, &str), port: Port) -> bool {
        !connects(self.pod(from), self.pod(to), port, ANSWER)
    }

    fn pod(&self, (namespace, name): (&str, &str)) -> &Host {
        let is_it = |host: &&Host| host.pod.as_ref().is_some_and(|pod| *pod == (namespace.to_owned(), name.to_owned()));
        self.hosts.iter().find(is_it).unwrap_or_else(|| panic!("{namespace}/{name} does not run on {}", self.name))
    }
}

impl Canary {
    fn answers(&self, port: Port) -> bool {
        self.client.as_ref().zip(self.server.as_ref()).is_some_and(|(client, server)| connects(client, server, port, CANARY))
    }
}

fn connects(from: &Host, to: &Host, port: Port, time: Duration) -> bool {
    let (source, target) = (from.addresses[0], to.addresses[0]);
    let (sender, receiver) = std::sync::mpsc::channel();
    from.network.runtime().spawn(async move { sender.send(ask(source, target, port, time).await) });
    match receiver.recv().expect("a thread that runs") {
        Ok(name) => {
            assert_eq!(name, to.name(), "somebody else has the address {target}");
            true
        }
        Err(_) => false,
    }
}

/// Binds a pod to its node and publishes its addresses.
fn run(node_name: &str, node: &Node, host: &Host) {
    let (namespace, name) = host.pod.as_ref().expect("a pod");
    let pods = path(namespace, "pods");
    let target = json!({"apiVersion": "v1", "kind": "Node", "name": node_name});
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target});
    let bound = plane().api.call(&Call::new(Method::POST, format!("{pods}/{name}/binding")).json(&binding));
    // A test can bind it itself.
    assert!(bound.ok() || bound.status == 409, "the binding of {name}: {}", bound.message());
    let addresses: Vec<Value> = host.addresses.iter().map(|address| json!({"ip": address})).collect();
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(|kind| json!({"type": kind, "status": "True"}));
    let status = json!({"status": {
        "phase": "Running", "conditions": conditions, "hostIP": node.address(), "hostIPs": [{"ip": node.address()}],
        "podIP": host.addresses[0], "podIPs": addresses,
    }});
    plane().api.call(&Call::patch(format!("{pods}/{name}/status"), STRATEGIC, &status)).expect("the status of a pod");
}
