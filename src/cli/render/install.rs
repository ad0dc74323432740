//! `netpol render install`: prints what the chart installs with its defaults, for installations without Helm.
//!
//! `install.yaml` is rendered from the chart; a test keeps it up to date. This command replaces its namespace,
//! image, flags, canon and webhooks.

use std::path::Path;

use anyhow::anyhow;
use serde_json::{Map, Value, json};

use super::print::print;
use super::send::SendArgs;
use crate::canon::{Canons, Documents, ForeignResource};
use crate::cli::choices::word;
use crate::cli::exit::{CommandResult, Failure};
use crate::cli::judge_args::JudgeArgs;
use crate::cli::output::{OutputArgs, Streams};
use crate::cli::parse::namespace;
use crate::controller::drift::Mode;
use crate::documents::reading;
use crate::documents::values::set;
use crate::registration::{DEFAULT_NAME, DEFAULT_NAMESPACE, Endpoint, Registration, by_namespace_controller, in_namespaces};
use crate::verdict::foreign::GivenKind;

/// The objects of the chart.
const BASE: &str = include_str!("install.yaml");
/// The folder in the container for a canon that is not built in.
const CANON_FOLDER: &str = "/etc/netpol/canon";
/// The end of the names of the controller's objects.
const CONTROLLER: &str = "-controller";
/// The namespace of the pods that the servers need to start.
const SYSTEM: &str = "kube-system";

/// The arguments of `render install`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The output is the same as from the Helm chart with its defaults: a Deployment of
two servers that manage their own certificate, a Deployment of the drift controller,
their permissions, and the webhook configurations. For more settings than these flags, use
the chart.

Examples:
  Install netpol, and report violations as warnings:
    netpol render install --image registry.example/netpol:0.1.0 --enforcement warn |
      kubectl apply -f -

  Let the controller repair what it finds:
    netpol render install --controller-mode repair | kubectl apply -f -

  Uninstall netpol, the webhook configurations first:
    kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration abcdesktop-netpol
    netpol render install | kubectl delete --ignore-not-found -f -")]
pub(super) struct Args {
    #[command(flatten)]
    judge: JudgeArgs,

    /// Namespace for the servers; it must not be guarded.
    #[arg(long, value_name = "NS", default_value = DEFAULT_NAMESPACE, value_parser = namespace)]
    install_namespace: String,

    /// Container image of the servers and of the controller.
    #[arg(long, value_name = "IMAGE", default_value = concat!("abcdesktop-netpol:", env!("CARGO_PKG_VERSION")))]
    image: String,

    /// What the controller does about findings; `repair` gives it the rights for it.
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Report)]
    controller_mode: Mode,

    #[command(flatten)]
    send: SendArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let guarded = &args.judge.canon.namespaces;
    if guarded.contains(&args.install_namespace) {
        let own = &args.install_namespace;
        return Err(Failure::input(anyhow!(
            "the servers cannot run in the guarded namespace \"{own}\", because they could not restart once all of them have stopped: choose another --install-namespace"
        )));
    }
    if guarded.iter().any(|namespace| namespace == SYSTEM) {
        return Err(Failure::input(anyhow!("{SYSTEM} cannot be guarded: the servers need its pods to start")));
    }
    let sources = &args.judge.canon.canons;
    let read = |source: &String| Documents::read(source).map(|documents| documents.with_kinds(&args.judge.canon.kinds.foreign_kinds));
    let documents = sources.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(Failure::input)?;
    let canons = Canons::from_documents(&documents, guarded).map_err(Failure::input)?;
    if let Some(warning) = canons.warning() {
        streams.warn(&warning);
    }
    args.send.check(&canons, &args.judge.settings(), streams);
    let manifests = manifests(args, &documents, &canons)?;
    print(&manifests, args.output, streams)
}

fn manifests(args: &Args, documents: &[Documents], canons: &Canons) -> Result<Vec<Value>, Failure> {
    let base = reading::read("install.yaml", BASE.to_owned()).map_err(|error| Failure::internal(anyhow!(error)))?;
    let mounted: Vec<Mounted<'_>> = documents
        .iter()
        .enumerate()
        .filter(|(_, canon)| !canon.is_built_in())
        .map(|(position, canon)| Mounted { position, canon })
        .collect();
    let registered = Registration {
        canons,
        settings: &args.judge.settings(),
        send: args.send.send,
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
        restrict(&mut manifest, &args.judge);
        restrict_controller(&mut manifest, args);
        if args.controller_mode == Mode::Repair {
            let_repair(&mut manifest, canons);
        }
        if is_deployment {
            configure(&mut manifest, args, &mounted);
        }
        manifests.push(manifest);
        if is_namespace {
            manifests.extend(mounted.iter().map(|mounted| mounted.config_map(&args.install_namespace)));
        }
    }
    Ok(manifests)
}

/// Replaces the default namespace: in metadata, subjects, and the arguments of the server.
fn rename(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text.contains(DEFAULT_NAMESPACE) => *text = text.replace(DEFAULT_NAMESPACE, namespace),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, namespace)),
        Value::Object(map) => map.values_mut().for_each(|item| rename(item, namespace)),
        _ => {}
    }
}

/// Sets the namespaces and users of the `ValidatingAdmissionPolicy` for the namespace controller.
fn restrict(manifest: &mut Value, judge: &JudgeArgs) {
    let Some(namespaces) = manifest.pointer_mut("/spec/matchConstraints/namespaceSelector/matchExpressions/0/values") else { return };
    *namespaces = json!(judge.canon.namespaces);
    let condition = by_namespace_controller(&judge.registered.namespace_controllers);
    set(manifest, &["spec", "matchConditions", "0", "expression"], Value::from(condition));
}

/// Sets the namespaces that the controller may write in, and the kinds of foreign policies that it may list.
fn restrict_controller(manifest: &mut Value, args: &Args) {
    if !is_of_controller(manifest) {
        return;
    }
    match manifest.get("kind").and_then(Value::as_str) {
        Some("ValidatingAdmissionPolicy") => {
            let namespaces = args.judge.canon.namespaces.iter().chain([&args.install_namespace]).map(String::as_str);
            set(manifest, &["spec", "validations", "0", "expression"], Value::from(in_namespaces(namespaces)));
        }
        Some("ClusterRole") => {
            let Some(rules) = manifest.get_mut("rules").and_then(Value::as_array_mut) else { return };
            for GivenKind { group, resource } in &args.judge.canon.kinds.foreign_kinds {
                rules.push(json!({"apiGroups": [group], "resources": [resource], "verbs": ["list"]}));
            }
        }
        _ => {}
    }
}

/// Lets the controller repair: the flag, the rights to write policies and pods, and the limits of these rights.
fn let_repair(manifest: &mut Value, canons: &Canons) {
    if !is_of_controller(manifest) {
        return;
    }
    let foreign = canons.foreign_names();
    match manifest.get("kind").and_then(Value::as_str) {
        Some("Deployment") => {
            let Some(args) = manifest.pointer_mut("/spec/template/spec/containers/0/args").and_then(Value::as_array_mut) else { return };
            let report = format!("--mode={}", word(&Mode::Report));
            args.iter_mut().filter(|arg| **arg == report).for_each(|arg| *arg = format!("--mode={}", word(&Mode::Repair)).into());
        }
        Some("ClusterRole") => {
            let Some(rules) = manifest.get_mut("rules").and_then(Value::as_array_mut) else { return };
            let repaired = [json!(["networkpolicies"]), json!(["pods"])];
            for rule in rules.iter_mut().filter(|rule| rule.get("resources").is_some_and(|resources| repaired.contains(resources))) {
                rule.get_mut("verbs").and_then(Value::as_array_mut).into_iter().for_each(|verbs| verbs.push("patch".into()));
            }
            for (ForeignResource { group, resource, .. }, names) in &foreign {
                rules.push(json!({"apiGroups": [group], "resources": [resource], "verbs": ["create"]}));
                rules.push(json!({"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": ["patch"]}));
            }
        }
        Some("ValidatingAdmissionPolicy") => {
            if let Some(rules) = manifest.pointer_mut("/spec/matchConstraints/resourceRules").and_then(Value::as_array_mut) {
                rules.extend(foreign.keys().map(|ForeignResource { group, resource, .. }| {
                    json!({"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [resource]})
                }));
            }
            // In place of the limit to dry runs.
            let labels_only = json!({
                "expression": "request.resource.resource != 'pods' || object.spec == oldObject.spec",
                "message": "the controller of netpol may change only the labels of pods",
            });
            set(manifest, &["spec", "validations", "1"], labels_only);
        }
        _ => {}
    }
}

/// Returns whether an object is one of the controller's own.
fn is_of_controller(manifest: &Value) -> bool {
    manifest.pointer("/metadata/name").and_then(Value::as_str) == Some(&format!("{DEFAULT_NAME}{CONTROLLER}"))
}

/// Sets the image and the flags of a Deployment, and mounts canons that are not built in.
fn configure(deployment: &mut Value, args: &Args, mounted: &[Mounted<'_>]) {
    let Some(pod) = deployment.pointer_mut("/spec/template/spec") else { return };
    set(pod, &["containers", "0", "image"], Value::from(args.image.as_str()));
    let mut stated = args.judge.flags();
    if !mounted.is_empty() {
        let is_canon = |flag: &&mut String| flag.starts_with("--canon=");
        for (position, flag) in stated.iter_mut().filter(is_canon).enumerate() {
            if let Some(mounted) = mounted.iter().find(|mounted| mounted.position == position) {
                *flag = format!("--canon={}", mounted.folder());
            }
        }
        let volumes: Vec<Value> = mounted.iter().map(Mounted::volume).collect();
        set(pod, &["volumes"], Value::from(volumes));
        let mounts: Vec<Value> = mounted.iter().map(Mounted::mount).collect();
        set(pod, &["containers", "0", "volumeMounts"], Value::from(mounts));
    }
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let replaced: Vec<String> = stated.iter().map(|flag| name(flag)).collect();
    if let Some(flags) = pod.pointer_mut("/containers/0/args").and_then(Value::as_array_mut) {
        flags.retain(|flag| flag.as_str().is_some_and(|flag| !replaced.contains(&name(flag))));
        // Kubernetes expands $(NAME) in arguments; $$ keeps the text.
        flags.extend(stated.iter().map(|flag| Value::from(flag.replace("$(", "$$("))));
    }
}

/// A canon that is not built in, mounted from a ConfigMap.
struct Mounted<'d> {
    /// The position of its `--canon`.
    position: usize,
    canon: &'d Documents,
}

impl Mounted<'_> {
    /// Returns the end of its names: nothing for the first canon.
    fn ending(&self) -> String {
        if self.position == 0 { String::new() } else { format!("-{}", self.position + 1) }
    }

    fn folder(&self) -> String {
        format!("{CANON_FOLDER}{}", self.ending())
    }

    fn name(&self) -> String {
        // Named by its content, as the chart does: servers of an earlier rollout keep theirs.
        let hash: String = self.canon.hash().chars().take(10).collect();
        format!("{DEFAULT_NAME}-canon{}-{hash}", self.ending())
    }

    fn volume(&self) -> Value {
        json!({"name": format!("canon{}", self.ending()), "configMap": {"name": self.name()}})
    }

    fn mount(&self) -> Value {
        json!({"name": format!("canon{}", self.ending()), "mountPath": self.folder(), "readOnly": true})
    }

    /// Returns the ConfigMap with the files of the canon.
    fn config_map(&self, namespace: &str) -> Value {
        let name = |name: &str| {
            let file = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_read = [".yaml", ".yml", ".json"].iter().any(|ending| file.ends_with(ending));
            if is_read { file.to_owned() } else { "canon.yaml".to_owned() }
        };
        let data: Map<String, Value> = self.canon.texts().map(|(file, text)| (name(file), Value::from(text))).collect();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.name(), "namespace": namespace, "labels": {"app.kubernetes.io/name": DEFAULT_NAME}},
            "immutable": true,
            "data": data,
        })
    }
}
