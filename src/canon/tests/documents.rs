//! Files, folders, and mounted volumes that are updated while they are read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::policy;
use crate::canon::documents::{MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES};
use crate::canon::{Canon, Documents};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn a_policy(name: &str) -> String {
    policy(&format!("{{name: {name}}}"), "{podSelector: {}}")
}

fn names(path: &Path) -> Vec<String> {
    let canon = Canon::load(text(path), &["home".to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    canon.namespaces["home"].by_name.keys().cloned().collect()
}

/// Returns the problem of a source, without the name of the source.
#[track_caller]
fn problem(path: &Path) -> String {
    let error = Documents::read(text(path)).unwrap_err();
    assert_eq!(error.source, text(path));
    error.problems[0].to_string()
}

#[test]
fn a_file_is_a_canon() {
    let folder = folder(&[("canon.txt", &a_policy("a"))]);
    assert_eq!(names(&folder.path().join("canon.txt")), ["a"]);
}

#[test]
fn only_the_document_files_directly_in_a_folder_are_read() {
    let folder = folder(&[
        ("b.yaml", &a_policy("b")),
        ("a.yml", &a_policy("a")),
        ("c.json", r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "c"}, "spec": {}}"#),
        ("README.md", "not a document"),
        (".hidden.yaml", "not: read"),
        ("..swap.yaml", "not: read"),
    ]);
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::write(folder.path().join("below").join("d.yaml"), "not: read").unwrap();
    assert_eq!(names(folder.path()), ["a", "b", "c"]);
}

#[test]
fn problems_have_the_name_of_the_file_in_the_folder() {
    let folder = folder(&[("a.yaml", &a_policy("same")), ("b.yaml", &format!("---\n{}", a_policy("same")))]);
    let error = Canon::load(text(folder.path()), &[]).unwrap_err();
    assert_eq!(
        error.problems[0].to_string(),
        "b.yaml, document 1 (NetworkPolicy \"same\"), metadata.name: duplicate name \"same\"; another NetworkPolicy has the same name (a.yaml, document 1)"
    );
}

/// Creates files as the kubelet mounts a `ConfigMap`, or replaces them.
fn mount(folder: &Path, version: &str, files: &[(&str, &str)]) {
    let data = folder.join(format!("..{version}"));
    fs::create_dir(&data).unwrap();
    for (name, text) in files {
        fs::write(data.join(name), text).unwrap();
        let _ = symlink(Path::new("..data").join(name), folder.join(name));
    }
    symlink(format!("..{version}"), folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn a_mounted_config_map_is_compared_by_content() {
    let folder = TempDir::new().unwrap();
    mount(folder.path(), "1", &[("a.yaml", &a_policy("a"))]);
    let first = Documents::read(text(folder.path())).unwrap();
    assert_eq!(names(folder.path()), ["a"]);
    mount(folder.path(), "2", &[("a.yaml", &a_policy("a"))]);
    fs::remove_dir_all(folder.path().join("..1")).unwrap();
    assert_eq!(Documents::read(text(folder.path())).unwrap(), first, "replaced by the same content");
    mount(folder.path(), "3", &[("a.yaml", &a_policy("b"))]);
    let third = Documents::read(text(folder.path())).unwrap();
    assert_ne!(third.hash(), first.hash());
    assert_eq!(names(folder.path()), ["b"]);
}

#[test]
fn the_hash_depends_on_the_content_only() {
    let file = folder(&[("a.yaml", "abc")]);
    let copy = folder(&[("copy.yaml", "abc")]);
    let hash = |path: &Path| Documents::read(text(path)).unwrap().hash().to_owned();
    assert_eq!(hash(&file.path().join("a.yaml")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hash(file.path()), hash(copy.path()));
    let (joined, split) = (folder(&[("a.yaml", "ab"), ("b.yaml", "c")]), folder(&[("a.yaml", "a"), ("b.yaml", "bc")]));
    assert_ne!(hash(joined.path()), hash(split.path()));
    assert_eq!(Documents::from_text("x", "abc").hash(), hash(file.path()));
}

#[test]
fn a_built_in_canon_is_not_read_from_disk() {
    let documents = Documents::read("abcdesktop").unwrap();
    assert!(documents.is_built_in() && documents.source() == "abcdesktop");
    assert!(Documents::read("./abcdesktop").is_err());
}

#[test]
fn a_missing_source_is_reported_with_the_built_in_canons() {
    assert_eq!(
        problem(Path::new("no/such/canon")),
        "no such file or folder, and not a built-in canon (abcdesktop, abcdesktop-4.4, abcdesktop-4.0, abcdesktop-3.3)"
    );
    assert!(problem(Path::new("")).starts_with("no such file"));
}

#[test]
fn an_empty_folder_is_rejected() {
    let folder = folder(&[("README.md", "")]);
    assert_eq!(problem(folder.path()), "the folder has no *.yaml, *.yml or *.json files (subfolders are not read)");
}

#[test]
fn a_dangling_link_is_reported_with_its_name() {
    let folder = folder(&[("a.yaml", "")]);
    symlink("gone", folder.path().join("b.yaml")).unwrap();
    assert_eq!(problem(folder.path()), "b.yaml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn other_file_types_and_binary_files_are_rejected() {
    let folder = folder(&[]);
    fs::create_dir(folder.path().join("a.yaml")).unwrap();
    assert_eq!(problem(folder.path()), "a.yaml: is not a regular file");
    assert!(problem(Path::new("/dev/null")).ends_with("is not a regular file"));
    fs::remove_dir(folder.path().join("a.yaml")).unwrap();
    fs::write(folder.path().join("a.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(problem(folder.path()), "a.yaml: is not UTF-8; save it as UTF-8");
}

#[test]
fn files_that_are_too_large_are_rejected() {
    let sparse = |folder: &TempDir, name: &str, bytes: u64| fs::File::create(folder.path().join(name)).unwrap().set_len(bytes).unwrap();
    let folder = TempDir::new().unwrap();
    sparse(&folder, "a.yaml", MAX_FILE_BYTES + 1);
    assert_eq!(problem(folder.path()), "a.yaml: the file is larger than 4 MiB");
    sparse(&folder, "a.yaml", MAX_FILE_BYTES);
    sparse(&folder, "b.yaml", MAX_TOTAL_BYTES - MAX_FILE_BYTES);
    assert!(Documents::read(text(folder.path())).is_ok());
    sparse(&folder, "c.yaml", 1);
    assert_eq!(problem(folder.path()), "c.yaml: the files are larger than 8 MiB in total");
}

#[test]
fn too_many_files_are_rejected() {
    let folder = TempDir::new().unwrap();
    for number in 0..=MAX_FILES {
        symlink("/dev/null", folder.path().join(format!("{number}.yaml"))).unwrap();
    }
    assert_eq!(problem(folder.path()), "the folder has more than 4096 files; combine them into fewer files");
}

#[test]
fn a_folder_in_a_mounted_volume_is_read_through_its_link() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("..1/sub")).unwrap();
    fs::write(folder.path().join("..1/sub/a.yaml"), a_policy("a")).unwrap();
    symlink("..1", folder.path().join("..data")).unwrap();
    symlink("..data/sub", folder.path().join("sub")).unwrap();
    assert_eq!(names(&folder.path().join("sub")), ["a"]);
}
