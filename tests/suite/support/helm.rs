//! The real `helm`: from `HELM`, from `KUBEBUILDER_ASSETS`, or built once from its Go module.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::root;
use crate::cluster::harness::go::Module;

const MODULE: Module = Module {
    folder: "helm",
    files: &["go.mod", "go.sum"],
    versioned: "helm.sh/helm/v4",
    what: "helm",
    without_go: "these tests run the real helm: install Go 1.26 or later (https://go.dev/dl) to build it, or set HELM to the path of a helm",
};

/// Returns the folder of the chart.
pub(crate) fn chart() -> PathBuf {
    root().join("charts/abcdesktop-netpol")
}

/// The result of a command.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Returns the output of a command that succeeded.
    #[track_caller]
    pub(crate) fn expect(self, what: &str) -> String {
        assert!(self.ok, "{what}: {}{}", self.out, self.err);
        self.out
    }
}

/// Returns the path of helm.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(find) {
        Ok(program) => program,
        Err(sentence) => panic!("{sentence}"),
    }
}

fn find() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("HELM").map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(format!("HELM is set to {}, which is not a file", named.display())) };
    }
    let beside = env::var_os("KUBEBUILDER_ASSETS").map(|folder| Path::new(&folder).join("helm")).filter(|helm| helm.is_file());
    if let Some(helm) = beside {
        return Ok(helm);
    }
    let arguments = |version: &str| {
        let stamp = "helm.sh/helm/v4/internal/version";
        let flags = format!("-s -w -X {stamp}.version={version}");
        ["-ldflags", &flags, "helm.sh/helm/v4/cmd/helm"].into_iter().map(Into::into).collect()
    };
    MODULE.built("helm", arguments, |_| Ok(())).map(|folder| folder.join("helm"))
}

/// Runs helm with `stdin` as its standard input, `home` as its home folder, and the cluster of `kubeconfig`.
pub(crate) fn helm(args: &[&str], stdin: &str, home: &Path, kubeconfig: Option<&Path>) -> Ran {
    let mut command = Command::new(program());
    // Tests must not use the clusters, plugins and repositories of the machine.
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).args(args);
    match kubeconfig {
        Some(kubeconfig) => command.env("KUBECONFIG", kubeconfig),
        None => command.env("KUBECONFIG", home.join("none")),
    };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("helm starts");
    if let Some(mut pipe) = child.stdin.take() {
        // A command that reads no input closes it.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    let output = child.wait_with_output().expect("helm is waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { ok: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

/// Renders the chart as the release abcdesktop-netpol in netpol-system. Values are passed as JSON, which is valid YAML.
pub(crate) fn template(values: &Value, more: &[&str]) -> Ran {
    let home = tempfile::tempdir().expect("a folder");
    let chart = chart().display().to_string();
    let args = [&["template", "abcdesktop-netpol", &chart, "--namespace", "netpol-system", "--values", "-"], more].concat();
    helm(&args, &values.to_string(), home.path(), None)
}

/// Returns the objects of a rendered chart.
#[track_caller]
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents =
        netpol::documents::reading::read("the rendered chart", text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    documents.into_iter().map(|document| document.value).filter(|value| !value.is_null()).collect()
}

/// Returns the Deployment of the servers.
#[track_caller]
pub(crate) fn servers(objects: &[Value]) -> &Value {
    deployment(objects, false)
}

/// Returns the Deployment of the controller.
#[track_caller]
pub(crate) fn controller(objects: &[Value]) -> &Value {
    deployment(objects, true)
}

#[track_caller]
fn deployment(objects: &[Value], is_controller: bool) -> &Value {
    let is_it = |object: &&Value| {
        object["kind"] == "Deployment" && object["metadata"]["name"].as_str().unwrap_or_default().ends_with("-controller") == is_controller
    };
    let found: Vec<&Value> = objects.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "Deployments");
    found[0]
}

/// Returns the only object of a kind.
#[track_caller]
pub(crate) fn only<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
    let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}
