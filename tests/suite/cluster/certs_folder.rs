//! The commands of `certs/README.md` for an installation without Helm, run with the names of the test on the real API server.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};

use super::harness::api::{Api, Call};
use super::harness::cert_manager;
use super::harness::guard::{apply, create_namespace};
use super::harness::netpol::{Server, netpol};
use super::harness::pki::{Authority, Pair};
use super::harness::plane::plane;
use crate::support::root;

/// The default names in the folder and in the chart, and their replacements, which are unique in the run.
const RELEASE: &str = "abcdesktop-netpol";
const NAMESPACE: &str = "netpol-system";
const NAME: &str = "certs-folder";
/// The namespace in the registration. It does not exist.
const GUARDED: &str = "certs-folder-guarded";

/// Copies `certs/` and replaces names. Every name must occur in the folder.
pub(super) fn copy(to: &Path, names: &[(&str, &str)]) {
    fs::create_dir_all(to).expect("a folder");
    let mut found = vec![false; names.len()];
    for file in files(&root().join("certs")) {
        let path = file.strip_prefix(root().join("certs")).expect("a path in the folder");
        let mut text = fs::read_to_string(&file).expect("a text");
        for ((name, ours), found) in names.iter().zip(&mut found) {
            *found |= text.contains(name);
            text = text.replace(name, ours);
        }
        let to = to.join(path);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::write(to, text).expect("a copy");
    }
    assert!(found.iter().all(|found| *found), "certs/ names {names:?}: {found:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the code blocks of a README.
fn blocks(readme: &str) -> Vec<&str> {
    readme.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

fn deployment() -> Value {
    let labels = json!({"app": NAME});
    let container = json!({"name": "netpol", "image": "registry.example/netpol", "args": ["serve"]});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "namespace": NAME},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    })
}

fn get(path: &str) -> Value {
    plane().api.get(path).expect("an object")
}

fn configurations() -> [Value; 2] {
    ["mutating", "validating"].map(|kind| get(&format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{NAME}")))
}

#[test]
fn every_command_of_the_readme_works() {
    if Command::new("openssl").arg("version").output().is_err() {
        // Written to the terminal: a skipped test must not look like one that ran.
        let _ = writeln!(std::io::stderr(), "there is no openssl, which certs/README.md uses: its commands were not run");
        return;
    }
    create_namespace(NAME);
    cert_manager::install();
    apply(&deployment());
    let registration = netpol(["render", "registration", "--name", NAME, "--namespace", GUARDED]).expect("a registration");
    plane().kubectl.run(["apply", "-f", "-"], &registration).expect("kubectl apply");

    let folder = plane().reaper.folder().join(NAME);
    copy(&folder.join("certs"), &[(NAMESPACE, NAME), (RELEASE, NAME)]);
    fs::write(folder.join("new-ca.crt"), &Authority::new("after").expect("an authority").pem).expect("a CA");

    let readme = fs::read_to_string(folder.join("certs/README.md")).expect("a README");
    let blocks = blocks(&readme);
    assert_eq!(blocks.len(), 8);
    for block in blocks {
        // Both webhook configurations are of cluster scope.
        let block = block.replace("netpol render registration", &format!("netpol render registration --name {NAME}"));
        let result = plane().kubectl.script(&folder, &block, &[("NETPOL_NAMESPACE", GUARDED)]);
        assert!(result.ok, "{block}\n{}{}", result.stdout, result.stderr);
    }

    let group = format!("/apis/cert-manager.io/v1/namespaces/{NAME}");
    let certificate = get(&format!("{group}/certificates/{NAME}-tls"));
    assert_eq!(certificate["spec"]["dnsNames"][0], format!("{NAME}.{NAME}.svc"));
    let issuer = certificate["spec"]["issuerRef"]["name"].as_str().expect("an issuer");
    let signed_by = get(&format!("{group}/issuers/{issuer}"))["spec"]["ca"]["secretName"].clone();
    let authority = get(&format!("{group}/certificates/{NAME}-ca"));
    assert_eq!((&authority["spec"]["secretName"], &authority["spec"]["isCA"]), (&signed_by, &json!(true)));
    get(&format!("{group}/issuers/{}", authority["spec"]["issuerRef"]["name"].as_str().expect("an issuer")));

    let both = ["ca.crt", "new-ca.crt"].map(|file| fs::read_to_string(folder.join(file)).expect("a CA")).concat();
    let both = BASE64.encode(both);
    for configuration in configurations() {
        assert_eq!(configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"], format!("{NAME}/{NAME}-tls"));
        let webhooks = configuration["webhooks"].as_array().expect("webhooks");
        assert!(!webhooks.is_empty() && webhooks.iter().all(|webhook| webhook["clientConfig"]["caBundle"] == *both));
    }
    assert_eq!(get(&format!("/api/v1/namespaces/{NAME}/secrets/{NAME}-tls"))["type"], "kubernetes.io/tls");
    assert_named_files_are_mounted();
    assert_client_is_accepted(&folder);

    for kind in ["mutating", "validating"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{NAME}");
        plane().api.call(&Call::new(Method::DELETE, path)).expect("a deletion");
    }
}

/// Checks that each file that a variable names is in a mounted volume: a Secret or `ConfigMap` that has the key.
fn assert_named_files_are_mounted() {
    let patched = get(&format!("/apis/apps/v1/namespaces/{NAME}/deployments/{NAME}"));
    let pod = &patched["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["args"], json!(["serve"]), "the patch only adds");
    let mut files = Vec::new();
    for variable in container["env"].as_array().expect("variables") {
        let (name, value) = (variable["name"].as_str().expect("a name"), variable["value"].as_str().expect("a value"));
        let Some((folder, key)) = value.rsplit_once('/') else { continue };
        let mount = find(&container["volumeMounts"], "mountPath", folder);
        let volume = find(&pod["volumes"], "name", mount["name"].as_str().expect("a name"));
        let source = volume["secret"]["secretName"].as_str().map(|name| ("secrets", name));
        let (kind, object) = source.or_else(|| Some(("configmaps", volume["configMap"]["name"].as_str()?))).expect("a source");
        let data = &get(&format!("/api/v1/namespaces/{NAME}/{kind}/{object}"))["data"];
        assert!(data[key].is_string(), "{object} has no {key}");
        files.push(name);
    }
    assert_eq!(files, ["NETPOL_CLIENT_CA", "NETPOL_TLS_CERT", "NETPOL_TLS_KEY"]);
}

#[track_caller]
fn find<'v>(list: &'v Value, field: &str, value: &str) -> &'v Value {
    let found = list.as_array().into_iter().flatten().find(|item| item[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list}"))
}

/// Checks that the server accepts the client certificate that the commands created, under the name that the patch requires.
fn assert_client_is_accepted(folder: &Path) {
    let patched = get(&format!("/apis/apps/v1/namespaces/{NAME}/deployments/{NAME}"));
    let variables = &patched["spec"]["template"]["spec"]["containers"][0]["env"];
    let name = find(variables, "name", "NETPOL_CLIENT_NAME")["value"].as_str().expect("a name");
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("a file");
    let client_ca = folder.join("client-ca.crt").display().to_string();
    let tls = folder.join("served").display().to_string();
    let flags = ["--client-ca", &client_ca, "--client-name", name, "--self-signed-dir", &tls];
    let server = Server::start(NAME, &flags);
    let client = Pair { certificate: read("client.crt"), key: read("client.key") };
    let review = fs::read_to_string(root().join("tests/reviews/pod-create-desktop.mutate.json")).expect("a review");
    let review: Value = serde_json::from_str(&review).expect("it is JSON");
    let ca = read("served/ca.crt");
    let asked = Api::new(server.port, &ca, Some(&client)).expect("a client").post("/mutate", &review);
    assert_eq!(asked.expect("an answer")["response"]["allowed"], true);
    let without_certificate =
        Api::new(server.port, &ca, None).expect("a client").try_call(&Call::new(Method::POST, "/mutate").json(&review));
    assert!(without_certificate.is_err(), "{without_certificate:?}");
}
