//! The programs of a control plane: from `KUBEBUILDER_ASSETS`, or built once from Go modules.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};

/// Where the programs of a control plane are.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
    pub(crate) controller_manager: PathBuf,
    pub(crate) kubectl: PathBuf,
}

const NEEDED: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

impl Assets {
    /// Finds the programs, or builds them.
    ///
    /// # Errors
    /// One sentence that says what to install or what went wrong.
    pub(crate) fn obtain() -> Result<Assets, String> {
        match env::var_os("KUBEBUILDER_ASSETS") {
            Some(folder) => Self::named(Path::new(&folder)),
            None => built().map(|folder| Self::inside(&folder)),
        }
    }

    fn named(folder: &Path) -> Result<Assets, String> {
        if let Some(missing) = NEEDED.iter().find(|name| !folder.join(name).is_file()) {
            return Err(format!("KUBEBUILDER_ASSETS names {}, which has no {missing}", folder.display()));
        }
        let mut assets = Self::inside(folder);
        if !assets.controller_manager.is_file() {
            say(&format!("{} has no {CONTROLLER_MANAGER}, so it is taken from our own build", folder.display()));
            assets.controller_manager = built()?.join(CONTROLLER_MANAGER);
        }
        Ok(assets)
    }

    fn inside(folder: &Path) -> Assets {
        Assets {
            etcd: folder.join("etcd"),
            apiserver: folder.join("kube-apiserver"),
            controller_manager: folder.join(CONTROLLER_MANAGER),
            kubectl: folder.join("kubectl"),
        }
    }
}

/// Answers the folder of our own build, building it where this machine has none of this version yet.
fn built() -> Result<PathBuf, String> {
    let source = source();
    let version = kubernetes_version(&source)?;
    let cache = cache()?;
    let folder = cache.join(format!("{version}-{}", fingerprint(&source)?));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
    // Whoever comes second waits and then finds the folder; the lock goes with its process.
    let lock = File::create(cache.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
    if !folder.is_dir() {
        build(&source, &version, &cache, &folder)?;
    }
    Ok(folder)
}

fn build(source: &Path, version: &str, cache: &Path, folder: &Path) -> Result<(), String> {
    if let Err(error) = Command::new("go").arg("version").stdout(Stdio::null()).status() {
        return Err(format!(
            "these tests run a real kube-apiserver: install Go 1.26 or later (https://go.dev/dl) to build it, or name a folder \
             with etcd, kube-apiserver, kube-controller-manager and kubectl in KUBEBUILDER_ASSETS (go: {error})"
        ));
    }
    say(&format!("building kube-apiserver {version} and its companions once, which takes minutes, into {}", folder.display()));
    let staging = tempfile::Builder::new().prefix("building-").tempdir_in(cache).map_err(|error| error.to_string())?;
    let binary = staging.path().join("control-plane");
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let stamp = "k8s.io/component-base/version";
    let output = Command::new("go")
        .current_dir(source)
        .args(["build", "-trimpath", "-tags", "grpcnotrace", "-ldflags"])
        .arg(format!("-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"))
        .arg("-o")
        .arg(&binary)
        .arg(".")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start go: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("go build failed in {}: {}", source.display(), text.trim()));
    }
    for name in NEEDED.into_iter().chain([CONTROLLER_MANAGER]) {
        std::os::unix::fs::symlink("control-plane", staging.path().join(name)).map_err(|error| error.to_string())?;
    }
    // In place at once or not at all: an interrupted build leaves a folder that nobody looks into.
    fs::rename(staging.path(), folder).map_err(|error| format!("cannot put {} in place: {error}", folder.display()))?;
    let _ = staging.keep();
    Ok(())
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane")
}

fn cache() -> Result<PathBuf, String> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let root = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    root.map(|root| root.join("netpol-control-plane")).ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

fn kubernetes_version(source: &Path) -> Result<String, String> {
    let text = fs::read_to_string(source.join("go.mod")).map_err(|error| format!("cannot read go.mod: {error}"))?;
    let version = text.split_once("k8s.io/kubernetes v").map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
    version.map(|version| format!("v{version}")).ok_or_else(|| "go.mod does not require k8s.io/kubernetes".to_owned())
}

/// A fingerprint of what is built, so that another tree with the same version has its own build.
fn fingerprint(source: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    for name in ["go.mod", "go.sum", "main.go"] {
        bytes.extend(fs::read(source.join(name)).map_err(|error| format!("cannot read {name}: {error}"))?);
    }
    Ok(digest(&SHA256, &bytes).as_ref().iter().take(4).fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// A word for whoever waits: the test runner captures what `eprintln!` writes.
fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}
