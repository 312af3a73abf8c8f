//! Recorded results of architecture searches: the default sampler against plain random search, on every table.

use std::path::Path;

use at2seld::simulate::regret::summarise;
use at2seld::simulate::{Setting, Table, replay, whole_table};

use crate::folders;

const BUDGET: u32 = 50;
const SEEDS: u64 = 10;

fn regret(table: &Table, file: &Path, sampler: Option<&str>) -> f64 {
    let document = whole_table(table, BUDGET);
    // Random search as it is everywhere; the default as it comes.
    let pruner = sampler.map(|_| "none".to_owned());
    let setting = Setting { sampler: sampler.map(str::to_owned), pruner };
    let space = setting.space(&file.display().to_string(), &document, table).unwrap();
    let searches: Vec<_> = (1..=SEEDS).map(|seed| replay(table, &space, &[BUDGET], seed)).collect();
    summarise(table, &searches)[0].percent
}

#[test]
fn the_default_search_finds_better_ones_than_random_search() {
    let mut files = folders::cases("tables", "zst");
    files.extend(folders::cases("tables", "jsonl"));
    for file in &files {
        let table = Table::read(file).unwrap();
        let (random, default) = (regret(&table, file, Some("random")), regret(&table, file, None));
        eprintln!("{}: random {random:.2} %, default {default:.2} %", table.name);
        // Where plateaus leave a model nothing to learn from, it may find no more than chance does.
        let bearable = if table.is_measured() { 1.5 * random } else { 0.8 * random };
        assert!(default <= bearable, "{}: random {random:.2} %, default {default:.2} %", table.name);
    }
    assert!(!files.is_empty());
}
