//! `netpol render install`: what the chart installs with its defaults, for those who have no Helm.
//!
//! `install.yaml` is rendered from the chart and held equal by a test. Namespace, image, flags, canon and the
//! registration take the places of its own.

use std::path::Path;

use anyhow::anyhow;
use serde_json::{Map, Value, json};

use super::print;
use crate::canon::{Canon, Documents};
use crate::cli::exit::{Ended, Failure};
use crate::cli::judge_args::{JudgeArgs, namespace};
use crate::cli::output::{OutputArgs, Streams};
use crate::documents::reading;
use crate::documents::values::set;
use crate::registration::{DEFAULT_NAME, DEFAULT_NAMESPACE, Endpoint, Registration};

/// The chart's objects.
const BASE: &str = include_str!("install.yaml");
/// Where a server finds a canon of one's own.
const CANON_FOLDER: &str = "/etc/netpol/canon";
/// What needs to run before a server can.
const SYSTEM: &str = "kube-system";

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The same as the chart with its defaults: two servers that look after their certificate themselves, what they may do, and the registration.
Who wants more than these flags takes the chart.

Examples:
  Install it, and see as warnings what would be refused:
    netpol render install --image registry.example/netpol:0.1.0 --enforcement warn | kubectl apply -f -

  Take it away, registration first:
    kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration abcdesktop-netpol
    netpol render install | kubectl delete --ignore-not-found -f -")]
pub(super) struct Args {
    #[command(flatten)]
    judge: JudgeArgs,

    /// The namespace of the servers, which is none of the guarded ones.
    #[arg(long, value_name = "NS", default_value = DEFAULT_NAMESPACE, value_parser = namespace)]
    install_namespace: String,

    /// The image of the servers.
    #[arg(long, value_name = "IMAGE", default_value = concat!("abcdesktop-netpol:", env!("CARGO_PKG_VERSION")))]
    image: String,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> Ended {
    let guarded = &args.judge.canon.namespaces;
    if guarded.contains(&args.install_namespace) {
        let own = &args.install_namespace;
        return Err(Failure::input(anyhow!(
            "\"{own}\" is to be guarded and is where the servers run: none could start once all are gone, so give them a namespace of their own with --install-namespace"
        )));
    }
    if guarded.iter().any(|namespace| namespace == SYSTEM) {
        return Err(Failure::input(anyhow!("{SYSTEM} cannot be guarded: the servers need what runs there before they can answer")));
    }
    let documents = Documents::read(&args.judge.canon.canon).map_err(Failure::input)?;
    let canon = Canon::from_documents(&documents, guarded).map_err(Failure::input)?;
    let manifests = manifests(args, &documents, &canon)?;
    print(&manifests, args.output, streams)
}

fn manifests(args: &Args, documents: &Documents, canon: &Canon) -> Result<Vec<Value>, Failure> {
    let base = reading::read("install.yaml", BASE.to_owned()).map_err(|error| Failure::ours(anyhow!(error)))?;
    let own = (!documents.is_built_in()).then(|| config_map(args, documents));
    let registered = Registration {
        canon,
        namespaces: &args.judge.canon.namespaces,
        namespace_controllers: &args.judge.namespace_controllers,
        name: DEFAULT_NAME,
        endpoint: &Endpoint::Service { namespace: args.install_namespace.clone(), name: DEFAULT_NAME.to_owned(), port: 443 },
        authorities: None,
    }
    .manifests();
    let mut manifests = Vec::new();
    for document in base {
        let mut manifest = document.value;
        rename(&mut manifest, &args.install_namespace);
        let is = |kind: &str| manifest.get("kind").and_then(Value::as_str) == Some(kind);
        let (is_deployment, is_namespace) = (is("Deployment"), is("Namespace"));
        let webhooks = registered.iter().find(|registered| registered.get("kind") == manifest.get("kind"));
        if let Some(webhooks) = webhooks.and_then(|registered| registered.get("webhooks")) {
            set(&mut manifest, &["webhooks"], webhooks.clone());
        }
        if is_deployment {
            deploy(&mut manifest, args, own.is_some());
        }
        manifests.push(manifest);
        if is_namespace {
            manifests.extend(own.clone());
        }
    }
    Ok(manifests)
}

/// Writes the namespace wherever the base has its own: in metadata, subjects, and the server's arguments.
fn rename(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text.contains(DEFAULT_NAMESPACE) => *text = text.replace(DEFAULT_NAMESPACE, namespace),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, namespace)),
        Value::Object(map) => map.values_mut().for_each(|item| rename(item, namespace)),
        _ => {}
    }
}

/// The image, and the flags in the places of those that they replace.
fn deploy(deployment: &mut Value, args: &Args, own_canon: bool) {
    let Some(pod) = deployment.pointer_mut("/spec/template/spec") else { return };
    set(pod, &["containers", "0", "image"], Value::from(args.image.as_str()));
    let mut stated = args.judge.flags();
    if own_canon {
        stated.retain(|flag| !flag.starts_with("--canon="));
        stated.push(format!("--canon={CANON_FOLDER}"));
        set(pod, &["volumes"], json!([{"name": "canon", "configMap": {"name": canon_name()}}]));
        let mount = json!([{"name": "canon", "mountPath": CANON_FOLDER, "readOnly": true}]);
        set(pod, &["containers", "0", "volumeMounts"], mount);
    }
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let replaced: Vec<String> = stated.iter().map(|flag| name(flag)).collect();
    if let Some(flags) = pod.pointer_mut("/containers/0/args").and_then(Value::as_array_mut) {
        flags.retain(|flag| flag.as_str().is_some_and(|flag| !replaced.contains(&name(flag))));
        // A variable in an argument is Kubernetes' to replace; none is meant here.
        flags.extend(stated.iter().map(|flag| Value::from(flag.replace("$(", "$$("))));
    }
}

/// The canon as the servers are to mount it.
fn config_map(args: &Args, documents: &Documents) -> Value {
    let name = |name: &str| {
        let file = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_read = [".yaml", ".yml", ".json"].iter().any(|ending| file.ends_with(ending));
        if is_read { file.to_owned() } else { "canon.yaml".to_owned() }
    };
    let data: Map<String, Value> = documents.texts().map(|(file, text)| (name(file), Value::from(text))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": canon_name(), "namespace": args.install_namespace, "labels": {"app.kubernetes.io/name": DEFAULT_NAME}},
        "data": data,
    })
}

fn canon_name() -> String {
    format!("{DEFAULT_NAME}-canon")
}
