//! The direction between the rooms: which room and which crate a room may name.

use std::collections::BTreeSet;

use super::paths::paths;
use super::{Source, none, sources};

/// The rooms under `src`, in order: each may name itself and the rooms before it.
const ROOMS: [&str; 15] = [
    "documents",
    "policy",
    "canon",
    "analysis",
    "report",
    "verdict",
    "registration",
    "drift",
    "audit",
    "admission",
    "certificates",
    "server",
    "cluster",
    "controller",
    "cli",
];

/// Rooms without I/O, clock, async, threads and log: their results depend on their arguments alone.
const PURE: [&str; 8] = ["documents", "policy", "analysis", "report", "verdict", "registration", "drift", "admission"];

/// A room without I/O and clock whose values include dates and keys, and whose keys are random.
const CERTIFICATES: &str = "certificates";
const ITS_VALUES: [&str; 3] = ["rustls", "jiff", "std::time::SystemTime"];
/// Clocks that it and pure rooms must not read.
const CLOCKS: [&str; 3] = ["SystemTime::now", "Timestamp::now", "Zoned::now"];

/// A time, as a value that is an argument or that a text states.
const TIME: &str = "jiff::Timestamp";

/// Paths that a pure room must not name, except [`TIME`]. Addresses of `std::net` are values, so they are allowed.
const IMPURE: [&str; 21] = [
    "tokio",
    "axum",
    "hyper",
    "tower",
    "tracing",
    "rustls",
    "jiff",
    "kube",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::SystemTime",
    "std::time::Instant",
];

/// Crates, the rooms that may name them, and why no other room may.
const ONLY_IN: [(&[&str], &[&str], &str); 4] = [
    (&["kube", "kube_client", "kube_core", "k8s_openapi"], &["cluster", "cli"], "no call is made while a request waits"),
    (&["clap", "clap_complete"], &["cli"], "flags, their values and their help belong to cli"),
    (&["axum", "tower", "tower_http", "hyper_util", "http_body_util"], &["server"], "one room serves HTTP"),
    // The requests of kube's client are built from the types of hyper.
    (&["hyper", "http"], &["server", "cluster", "controller"], "admission and verdict know status numbers, not HTTP types"),
];

fn room(source: &Source) -> Option<&str> {
    let mut parts = source.path.strip_prefix("src/")?.split('/');
    let first = parts.next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|name| !matches!(*name, "lib" | "main"))
}

fn rust_of_the_rooms() -> Vec<Source> {
    sources("src").into_iter().filter(|source| source.is_rust() && room(source).is_some()).collect()
}

/// Returns the room that a path in `source` leads to, if the path leaves its own room.
fn leads_to<'p>(source: &Source, path: &'p str) -> Option<&'p str> {
    if let Some(rest) = path.strip_prefix("crate::") {
        return rest.split("::").next();
    }
    let climbs = path.split("::").take_while(|segment| *segment == "super").count();
    let inside = source.path.split('/').count() - 1 - usize::from(source.path.ends_with("/mod.rs"));
    // In an inline module the path needs one more `super`, and the segment after the climb names no room.
    (climbs >= inside && climbs > 0).then(|| path.split("::").nth(climbs)).flatten()
}

fn names(path: &str, what: &str) -> bool {
    path.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn every_room_has_its_place_in_the_order() {
    let found: BTreeSet<String> = rust_of_the_rooms().iter().filter_map(room).map(str::to_owned).collect();
    let faults: Vec<String> = found.into_iter().filter(|room| !ROOMS.contains(&room.as_str())).collect();
    none(&faults, "a room that is not in ROOMS: decide which rooms it may name");
}

#[test]
fn no_room_names_a_later_one() {
    let mut faults = Vec::new();
    for source in rust_of_the_rooms() {
        let Some(own) = room(&source).and_then(|own| ROOMS.iter().position(|room| *room == own)) else { continue };
        for path in paths(&source.code()) {
            let target = leads_to(&source, &path).and_then(|target| ROOMS.iter().position(|room| *room == target));
            if target.is_some_and(|target| target > own) {
                faults.push(format!("{} names {path}", source.path));
            }
        }
    }
    none(
        &faults,
        "the order is documents <- policy <- canon <- analysis <- report <- verdict <- registration <- drift, audit <- admission, certificates <- server <- cluster <- controller <- cli",
    );
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    for source in rust_of_the_rooms().iter().filter(|source| room(source).is_some_and(|room| PURE.contains(&room))) {
        for path in paths(&source.code()) {
            let is_impure = !names(&path, TIME) && IMPURE.iter().any(|what| names(&path, what));
            if is_impure || CLOCKS.iter().any(|clock| path.ends_with(clock)) {
                faults.push(format!("{} names {path}", source.path));
            }
        }
    }
    none(
        &faults,
        "results of documents, policy, analysis, report, verdict, registration, drift and admission depend on their arguments alone",
    );
}

#[test]
fn certificates_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    let others: Vec<&str> = ROOMS.into_iter().filter(|room| *room != CERTIFICATES).collect();
    for source in rust_of_the_rooms().iter().filter(|source| room(source) == Some(CERTIFICATES)) {
        for path in paths(&source.code()) {
            let is_impure = IMPURE.iter().any(|what| !ITS_VALUES.contains(what) && names(&path, what));
            let is_another_room = leads_to(source, &path).is_some_and(|target| others.contains(&target));
            if is_impure || is_another_room || CLOCKS.iter().any(|clock| path.ends_with(clock)) {
                faults.push(format!("{} names {path}", source.path));
            }
        }
    }
    none(&faults, "certificates names no other room, no I/O and no clock");
}

#[test]
fn crates_are_named_only_in_their_rooms() {
    for (crates, rooms, reason) in ONLY_IN {
        let mut faults = Vec::new();
        for source in rust_of_the_rooms().iter().filter(|source| room(source).is_some_and(|room| !rooms.contains(&room))) {
            for path in paths(&source.code()) {
                if crates.iter().any(|what| names(&path, what)) {
                    faults.push(format!("{} names {path}", source.path));
                }
            }
        }
        none(&faults, &format!("only {} may name {}: {reason}", rooms.join(" and "), crates.join(", ")));
    }
}

#[test]
fn a_path_that_leaves_its_room_is_found() {
    let source = |path: &str| Source { path: path.to_owned(), text: String::new() };
    assert_eq!(leads_to(&source("src/policy/mod.rs"), "super::server::run"), Some("server"));
    assert_eq!(leads_to(&source("src/policy/node.rs"), "super::super::server"), Some("server"));
    assert_eq!(leads_to(&source("src/policy/node.rs"), "super::server"), None);
    assert_eq!(leads_to(&source("src/policy/node.rs"), "crate::cli"), Some("cli"));
    assert_eq!(leads_to(&source("src/policy/node.rs"), "self::cli"), None);
}
