//! The programs of a control plane: from `KUBEBUILDER_ASSETS`, or built once from Go modules.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::go::{Module, say};

/// The paths of the programs of a control plane.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
    pub(crate) controller_manager: PathBuf,
    pub(crate) kubectl: PathBuf,
}

const NEEDED: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

const MODULE: Module = Module {
    folder: "control-plane",
    files: &["go.mod", "go.sum", "main.go"],
    versioned: "k8s.io/kubernetes",
    what: "kube-apiserver and its companions",
    without_go: "these tests run a real kube-apiserver: install Go 1.26 or later (https://go.dev/dl) to build it, or name a folder \
        with etcd, kube-apiserver, kube-controller-manager and kubectl in KUBEBUILDER_ASSETS",
};

impl Assets {
    /// Finds the programs, or builds them.
    ///
    /// # Errors
    /// The programs cannot be found or built. The error says what to install.
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

/// Returns the folder with the programs that were built from source.
fn built() -> Result<PathBuf, String> {
    let arguments = |version: &str| {
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        let stamp = "k8s.io/component-base/version";
        let flags = format!("-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}");
        ["-tags", "grpcnotrace", "-ldflags", &flags, "."].into_iter().map(Into::into).collect()
    };
    MODULE.built("control-plane", arguments, |folder| {
        NEEDED.into_iter().chain([CONTROLLER_MANAGER]).try_for_each(|name| symlink("control-plane", folder.join(name)))
    })
}
