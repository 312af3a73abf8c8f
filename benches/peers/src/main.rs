//! `peers TABLE METHODS BUDGETS SEEDS`: regret of other crates' samplers on a table of recorded results, as `at2seld simulate`
//! counts it: every proposal is charged a whole training, one worker, nothing pruned. In brackets different rows that were begun.

mod egobox;
mod optimizer_crate;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use at2seld::search::snapshot::Assignment;
use at2seld::simulate::{Mark, Table, regret};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Somebody else's search, one candidate at a time.
trait Peer {
    /// The next candidate.
    fn ask(&mut self) -> Assignment;

    /// What it came to.
    fn tell(&mut self, loss: f64);
}

fn peer(method: &str, table: &Table, seed: u64) -> Option<Box<dyn Peer>> {
    match method {
        "egobox" => Some(Box::new(egobox::Egobox::new(table, seed))),
        _ => optimizer_crate::Optimizer::new(method, table, seed).map(|peer| Box::new(peer) as _),
    }
}

fn search(mut peer: Box<dyn Peer>, table: &Table, budgets: &[u32]) -> Vec<Mark> {
    let (mut incumbent, mut begun, mut marks) = (table.worst, BTreeSet::new(), Vec::new());
    for trained in 1..=budgets.iter().copied().max().unwrap_or(0) {
        let row = table.find(&peer.ask());
        begun.extend(row);
        let last = row.and_then(|row| table.row(row).last()).unwrap_or(table.worst);
        incumbent = incumbent.min(last);
        peer.tell(last);
        if budgets.contains(&trained) {
            marks.push(Mark { budget: trained, incumbent, distinct: begun.len() });
        }
    }
    marks
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, methods, budgets, seeds] = arguments.as_slice() else {
        eprintln!("usage: peers TABLE METHOD,... BUDGET,... SEEDS");
        std::process::exit(2);
    };
    let table = Table::read(Path::new(file)).expect("a table");
    let budgets: Vec<u32> = budgets.split(',').map(|budget| budget.parse().expect("a budget")).collect();
    let seeds: u64 = seeds.parse().expect("a number of seeds");
    for method in methods.split(',') {
        let begun = Instant::now();
        let runs = (1..=seeds).into_par_iter().map(|seed| {
            let peer = peer(method, &table, seed).expect("egobox, or a sampler of the crate optimizer");
            search(peer, &table, &budgets)
        });
        let runs: Vec<Vec<Mark>> = runs.collect();
        print!("{:18} {method:16}", table.name);
        for regret in regret::summarise(&table, &runs) {
            let half = regret.ci95.unwrap_or(f64::NAN);
            print!("  {}: {:.2} ± {half:.2} ({:.0})", regret.budget, regret.percent, regret.distinct_trials);
        }
        println!("  {:.1} s a search", begun.elapsed().as_secs_f64() / seeds as f64);
    }
}
