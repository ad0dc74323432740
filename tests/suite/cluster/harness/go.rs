//! Programs of other projects that the tests run, built once per machine from Go modules.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};

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
        say(&format!("building {} {version} once, which can take minutes, into {}", self.what, folder.display()));
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
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.folder)
    }

    fn cache(&self) -> Result<PathBuf, String> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        let root = root.ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())?;
        Ok(root.join(format!("netpol-{}", self.folder.replace('/', "-"))))
    }

    fn version(&self, source: &Path) -> Result<String, String> {
        let text = fs::read_to_string(source.join("go.mod")).map_err(|error| format!("cannot read go.mod: {error}"))?;
        let version = text.split_once(&format!("{} v", self.versioned)).map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
        version.map(|version| format!("v{version}")).ok_or_else(|| format!("go.mod does not require {}", self.versioned))
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

/// Writes a progress message. The test runner would capture the output of `eprintln!`.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}
