//! Rules about the source tree that the compiler does not check, such as the direction between the rooms of one crate.

mod circles;
mod code;
mod direction;
mod names;
mod paths;
mod tidy;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// A text file of the package.
struct Source {
    /// Its path from the root of the package, with `/` between folders.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Returns its text without comments and literals; line numbers stay the same.
    fn code(&self) -> String {
        code::code(&self.text)
    }
}

/// Reads every text file under `folder`, sorted by path, without build output and what a fuzzer found.
fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = String::from_utf8(fs::read(&path).unwrap()).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        Some(Source { path, text })
    };
    files.into_iter().filter_map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "artifacts" | "corpus" | "node_modules") {
                collect(&path, files);
            }
        } else if name != ".git" {
            files.push(path);
        }
    }
}

/// Fails with `rule` and every fault, if there is one.
#[track_caller]
fn none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}
