//! Programs of other projects that the tests run, built once per machine from Go modules, and files that such modules contain.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

/// A Go module in this repository whose go.mod requires the program.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its folder under `tests`. Builds are stored in `netpol-FOLDER` in the user's cache folder, with `-` for `/`.
    pub(crate) folder: &'static str,
    /// The files whose content identifies a build.
    pub(crate) files: &'static [&'static str],
    /// The required module that has the version of the program.
    pub(crate) versioned: &'static str,
    /// What is built, for the progress message.
    pub(crate) what: &'static str,
    /// What to do if Go is not installed, for the error message.
    pub(crate) without_go: &'static str,
}

impl Module {
    /// Returns the folder of the build, and builds the program if this version is not built yet: runs `go build` with `arguments` for
    /// the version, then `finish` in the folder with the binary `binary`.
    ///
    /// # Errors
    /// The program cannot be built. The error says what to install.
    pub(crate) fn built(
        &self,
        binary: &str,
        arguments: impl FnOnce(&str) -> Vec<OsString>,
        finish: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<PathBuf, String> {
        let source = self.source();
        let version = self.version(&source)?;
        let cache = self.cache()?;
        let folder = cache.join(format!("{version}-{}", self.fingerprint(&source)?));
        if folder.is_dir() {
            return Ok(folder);
        }
        fs::create_dir_all(&cache).map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
        // A second process waits and then finds the folder. The lock ends with the process.
        let lock = File::create(cache.join("lock")).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
        if folder.is_dir() {
            return Ok(folder);
        }
        if let Err(error) = Command::new("go").arg("version").stdout(Stdio::null()).status() {
            return Err(format!("{} (go: {error})", self.without_go));
        }
        say(&format!("building {} {version} once, which takes minutes, into {}", self.what, folder.display()));
        let staging = tempfile::Builder::new().prefix("building-").tempdir_in(&cache).map_err(|error| error.to_string())?;
        let output = Command::new("go")
            .current_dir(&source)
            .args(["build", "-trimpath", "-o"])
            .arg(staging.path().join(binary))
            .args(arguments(&version))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start go: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("go build failed in {}: {}", source.display(), text.trim()));
        }
        finish(staging.path()).map_err(|error| error.to_string())?;
        // The folder is moved into place atomically. An interrupted build leaves only a temporary folder.
        fs::rename(staging.path(), &folder).map_err(|error| format!("cannot put {} in place: {error}", folder.display()))?;
        let _ = staging.keep();
        Ok(folder)
    }

    fn source(&self) -> PathBuf {
        source(self.folder)
    }

    fn cache(&self) -> Result<PathBuf, String> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        let root = root.ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())?;
        Ok(root.join(format!("netpol-{}", self.folder.replace('/', "-"))))
    }

    fn version(&self, source: &Path) -> Result<String, String> {
        required_version(source, self.versioned)
    }

    /// Returns a fingerprint of the sources, so that another source tree with the same version has its own build.
    fn fingerprint(&self, source: &Path) -> Result<String, String> {
        let mut bytes = Vec::new();
        for name in self.files {
            bytes.extend(fs::read(source.join(name)).map_err(|error| format!("cannot read {name}: {error}"))?);
        }
        Ok(digest(&SHA256, &bytes).as_ref().iter().take(4).fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
    }
}

/// A Go module in this repository whose go.mod requires modules for the files that they contain.
#[derive(Debug)]
pub(crate) struct Files {
    /// Its folder under `tests`.
    pub(crate) folder: &'static str,
    /// What to do if Go is not installed, for the error message.
    pub(crate) without_go: &'static str,
}

impl Files {
    /// Returns the folder of a required module. It is in Go's module cache, so it is downloaded once per machine.
    ///
    /// # Errors
    /// The module cannot be downloaded, or is not what go.sum says. If Go is not installed, the error says so.
    pub(crate) fn of(&self, module: &str) -> Result<PathBuf, String> {
        let source = source(self.folder);
        let version = required_version(&source, module)?;
        let output = Command::new("go")
            .current_dir(&source)
            .args(["mod", "download", "-json", &format!("{module}@{version}")])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{} (go: {error})", self.without_go))?;
        let failed = |reason: &str| format!("go mod download failed in {} for {module} {version}: {reason}", source.display());
        if !output.status.success() {
            return Err(failed(&format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))));
        }
        let told: Value = serde_json::from_slice(&output.stdout).map_err(|error| failed(&error.to_string()))?;
        let field = |name: &str| told[name].as_str().unwrap_or_default();
        // Go compares a module with the line of go.sum if there is one, and does not require that there is.
        let sums = fs::read_to_string(source.join("go.sum")).map_err(|error| format!("cannot read go.sum: {error}"))?;
        let line = format!("{module} {version} {}", field("Sum"));
        if !sums.lines().any(|found| found == line) {
            return Err(failed(&format!("go.sum has no line \"{line}\"")));
        }
        Ok(PathBuf::from(field("Dir")))
    }
}

fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)
}

/// Returns the version of a module that the go.mod of a folder requires.
fn required_version(source: &Path, module: &str) -> Result<String, String> {
    let text = fs::read_to_string(source.join("go.mod")).map_err(|error| format!("cannot read go.mod: {error}"))?;
    let version = text.split_once(&format!("{module} v")).map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
    version.map(|version| format!("v{version}")).ok_or_else(|| format!("go.mod does not require {module}"))
}

/// Writes a progress message. The test runner would capture the output of `eprintln!`.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}
