//! Who may import whom: a file imports what lies in lower layers or in its own room, and no files import each other in a
//! circle.
//!
//! Read from `use` items and from paths in the code, tests apart. A name that a room hands on (`pub use`) counts as
//! the file that defines it, so that a folder's `mod.rs` may list what is in it.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use super::{is_test, sources};

/// Rooms of one layer know nothing of each other but for those of the lowest; those further down know nothing of those
/// above.
const LAYERS: [&[&str]; 11] = [
    &["model", "nearest", "secret", "uri", "words"],
    &["error"],
    &["http", "normalise"],
    &["source", "dest"],
    &["cli"],
    &["plan"],
    &["report"],
    &["run"],
    &["docs"],
    &["commands"],
    &["main"],
];

/// Files that are still in a circle. The list may only shrink.
const CIRCLES: [&str; 2] = ["dest/bigquery", "dest/bigquery/load"];

/// Path of a module below `src`, e.g. `["dest", "duckdb"]`.
type Module = Vec<String>;

/// What one file says of others.
#[derive(Default)]
struct File {
    module: Module,
    /// Paths it imports, from the crate's root.
    imports: Vec<Module>,
    /// Names it hands on, and names it imports for itself: where each comes from.
    names: BTreeMap<String, Module>,
    modules: BTreeSet<String>,
}

impl File {
    fn read(path: &str, text: &str) -> Self {
        let stem = path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Module = stem.split('/').map(str::to_owned).collect();
        if ["mod", "lib"].contains(&module.last().map_or("", String::as_str)) {
            module.pop();
        }
        let mut file = Self { module, ..Self::default() };
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        for item in &parsed.items {
            if let syn::Item::Mod(item) = item {
                file.modules.insert(item.ident.to_string());
            }
        }
        file.visit_file(&parsed);
        file
    }

    /// A path as written, from the crate's root; `None` for one of another crate or of no module.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        match path.first()?.as_str() {
            "crate" | "ingestr" => Some(path[1..].to_vec()),
            "self" => Some([&self.module[..], &path[1..]].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let above = self.module.len().checked_sub(up)?;
                Some([&self.module[..above], &path[up..]].concat())
            }
            child if path.len() > 1 && self.modules.contains(child) => {
                Some([&self.module[..], path].concat())
            }
            _ => None,
        }
    }

    fn take(&mut self, tree: &syn::UseTree, before: &[String], public: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            syn::UseTree::Path(path) => return self.take(&path.tree, &with(&path.ident), public),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.take(tree, before, public));
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned().unwrap_or_default())
            }
            syn::UseTree::Name(name) => (with(&name.ident), name.ident.to_string()),
            syn::UseTree::Rename(rename) => (with(&rename.ident), rename.rename.to_string()),
            syn::UseTree::Glob(_) => (before.to_vec(), String::new()),
        };
        // `pub use child::Name` is seldom written with `self::`.
        let relative = || path.first().filter(|first| self.modules.contains(*first)).is_some();
        let Some(path) =
            self.absolute(&path).or_else(|| relative().then(|| [&self.module[..], &path].concat()))
        else {
            return;
        };
        if !public {
            self.imports.push(path.clone());
        }
        self.names.insert(name, path);
    }
}

fn is_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|only| only.is_ident("test"))
    })
}

impl Visit<'_> for File {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if !is_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if !is_tests(&item.attrs) {
            self.take(&item.tree, &[], !matches!(item.vis, syn::Visibility::Inherited));
        }
    }

    /// `pub(in …)` is no import.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    fn visit_path(&mut self, path: &syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // A name that stands alone is an import already.
        if parts.len() > 1
            && let Some(path) = self.absolute(&parts)
        {
            self.imports.push(path);
        }
        syn::visit::visit_path(self, path);
    }
}

/// The files of `src`, without tests, by module.
fn house() -> BTreeMap<Module, File> {
    let files = sources().filter(|(path, _)| path.starts_with("src/") && !is_test(path));
    let files = files.map(|(path, text)| File::read(&path, &text));
    files.map(|file| (file.module.clone(), file)).collect()
}

/// The file that a path leads to: the innermost module of it or, for a name that this hands on, where that is from.
fn resolve(house: &BTreeMap<Module, File>, path: &[String], steps: u8) -> Module {
    let inner = (0..=path.len()).rev().find(|length| house.contains_key(&path[..*length]));
    let module = &path[..inner.unwrap_or(0)];
    let handed_on = path.get(module.len()).and_then(|name| house.get(module)?.names.get(name));
    match handed_on {
        Some(from) if steps > 0 && from != path => {
            let rest = &path[module.len() + 1..];
            resolve(house, &[from, rest].concat(), steps - 1)
        }
        _ => module.to_vec(),
    }
}

/// Which file imports which others.
fn arrows(house: &BTreeMap<Module, File>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let to = |file: &File| {
        let all = file.imports.iter().map(|path| resolve(house, path, 8));
        all.filter(|to| *to != file.module).collect()
    };
    house.iter().map(|(module, file)| (module, to(file))).collect()
}

fn layer(module: &[String]) -> Option<usize> {
    LAYERS.iter().position(|rooms| module.first().is_some_and(|room| rooms.contains(&room.as_str())))
}

#[test]
fn imports_point_down() {
    let house = house();
    assert!(house.len() > 100, "only {} files were read", house.len());
    let mut wrong = Vec::new();
    for (from, all) in arrows(&house) {
        // The library's root lists what there is.
        let Some(above) = layer(from) else {
            assert!(from.is_empty(), "{from:?} is in no layer");
            continue;
        };
        for to in all {
            let Some(below) = layer(&to) else { continue };
            let sideways = above == below && from[0] != to[0] && above > 0;
            if below > above || sideways {
                let way = if sideways { "beside it" } else { "above it" };
                wrong.push(format!("{} imports {}, which is {way}", from.join("/"), to.join("/")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Files from which a walk along the arrows comes back to where it began, with the arrows on such ways.
fn circles(arrows: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeMap<Module, Vec<Module>> {
    let reaches = |from: &Module, goal: &Module| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            if next == goal {
                return true;
            }
            open.extend(arrows.get(next).into_iter().flatten().filter(|to| seen.insert((*to).clone())));
        }
        false
    };
    let back = |from: &Module, to: &BTreeSet<Module>| -> Vec<Module> {
        to.iter().filter(|to| reaches(to, from)).cloned().collect()
    };
    let all = arrows.iter().map(|(from, to)| ((*from).clone(), back(from, to)));
    all.filter(|(_, back)| !back.is_empty()).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = house();
    let arrows = arrows(&house);
    let found = circles(&arrows);
    let name = |module: &Module| module.join("/");
    let mut wrong = Vec::new();
    for (module, back) in found.iter().filter(|(module, _)| !CIRCLES.contains(&name(module).as_str())) {
        wrong.push(format!(
            "{} imports {}",
            name(module),
            back.iter().map(name).collect::<Vec<_>>().join(", ")
        ));
    }
    for known in CIRCLES.iter().filter(|known| !found.keys().any(|module| name(module) == **known)) {
        wrong.push(format!("{known} is in no circle any more, so it needs no exception"));
    }
    assert!(wrong.is_empty(), "in circles:\n{}", wrong.join("\n"));
}

#[test]
fn an_arrow_is_found_however_it_is_written() {
    let files = [
        ("src/dest/mod.rs", "pub use gone::Tombstone;\nmod gone;\npub mod sql;"),
        ("src/dest/gone.rs", "pub struct Tombstone;"),
        ("src/model.rs", ""),
        ("src/dest/sql.rs", "use super::Tombstone;\n#[cfg(test)]\nmod tests { use crate::run::Run; }"),
        ("src/source.rs", "use crate::{dest::{Tombstone as Gone, sql}, model};\n"),
        ("src/run.rs", "fn run() { crate::source::read(); part::go(); }\nmod part;"),
        ("src/run/part.rs", "use super::Run;"),
    ];
    let house: BTreeMap<Module, File> = files
        .iter()
        .map(|(path, text)| File::read(path, text))
        .map(|file| (file.module.clone(), file))
        .collect();
    let arrows = arrows(&house);
    let of = |from: &str| {
        let from: Module = from.split('/').map(str::to_owned).collect();
        arrows[&from].iter().map(|to| to.join("/")).collect::<Vec<_>>()
    };
    assert_eq!(of("source"), ["dest/gone", "dest/sql", "model"]);
    assert_eq!(of("dest/sql"), ["dest/gone"]);
    assert_eq!(of("dest"), Vec::<String>::new());
    assert_eq!(of("run"), ["run/part", "source"]);
    let circles: Vec<String> = circles(&arrows).keys().map(|module| module.join("/")).collect();
    assert_eq!(circles, ["run", "run/part"]);
}
