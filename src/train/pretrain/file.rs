//! What is left of a training: weights and class names.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use tch::Tensor;

use super::Error;
use super::run::Summary;
use crate::backbone::small::classes_file;
use crate::fs;
use crate::model::weights;

/// Key of the file's metadata: one JSON document, because several keys would be in no order.
const KEY: &str = "pretrain";

/// Where weights come from.
#[derive(Debug, Serialize)]
struct Origin<'a> {
    version: &'static str,
    seed: u64,
    epoch: u32,
    map: f64,
    top1: f64,
    classes: Vec<&'a str>,
}

/// Writes weights as safetensors and the class names beside them, each whole or not at all.
pub(super) fn write(
    path: &Path,
    tensors: &[(String, Tensor)],
    seed: u64,
    summary: &Summary,
) -> Result<(), Error> {
    let names: Vec<&str> = summary.classes.iter().map(|class| class.name.as_str()).collect();
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    let origin = Origin {
        version: env!("CARGO_PKG_VERSION"),
        seed,
        epoch: summary.epoch,
        map: summary.map,
        top1: summary.top1,
        classes: names,
    };
    let text = serde_json::to_string(&origin)
        .map_err(|e| weights::Error::Content { path: path.to_owned(), problem: e.to_string() })?;
    // The weights last: with them the tagger is there.
    fs::write_bytes(&classes_file(path), lines.as_bytes())?;
    Ok(weights::write(path, tensors, HashMap::from([(KEY.to_owned(), text)]))?)
}
