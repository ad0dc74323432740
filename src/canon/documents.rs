//! Reads the documents of a canon: a built-in canon, a file, or a folder.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::builtin::{self, BUILT_IN};
use super::error::CanonError;
use super::foreign_kinds::GivenKind;
use crate::documents::File;
use crate::documents::problem::{Place, Problems};
use crate::documents::text;

/// The maximum size of a file, in bytes: several times the size limit of a `ConfigMap`.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The maximum total size of the files, in bytes.
pub const MAX_TOTAL_BYTES: u64 = 8 * 1024 * 1024;
/// The maximum number of files in a folder.
pub const MAX_FILES: usize = 4096;

/// The number of attempts to read a folder that is replaced while it is read.
const ATTEMPTS: usize = 3;

/// The files of a canon, not yet parsed. Their hash makes them cheap to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    source: String,
    hash: String,
    files: Vec<File>,
    /// The kinds of policies of other APIs that a flag adds.
    given: Vec<GivenKind>,
}

impl Documents {
    /// Reads the built-in canon named `source`, or else the file or folder at that path. In a folder, the
    /// `*.yaml`, `*.yml` and `*.json` files are read in the order of their names. Names that start with a dot
    /// are skipped, so a folder can be a mounted `ConfigMap`.
    ///
    /// # Errors
    /// A file that cannot be read or is too large, and a folder without such files.
    pub fn read(source: &str) -> Result<Documents, CanonError> {
        if let Some(files) = builtin::files(source) {
            let files = files.iter().map(|(name, text)| File { name: (*name).to_owned(), text: (*text).to_owned() }).collect();
            return Ok(Documents::new(source, files));
        }
        read_path(source).map(|files| Documents::new(source, files)).map_err(|failure| failure.into_error(source))
    }

    /// Creates documents from one file in memory: its name in errors, and its content as YAML.
    pub fn from_text(name: &str, text: &str) -> Documents {
        Documents::new(name, vec![File { name: name.to_owned(), text: text.to_owned() }])
    }

    fn new(source: &str, files: Vec<File>) -> Documents {
        Documents { source: source.to_owned(), hash: hash(&files), files, given: Vec::new() }
    }

    /// Adds kinds of policies of other APIs that the documents may have.
    #[must_use]
    pub fn with_kinds(mut self, given: &[GivenKind]) -> Documents {
        self.given = given.to_vec();
        self
    }

    /// Returns the name or path that the documents were read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the SHA-256 of the content in lowercase hexadecimal. For one file, that is what `sha256sum` prints.
    /// For several files, it is the SHA-256 of their SHA-256 hashes (as bytes) in the order of the file names.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns whether this is a built-in canon, which never changes.
    pub fn is_built_in(&self) -> bool {
        builtin::files(&self.source).is_some()
    }

    /// Returns the name (in its folder, or the path that the user gave) and the content of each file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.name.as_str(), file.text.as_str()))
    }

    pub(super) fn given(&self) -> &[GivenKind] {
        &self.given
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }
}

fn hash(files: &[File]) -> String {
    let digest = match files {
        [only] => digest::digest(&digest::SHA256, only.text.as_bytes()),
        files => {
            let mut context = digest::Context::new(&digest::SHA256);
            for file in files {
                context.update(digest::digest(&digest::SHA256, file.text.as_bytes()).as_ref());
            }
            context.finish()
        }
    };
    text::hex(digest.as_ref())
}

/// The reason why a path could not be read.
struct Failure {
    /// The name of the file in the folder.
    file: Option<String>,
    message: String,
    /// Whether a file or folder does not exist, perhaps because it was removed in the meantime.
    vanished: bool,
}

impl Failure {
    fn new(message: impl Into<String>) -> Failure {
        Failure { file: None, message: message.into(), vanished: false }
    }

    fn io(file: Option<&str>, error: &io::Error) -> Failure {
        let vanished = error.kind() == io::ErrorKind::NotFound;
        Failure { file: file.map(str::to_owned), message: format!("cannot be read: {error}"), vanished }
    }

    fn into_error(self, source: &str) -> CanonError {
        let mut problems = Problems::default();
        problems.add(&Place { file: self.file, ..Place::default() }, "", self.message);
        CanonError::new(source, problems)
    }
}

fn read_path(source: &str) -> Result<Vec<File>, Failure> {
    let path = Path::new(source);
    let found = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("no such file or folder, and not a built-in canon ({})", BUILT_IN.join(", "))),
        _ => Failure::io(None, &error),
    })?;
    if !found.is_dir() {
        let text = read_file(path, source, MAX_TOTAL_BYTES)?;
        return Ok(vec![File { name: source.to_owned(), text }]);
    }
    let mut attempt = 1;
    loop {
        match read_folder(path) {
            Err(failure) if failure.vanished && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn read_folder(path: &Path) -> Result<Vec<File>, Failure> {
    let folder = resolved(path).map_err(|error| Failure::io(None, &error))?;
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| Failure::io(None, &error))? {
        let entry = entry.map_err(|error| Failure::io(None, &error))?;
        // A name that is not UTF-8 cannot be shown in an error, so such a file is skipped.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') && [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) {
            names.push(name);
        }
        if names.len() > MAX_FILES {
            return Err(Failure::new(format!("the folder has more than {MAX_FILES} files; combine them into fewer files")));
        }
    }
    if names.is_empty() {
        return Err(Failure::new("the folder has no *.yaml, *.yml or *.json files (subfolders are not read)"));
    }
    names.sort_unstable();
    let mut left = MAX_TOTAL_BYTES;
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let text = read_file(&folder.join(&name), &name, left)?;
        left = left.saturating_sub(text.len() as u64);
        files.push(File { name, text });
    }
    Ok(files)
}

/// Returns the folder to read from. The kubelet updates a mounted volume by replacing the symlink `..data`.
/// Reading through the resolved folder never mixes two versions: the old files are removed instead.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let folder = fs::canonicalize(path)?;
    Ok(fs::canonicalize(folder.join("..data")).ok().filter(|data| data.is_dir()).unwrap_or(folder))
}

fn read_file(path: &Path, name: &str, left: u64) -> Result<String, Failure> {
    let fail = |error: io::Error| Failure::io(Some(name), &error);
    // Checked before the file is opened: opening a FIFO waits for a writer.
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(Failure { file: Some(name.to_owned()), ..Failure::new("is not a regular file") });
    }
    let limit = left.min(MAX_FILE_BYTES);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fail)?.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        let message = if limit == MAX_FILE_BYTES {
            format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20)
        } else {
            format!("the files are larger than {} MiB in total", MAX_TOTAL_BYTES >> 20)
        };
        return Err(Failure { file: Some(name.to_owned()), ..Failure::new(message) });
    }
    String::from_utf8(bytes).map_err(|_| Failure { file: Some(name.to_owned()), ..Failure::new("is not UTF-8; save it as UTF-8") })
}
