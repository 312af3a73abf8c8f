//! The statistics of a dataset as tables and as a picture.

use serde_json::{Value, json};

use super::table::Table;
use crate::dataset::stats::{ClassTally, Stats};
use crate::seld::event::FRAMES_PER_SECOND;

mod panels;
pub mod plot;

/// A row for each split: recordings, minutes, events, and how much of the time something is heard.
pub fn splits_table(stats: &Stats) -> Table {
    let mut table =
        Table::new(["split", "folds", "recordings", "minutes", "events", "frames", "active", "moving"]);
    for split in &stats.splits {
        let total = split.tally.total();
        let folds: Vec<String> = split.folds.iter().map(ToString::to_string).collect();
        let silent = split.tally.polyphony.first().copied().unwrap_or(0);
        let frames: u64 = split.tally.polyphony.iter().sum();
        let active = (frames > 0).then(|| (frames - silent) as f64 / frames as f64);
        table.push([
            json!(split.split),
            json!(folds.join(" ")),
            json!(split.recordings),
            json!(split.minutes),
            json!(total.events),
            json!(total.frames),
            json!(active),
            json!(total.moving_share()),
        ]);
    }
    table
}

/// A row for each split and class.
pub fn classes_table(stats: &Stats) -> Table {
    let mut table = Table::new(["split", "class", "events", "frames", "minutes", "moving"]);
    for split in &stats.splits {
        let name = json!(split.split);
        for (class, tally) in stats.classes.iter().zip(&split.tally.classes) {
            table.push(class_row(name.clone(), class, tally));
        }
        table.push(class_row(name, "all", &split.tally.total()));
    }
    table
}

fn class_row(split: Value, class: &str, tally: &ClassTally) -> [Value; 6] {
    let minutes = tally.frames as f64 / FRAMES_PER_SECOND as f64 / 60.0;
    let (events, frames) = (json!(tally.events), json!(tally.frames));
    [split, json!(class), events, frames, json!(minutes), json!(tally.moving_share())]
}

/// Share of the time with so many events at once, all and those of one class.
pub fn polyphony_table(stats: &Stats) -> Table {
    let total = stats.total();
    let frames: u64 = total.polyphony.iter().sum();
    let share = |count: Option<&u64>| json!(*count.unwrap_or(&0) as f64 / frames.max(1) as f64);
    let mut table = Table::new(["at once", "share of time", "share with so many of one class"]);
    for at_once in 0..total.polyphony.len() {
        let (all, same) = (total.polyphony.get(at_once), total.same_class.get(at_once));
        table.push([json!(at_once), share(all), share(same)]);
    }
    table
}
