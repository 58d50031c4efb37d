//! The map in `CONTRIBUTING.md` holds: a room uses only the rooms before it, and no files import
//! each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of one package, and its rooms in the order of the map.
struct House {
    root: PathBuf,
    rooms: Vec<String>,
}

#[test]
fn rooms_use_only_the_rooms_before_them() {
    for house in houses() {
        let mut wrong = Vec::new();
        for file in house.files() {
            let Some(own) = house.room_of(&file) else {
                wrong.push(format!("{} is in no room of the map", file.display()));
                continue;
            };
            for used in rooms_used(&file) {
                match house.rank(&used) {
                    Some(rank) if rank <= house.rank(&own).unwrap() => {}
                    Some(_) => wrong.push(format!("{} uses `{used}` below it", file.display())),
                    None => {
                        wrong.push(format!("{} uses `{used}`, which is no room", file.display()));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}:\n{}", house.root.display(), wrong.join("\n"));
    }
}

#[test]
fn every_room_of_the_map_is_there() {
    for house in houses() {
        for room in &house.rooms {
            let folder = house.root.join(room);
            let there = folder.is_dir() || folder.with_extension("rs").is_file();
            assert!(there, "{} has no {room}", house.root.display());
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for house in houses() {
        let arrows: BTreeMap<PathBuf, BTreeSet<PathBuf>> =
            house.files().into_iter().map(|file| (file.clone(), house.imports(&file))).collect();
        let circles: Vec<_> = arrows
            .keys()
            .filter(|file| reachable(&arrows, file).contains(*file))
            .map(|file| file.display().to_string())
            .collect();
        assert!(circles.is_empty(), "in circles: {}", circles.join(", "));
    }
}

/// Everything that a file imports, by however many steps.
fn reachable(arrows: &BTreeMap<PathBuf, BTreeSet<PathBuf>>, file: &Path) -> BTreeSet<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<_> = arrows[file].iter().cloned().collect();
    while let Some(file) = next.pop() {
        if seen.insert(file.clone()) {
            next.extend(arrows.get(&file).into_iter().flatten().cloned());
        }
    }
    seen
}

/// Reads the map: a fenced block marked `rooms`, a line for each package.
fn houses() -> Vec<House> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let (_, map) = text.split_once("```rooms\n").expect("CONTRIBUTING.md has a map");
    let (map, _) = map.split_once("```").unwrap();
    let houses: Vec<_> = map
        .lines()
        .map(|line| {
            let (folder, rooms) = line.split_once(':').unwrap();
            let rooms = rooms.split_whitespace().map(str::to_owned).collect();
            House { root: root.join(folder), rooms }
        })
        .collect();
    assert!(!houses.is_empty());
    houses
}

impl House {
    /// All sources but the root of the package, which hands names on, and what only tests have.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                match path.extension() {
                    _ if path.is_dir() => folders.push(path),
                    Some(extension) if extension == "rs" => match name {
                        "lib.rs" | "main.rs" | "tests.rs" | "interleavings.rs" => {}
                        _ => files.push(path),
                    },
                    _ => {}
                }
            }
        }
        files.sort();
        files
    }

    fn room_of(&self, file: &Path) -> Option<String> {
        let first = file.strip_prefix(&self.root).ok()?.components().next()?;
        let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
        self.rank(&name).map(|_| name)
    }

    fn rank(&self, room: &str) -> Option<usize> {
        self.rooms.iter().position(|known| known == room)
    }

    /// The files whose names a file imports.
    fn imports(&self, file: &Path) -> BTreeSet<PathBuf> {
        let module = self.module_of(file);
        uses(&private_uses(&code(file)))
            .into_iter()
            .filter_map(|path| self.resolve(&absolute(&module, &path)?))
            .filter(|found| found != file)
            .collect()
    }

    fn module_of(&self, file: &Path) -> Vec<String> {
        let inside = file.strip_prefix(&self.root).unwrap().with_extension("");
        let mut module: Vec<_> =
            inside.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        module
    }

    /// The file in which the name at the end of a path is defined.
    fn resolve(&self, path: &[String]) -> Option<PathBuf> {
        let depth = (1..=path.len()).rev().find(|depth| self.file_of(&path[..*depth]).is_some())?;
        let file = self.file_of(&path[..depth])?;
        let Some(name) = path.get(depth) else { return Some(file) };
        // A name that a module only hands on is its child's.
        let handed_on = uses(&code(&file)).into_iter().find(|path| path.last() == Some(name));
        let handed_on = handed_on.and_then(|path| absolute(&self.module_of(&file), &path));
        match handed_on {
            Some(inner) if inner.starts_with(&path[..depth]) && inner != path => {
                self.resolve(&inner).or(Some(file))
            }
            _ => Some(file),
        }
    }

    fn file_of(&self, module: &[String]) -> Option<PathBuf> {
        let folder = module.iter().fold(self.root.clone(), |path, part| path.join(part));
        let file = folder.with_extension("rs");
        [file, folder.join("mod.rs")].into_iter().find(|file| file.is_file())
    }
}

/// Every `crate::room` that stands in the code, in imports and beyond.
fn rooms_used(file: &Path) -> BTreeSet<String> {
    let code = code(file);
    let inline = code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$'));
    let inline = inline.map(|(at, found)| {
        let rest = &code[at + found.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
    });
    let in_crate = uses(&code).into_iter().filter(|path| path[0] == "crate");
    in_crate
        .filter_map(|path| path.get(1).cloned())
        .chain(inline.filter(|room| !room.is_empty()))
        .collect()
}

/// A path of a `use` as seen from the root of the package; `None` if it is another package's.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            Some([module.get(..module.len().checked_sub(ups)?)?, &path[ups..]].concat())
        }
        _ => Some([module, path].concat()),
    }
}

/// A file without its comments and its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let is_tests = |at: &usize| {
        lines[*at].trim().starts_with("#[cfg(")
            && lines[*at].contains("test")
            && lines.get(at + 1).is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
    };
    let end = (0..lines.len()).find(is_tests).unwrap_or(lines.len());
    lines[..end].join("\n")
}

/// The code without what it only hands on.
fn private_uses(code: &str) -> String {
    code.split_inclusive(';')
        .filter(|statement| {
            let last = statement.trim().lines().find(|line| !line.trim().starts_with('#'));
            !(last.is_some_and(|line| line.trim().starts_with("pub")) && statement.contains("use "))
        })
        .collect()
}

/// The paths of all `use` statements, a path for each name.
fn uses(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        let Some((before, tree)) = statement.rsplit_once("use ") else { continue };
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        expand(&[], &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
    }
    paths
}

fn expand(before: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let tree = tree.split(" as ").next().unwrap().trim();
    match tree.split_once('{') {
        Some((stem, group)) => {
            let stem =
                stem.split("::").filter(|part| !part.is_empty()).map(|p| p.trim().to_owned());
            let before = [before, &stem.collect::<Vec<_>>()].concat();
            for branch in branches(group.trim_end_matches('}')) {
                expand(&before, branch, paths);
            }
        }
        None => {
            let parts = tree.split("::").filter(|part| !part.is_empty() && *part != "self");
            let path = [before, &parts.map(str::to_owned).collect::<Vec<_>>()].concat();
            if !path.is_empty() {
                paths.push(path);
            }
        }
    }
}

/// The branches of a group, split at the commas that are not inside another group.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut branches) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&group[start..]);
    branches.into_iter().filter(|branch| !branch.trim().is_empty()).collect()
}
