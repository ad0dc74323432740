//! Where the documents of a canon come from: a built-in, a file, or a folder.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::builtin;
use super::error::CanonError;
use crate::documents::File;
use crate::documents::problem::{Place, Problems};

/// The largest file that is read, in bytes: several times what a `ConfigMap` can hold.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The largest sum of files that is read, in bytes.
pub const MAX_TOTAL_BYTES: u64 = 8 * 1024 * 1024;
/// The most files that are read from a folder.
pub const MAX_FILES: usize = 4096;

/// How often a folder is read again that was swapped while it was read.
const ATTEMPTS: usize = 3;

/// The documents of a canon as they were read: not yet parsed, cheap to compare by their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    source: String,
    hash: String,
    files: Vec<File>,
}

impl Documents {
    /// Reads what `source` names: a built-in, or else the path of a file or folder. Of a folder, the
    /// files `*.yaml`, `*.yml` and `*.json` directly in it are read in the order of their names;
    /// names that start with a dot are passed over, so a mounted `ConfigMap` is a folder like any other.
    ///
    /// # Errors
    /// What cannot be read, what is larger than a canon may be, and a folder without documents.
    pub fn read(source: &str) -> Result<Documents, CanonError> {
        if let Some(parts) = builtin::parts(source) {
            let files = parts.iter().map(|(name, text)| File { name: (*name).to_owned(), text: (*text).to_owned() }).collect();
            return Ok(Documents::new(source, files));
        }
        read_path(source).map(|files| Documents::new(source, files)).map_err(|failure| failure.into_error(source))
    }

    /// Takes one document file from memory: what it is called in errors, and its content as YAML.
    pub fn from_text(name: &str, text: &str) -> Documents {
        Documents::new(name, vec![File { name: name.to_owned(), text: text.to_owned() }])
    }

    fn new(source: &str, files: Vec<File>) -> Documents {
        Documents { source: source.to_owned(), hash: hash(&files), files }
    }

    /// The name or path that they were read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 in lower-case hexadecimal, of the content alone: of a single file what `sha256sum`
    /// prints, of several files the SHA-256 of their SHA-256 (as bytes) in the order of their names.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether they are built in: such documents never change.
    pub fn is_built_in(&self) -> bool {
        builtin::parts(&self.source).is_some()
    }

    /// The name in its folder, or the path that was asked for, and the content of each file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.name.as_str(), file.text.as_str()))
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
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Why a path could not be read.
struct Failure {
    /// The file of a folder that it is about.
    file: Option<String>,
    message: String,
    /// Whether something vanished while it was read.
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
        io::ErrorKind::NotFound => {
            Failure::new(format!("there is no such file or folder, and no such canon is built in ({} are)", super::BUILT_IN.join(", ")))
        }
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
            answer => return answer,
        }
    }
}

fn read_folder(path: &Path) -> Result<Vec<File>, Failure> {
    let folder = settled(path).map_err(|error| Failure::io(None, &error))?;
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| Failure::io(None, &error))? {
        let entry = entry.map_err(|error| Failure::io(None, &error))?;
        // A name that is not UTF-8 ends in none of the endings as far as we can say it in an error.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') && [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) {
            names.push(name);
        }
        if names.len() > MAX_FILES {
            return Err(Failure::new(format!("the folder has more than {MAX_FILES} documents: join them into fewer files")));
        }
    }
    if names.is_empty() {
        return Err(Failure::new(
            "the folder has no documents: put *.yaml, *.yml or *.json files directly into it (subfolders are not read)",
        ));
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

/// Answers the folder to read from. The kubelet replaces a mount by swapping the symlink `..data`:
/// files that are read through one resolved folder belong together, or one of them is gone.
fn settled(path: &Path) -> io::Result<PathBuf> {
    let folder = fs::canonicalize(path)?;
    Ok(fs::canonicalize(folder.join("..data")).ok().filter(|data| data.is_dir()).unwrap_or(folder))
}

fn read_file(path: &Path, name: &str, left: u64) -> Result<String, Failure> {
    let fail = |error: io::Error| Failure::io(Some(name), &error);
    // Asked before it is opened: opening a FIFO waits for a writer.
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(Failure { file: Some(name.to_owned()), ..Failure::new("is no regular file") });
    }
    let limit = left.min(MAX_FILE_BYTES);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fail)?.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        let message = if limit == MAX_FILE_BYTES {
            format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20)
        } else {
            format!("the files together are larger than {} MiB", MAX_TOTAL_BYTES >> 20)
        };
        return Err(Failure { file: Some(name.to_owned()), ..Failure::new(message) });
    }
    String::from_utf8(bytes).map_err(|_| Failure { file: Some(name.to_owned()), ..Failure::new("is not UTF-8") })
}
