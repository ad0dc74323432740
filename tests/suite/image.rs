//! The Dockerfile agrees with the rest of the tree. `scripts/image` builds the image.

use std::fs;

use crate::support::command::netpol;
use crate::support::root;

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// Returns the words after each `instruction`. Continued lines are joined.
fn instructions(dockerfile: &str, instruction: &str) -> Vec<Vec<String>> {
    let whole = dockerfile.replace("\\\n", " ");
    let found = whole.lines().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
    found.map(|rest| rest.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Returns the value of a `key = "…"` in a manifest.
fn quoted<'m>(manifest: &'m str, key: &str) -> &'m str {
    let line = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")).unwrap();
    line.split_once('"').unwrap().0
}

/// Returns the minor version of `1.89`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).unwrap().parse().unwrap()
}

#[test]
fn base_images_are_pinned() {
    let dockerfile = read("Dockerfile");
    let images: Vec<(String, String)> = instructions(&dockerfile, "ARG")
        .iter()
        .filter_map(|words| words[0].split_once('='))
        .filter(|(name, _)| name.ends_with("_IMAGE"))
        .map(|(name, image)| (format!("${{{name}}}"), image.to_owned()))
        .collect();
    for (name, image) in &images {
        let digest = image.split_once("@sha256:").unwrap_or_else(|| panic!("{name} has no digest: {image}")).1;
        assert!(digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{image}");
    }
    let stages: Vec<String> =
        instructions(&dockerfile, "FROM").into_iter().filter_map(|words| words.into_iter().find(|word| !word.starts_with("--"))).collect();
    assert_eq!(stages, images.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    let rust = images[0].1.split_once("/rust:").unwrap().1;
    let least = read("Cargo.toml");
    assert!(minor(rust.split_once('-').unwrap().0) >= minor(quoted(&least, "rust-version")), "{rust}");
}

#[test]
fn the_image_has_a_numeric_user_and_the_default_ports_of_serve() {
    let dockerfile = read("Dockerfile");
    let [user] = instructions(&dockerfile, "USER").try_into().unwrap();
    let (user, group) = user[0].split_once(':').unwrap();
    assert!([user, group].iter().all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}:{group}");
    let [ports] = instructions(&dockerfile, "EXPOSE").try_into().unwrap();
    let help = netpol(&["serve", "--help"]).out;
    for port in ports {
        assert!(help.contains(&format!("[default: [::]:{port}]")), "serve does not listen on {port} by default");
    }
}

/// The layer of the dependencies needs every manifest of the workspace. Of the sources it has only crates that rarely change.
#[test]
fn copied_files_are_in_the_build_context_and_manifests_are_first() {
    let dockerfile = read("Dockerfile");
    let copied: Vec<String> = instructions(&dockerfile, "COPY")
        .into_iter()
        .filter(|words| !words[0].starts_with("--"))
        .flat_map(|words| words[..words.len() - 1].to_vec())
        .collect();
    let sources = copied.iter().position(|path| path == "src").unwrap();
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")?.strip_suffix(']')).unwrap();
    let manifests = members.split(", ").map(|member| format!("{}/Cargo.toml", member.trim_matches('"')));
    for needed in manifests.chain(["Cargo.toml".to_owned(), "Cargo.lock".to_owned()]) {
        let is_copied = |path: &String| *path == needed || needed.starts_with(&format!("{path}/"));
        assert!(copied[..sources].iter().any(is_copied), "{needed} is not copied before the dependencies are built");
    }
    let ignored = read(".dockerignore");
    let included: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"), "everything else is ignored");
    assert_eq!(included.len(), copied.len(), "{included:?}");
    assert!(copied.iter().all(|path| included.contains(&path.as_str())), "{copied:?}");
}
