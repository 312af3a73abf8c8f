//! The layers of ARCHITECTURE.md hold: a part imports only parts that stand above it in the table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// From leaf to root.
const PARTS: [&str; 22] = [
    "audio",
    "seld",
    "scene",
    "dataset",
    "features",
    "backbone",
    "model",
    "loss",
    "train",
    "search",
    "simulate",
    "store",
    "engine",
    "worker",
    "controller",
    "export",
    "ablation",
    "report",
    "web",
    "diagnosis",
    "cli",
    "main",
];

/// May be used by all parts, and use only each other.
const SHARED: [&str; 9] =
    ["ids", "units", "fs", "rng", "clock", "cache", "system", "tensor_file", "torch_ext"];

/// Must not know libtorch, so that they could move to a crate of their own.
const WITHOUT_TCH: [&str; 8] =
    ["audio", "seld", "scene", "dataset", "search", "simulate", "store", "model/arch"];

fn sources() -> Vec<(String, PathBuf)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let name = |file: &PathBuf| {
        let module = file.strip_prefix(&root).unwrap().with_extension("");
        module.to_str().unwrap().trim_end_matches("/mod").to_owned()
    };
    files.into_iter().map(|file| (name(&file), file)).collect()
}

/// The code of a file without comments and without the unit tests at its end.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let body = text.split("\n#[cfg(test)]\nmod tests").next().unwrap().to_owned();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// First names after `crate::` anywhere in `code`, also those in `crate::{a::b, c}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, token) in code.match_indices("crate::") {
        let rest = &code[start + token.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(names_of_group(group)),
            None => found.extend(first_name(rest)),
        }
    }
    found
}

fn names_of_group(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 1;
    let mut item = String::new();
    for letter in group.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if depth == 0 || (depth == 1 && letter == ',') {
            names.extend(first_name(item.trim_start()));
            item.clear();
        } else {
            item.push(letter);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn a_part_imports_only_parts_above_it() {
    let mut wrong = Vec::new();
    for (module, file) in sources() {
        let part = module.split('/').next().unwrap();
        if part == "lib" {
            continue;
        }
        let place = PARTS.iter().position(|name| *name == part);
        if place.is_none() && !SHARED.contains(&part) {
            wrong.push(format!("{part} is in no table: add it to tests/layering.rs and ARCHITECTURE.md"));
        }
        for import in imports(&code(&file)) {
            let allowed = import == part
                || SHARED.contains(&import.as_str())
                || PARTS.iter().position(|name| *name == import).is_some_and(|other| Some(other) < place);
            if !allowed {
                wrong.push(format!("{module} imports {import}, which does not stand above {part}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn parts_that_know_no_libtorch_do_not_name_it() {
    for (module, file) in sources() {
        let without =
            WITHOUT_TCH.iter().any(|part| module == *part || module.starts_with(&format!("{part}/")));
        if without {
            let code = code(&file);
            assert!(!code.contains("tch::") && !code.contains("use tch"), "{module} names tch");
        }
    }
}

#[test]
fn two_files_have_unsafe_code() {
    let with: Vec<String> = sources()
        .into_iter()
        .filter(|(_, file)| code(file).split_whitespace().any(|word| word == "unsafe"))
        .map(|(module, _)| module)
        .collect();
    assert_eq!(with, ["torch_ext", "train/device"]);
}

#[test]
fn imports_are_read_from_plain_and_grouped_paths() {
    let code = "use crate::seld::{csv, doa};\nuse crate::{audio::{read, write},\n    fs};\nlet x = crate::rng::stream();";
    let names: Vec<String> = imports(code).into_iter().collect();
    assert_eq!(names, ["audio", "fs", "rng", "seld"]);
}
