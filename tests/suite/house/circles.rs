//! No circle between the files of a room: each file can be read after those that it uses.
//!
//! A file uses another if it imports or names an item that the other one defines. Re-exports are followed to the
//! file with the definition, so `super::Y` in a child uses the leaf that `mod.rs` re-exports `Y` from. A `mod.rs`
//! that only declares (`mod x;`) or re-exports (`pub use x::Y;`) does not use `x`; a private `use`, or a use of
//! the re-exported name in its own code, does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::names::Names;
use super::{none, sources};

/// A module's path from the crate root: `["policy", "compare"]`.
type Module = Vec<String>;

/// Re-exports that lead to each other are not followed for ever.
const MOST_STEPS: usize = 16;

/// The files of one room.
struct Room {
    files: BTreeMap<Module, File>,
}

struct File {
    path: String,
    names: Names,
}

/// The files that each file uses, with the path that names the other one.
type Uses = BTreeMap<Module, BTreeMap<Module, String>>;

impl Room {
    /// Reads files, given by path and text. `root` is the folder of the crate root, such as `src`.
    fn read<'s>(root: &str, files: impl IntoIterator<Item = (&'s str, &'s str)>) -> Room {
        let files = files.into_iter().filter_map(|(path, text)| {
            let module = module(root, path)?;
            let is_test = module.iter().any(|segment| segment == "tests");
            (!is_test).then(|| (module, File { path: path.to_owned(), names: Names::read(text) }))
        });
        Room { files: files.collect() }
    }

    /// Returns the path from the crate root that `path` means in a module; `None` outside of the room.
    fn resolve(&self, module: &[String], path: &[String], steps: usize) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut absolute = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => {
                let climbs = path.iter().take_while(|segment| *segment == "super").count();
                let kept = module.len().checked_sub(climbs)?;
                return Some(module[..kept].iter().chain(&path[climbs..]).cloned().collect());
            }
            _ => {
                let child: Module = module.iter().chain([first]).cloned().collect();
                if self.files.contains_key(&child) { child } else { self.imported(module, first, steps)? }
            }
        };
        absolute.extend(rest.iter().cloned());
        Some(absolute)
    }

    /// Returns what a module's own `use` declarations mean by a name.
    fn imported(&self, module: &[String], name: &str, steps: usize) -> Option<Module> {
        let steps = steps.checked_sub(1)?;
        let uses = &self.files.get(module)?.names.uses;
        uses.iter().filter(|found| found.name == name).find_map(|found| {
            let is_itself = found.path.first().is_some_and(|first| first == name) && found.path.len() == 1;
            (!is_itself).then(|| self.resolve(module, &found.path, steps)).flatten()
        })
    }

    /// Returns the module whose file defines an item, behind all re-exports; `None` outside of the room.
    fn definition(&self, item: &[String], steps: usize) -> Option<Module> {
        let length = (0..=item.len()).rev().find(|length| self.files.contains_key(&item[..*length]))?;
        let (module, rest) = item.split_at(length);
        let Some((name, rest)) = rest.split_first() else { return Some(module.to_vec()) };
        let names = &self.files.get(module)?.names;
        if names.uses.iter().all(|found| found.name != *name) {
            return Some(module.to_vec());
        }
        let mut target = self.imported(module, name, steps)?;
        target.extend(rest.iter().cloned());
        self.definition(&target, steps.checked_sub(1)?)
    }

    /// Returns the files that the file of `module` uses.
    fn used_by(&self, module: &Module, names: &Names) -> BTreeMap<Module, String> {
        let mut used = BTreeMap::new();
        let mut add = |path: &[String]| {
            let Some(item) = self.resolve(module, path, MOST_STEPS) else { return };
            if let Some(file) = self.definition(&item, MOST_STEPS).filter(|file| file != module) {
                used.entry(file).or_insert_with(|| path.join("::"));
            }
        };
        for found in &names.uses {
            let item = self.resolve(module, &found.path, MOST_STEPS).unwrap_or_default();
            let is_reexport = found.is_public && item.starts_with(module);
            // A module that is imported whole is used where a path begins with its name.
            let is_module = self.files.contains_key(&item);
            if !is_module && (!is_reexport || names.words.contains(&found.name)) {
                add(&found.path);
            }
        }
        for path in &names.paths {
            add(path);
        }
        used
    }

    fn uses(&self) -> Uses {
        self.files.iter().map(|(module, file)| (module.clone(), self.used_by(module, &file.names))).collect()
    }

    /// Returns one sentence for each set of files that lead to each other, with its shortest circle.
    fn circles(&self) -> Vec<String> {
        let uses = self.uses();
        let mut sets = BTreeSet::new();
        for module in self.files.keys() {
            let back = |other: &&Module| reachable(&uses, other).contains(module);
            sets.insert(reachable(&uses, module).into_iter().filter(back).collect::<BTreeSet<&Module>>());
        }
        let circles = sets.iter().filter_map(|set| {
            let shortest = set.iter().filter_map(|start| circle(&uses, start)).min_by_key(Vec::len)?;
            let steps = shortest.iter().zip(shortest.iter().cycle().skip(1));
            let steps = steps.map(|(from, to)| format!("{} uses {}", self.files[*from].path, uses[*from][*to]));
            let others: Vec<&str> =
                set.iter().filter(|module| !shortest.contains(module)).map(|module| self.files[*module].path.as_str()).collect();
            let others = if others.is_empty() { String::new() } else { format!(" (in circles with them: {})", others.join(", ")) };
            Some(format!("{}{others}", steps.collect::<Vec<_>>().join(", ")))
        });
        circles.collect()
    }

    /// Returns what this test cannot follow, so that the code may not have it outside tests.
    fn unclear(&self) -> Vec<String> {
        let mut unclear = Vec::new();
        for (module, File { path, names }) in &self.files {
            unclear.extend(names.inline_modules.iter().map(|name| format!("{path}: module {name} has no file of its own")));
            let globs = names.uses.iter().filter(|found| found.name == "*");
            let own = globs.filter(|found| self.resolve(module, &found.path, MOST_STEPS).is_some());
            unclear.extend(own.map(|found| format!("{path}: use {}::*", found.path.join("::"))));
        }
        unclear
    }
}

fn module(root: &str, path: &str) -> Option<Module> {
    let path = path.strip_prefix(root)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "main" {
        return None;
    }
    Some(path.split('/').filter(|segment| *segment != "lib").map(str::to_owned).collect())
}

/// Returns every module that `start` leads to, `start` among them only if it is in a circle.
fn reachable<'u>(uses: &'u Uses, start: &Module) -> BTreeSet<&'u Module> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Module> = uses[start].keys().collect();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(uses[next].keys());
        }
    }
    reached
}

/// Returns the shortest way from `start` back to itself, without the last step.
fn circle<'u>(uses: &'u Uses, start: &Module) -> Option<Vec<&'u Module>> {
    let start = uses.get_key_value(start)?.0;
    let mut waiting = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = waiting.pop_front() {
        for next in uses[*way.last()?].keys() {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                waiting.push_back(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

/// Returns the rooms under `src`, then the other crates that the product is made of, each as one room.
fn rooms() -> Vec<Room> {
    let files = sources("src");
    let mut rooms: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for source in files.iter().filter(|source| source.is_rust()) {
        let first = module("src", &source.path).and_then(|module| module.first().cloned());
        if let Some(first) = first {
            rooms.entry(first).or_default().push((&source.path, &source.text));
        }
    }
    let mut rooms: Vec<Room> = rooms.into_values().map(|files| Room::read("src", files)).collect();
    let files = sources("crates/json-skim/src");
    rooms.push(Room::read("crates/json-skim/src", files.iter().map(|source| (source.path.as_str(), source.text.as_str()))));
    rooms
}

#[test]
fn no_circle_exists_between_the_files_of_a_room() {
    let rooms = rooms();
    assert!(rooms.len() > 11 && rooms.iter().all(|room| !room.files.is_empty()));
    let faults: Vec<String> = rooms.iter().flat_map(Room::circles).collect();
    none(&faults, "files of a room that use each other: move what both need into a file that uses neither");
}

#[test]
fn every_import_within_a_room_can_be_followed() {
    let faults: Vec<String> = rooms().iter().flat_map(Room::unclear).collect();
    none(&faults, "name each import, and give each module its file: the test for circles follows names and files");
}

/// Returns the circles of a planted room.
fn planted(files: &[(&str, &str)]) -> Vec<String> {
    Room::read("src", files.iter().copied()).circles()
}

#[test]
fn a_planted_circle_is_found() {
    let found = planted(&[
        ("src/room/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
        ("src/room/a.rs", "use super::b::B; pub struct A;"),
        ("src/room/b.rs", "use crate::room::c::C; pub struct B; fn f() { super::a::g(); }"),
        ("src/room/c.rs", "use self::d::D; pub struct C;"),
    ]);
    assert_eq!(found, ["src/room/a.rs uses super::b::B, src/room/b.rs uses super::a::g"]);
}

#[test]
fn a_longer_circle_is_found_and_names_all_of_its_files() {
    let found = planted(&[
        ("src/room/a.rs", "use super::b::B;"),
        ("src/room/b.rs", "use super::c; fn f() { c::f(); }"),
        ("src/room/c.rs", "use super::{a::A, d::D};"),
        ("src/room/d.rs", "use super::c::C;"),
    ]);
    let expected = "src/room/c.rs uses super::d::D, src/room/d.rs uses super::c::C (in circles with them: src/room/a.rs, src/room/b.rs)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_reexport_is_followed_to_its_definition() {
    let files = [
        ("src/room/mod.rs", "mod a; mod b; pub use a::A; pub(crate) use b::B;"),
        ("src/room/a.rs", "use super::B; pub struct A;"),
        ("src/room/b.rs", "pub struct B; fn f() -> super::A { todo() }"),
    ];
    assert_eq!(planted(&files), ["src/room/a.rs uses super::B, src/room/b.rs uses super::A"]);
    let folder = [
        ("src/room/a.rs", "use super::b::C;"),
        ("src/room/b/mod.rs", "mod c; mod d; pub use c::C; fn f() { d::f(); }"),
        ("src/room/b/c.rs", "pub struct C;"),
        ("src/room/b/d.rs", "use super::super::a::A;"),
    ];
    assert!(planted(&folder).is_empty(), "the file of C uses nothing");
}

#[test]
fn a_mod_file_that_only_reexports_is_in_no_circle() {
    let child = ("src/room/a.rs", "use super::{NUMBER, Shared}; pub struct A;");
    let leaf = ("src/room/leaf.rs", "pub struct Shared;");
    let circles = |text: &str| planted(&[("src/room/mod.rs", text), child, leaf]);
    assert!(circles("mod a; mod leaf; pub use a::A; pub use leaf::Shared; const NUMBER: u8 = 1;").is_empty());
    assert!(circles("mod a; mod leaf; pub use leaf::Shared; const NUMBER: u8 = leaf::NUMBER;").is_empty());
    let found = ["src/room/mod.rs uses a::A, src/room/a.rs uses super::NUMBER"];
    assert_eq!(circles("mod a; mod leaf; use a::A; pub use leaf::Shared; const NUMBER: u8 = 1;"), found);
    assert_eq!(circles("mod a; mod leaf; pub use a::A; const NUMBER: u8 = 1; fn f() -> A { todo() }"), found);
    let called = circles("mod a; mod leaf; const NUMBER: u8 = 1; fn f() { a::f(); }");
    assert_eq!(called, ["src/room/mod.rs uses a::f, src/room/a.rs uses super::NUMBER"]);
}

#[test]
fn tests_comments_and_other_rooms_make_no_circle() {
    let files = [
        ("src/room/mod.rs", "mod a; #[cfg(test)] mod tests; pub fn f() { a::f(); }"),
        ("src/room/a.rs", "use crate::other::f; // use super::f;\n#[cfg(test)] mod tests { use super::super::f; }"),
        ("src/room/tests.rs", "use super::a;"),
        ("src/room/tests/b.rs", "use super::super::f;"),
    ];
    assert!(planted(&files).is_empty());
}
