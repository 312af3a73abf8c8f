//! The datasets that models are scored on, and which of their classes are the same.

use std::path::{Path, PathBuf};

use super::error::Error;
use crate::cache;
use crate::controller::ControllerError;
use crate::dataset::{ClassMap, Dataset, Layout, OpenOptions, Selection};

/// The map of classes that have the same name.
const SAME_NAMES: &str = "same-names";

/// A dataset.
#[derive(Debug)]
pub struct Site {
    /// What it is called in tables.
    pub name: String,
    /// The dataset itself.
    pub dataset: Dataset,
    /// From the classes of the first site to its own, where they are not the same.
    map: Option<NamedMap>,
}

/// A class map and how it was asked for.
#[derive(Debug, Clone)]
pub struct NamedMap {
    /// The name of a built-in map, `same-names`, or a file.
    pub name: String,
    /// The map.
    pub map: ClassMap,
}

/// A dataset to transfer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its folder.
    pub folder: PathBuf,
    /// The map to its classes, where one is named.
    pub class_map: Option<String>,
}

/// Opens the dataset that is trained on, which comes first, and those transferred to. What is found out about them is kept in
/// the cache folder.
///
/// # Errors
/// A dataset that cannot be used, is named twice or has nothing in the split; classes without a map between them.
pub fn open(
    home: &Path,
    layout: Option<Layout>,
    transfers: &[Transfer],
    split: Selection,
) -> Result<Vec<Site>, Error> {
    let mut sites = vec![Site { name: String::new(), dataset: dataset(home, layout, split)?, map: None }];
    for transfer in transfers {
        let dataset = dataset(&transfer.folder, None, split)?;
        if sites.iter().any(|site| is_same(&site.dataset.root, &dataset.root)) {
            return Err(Error::Twice(transfer.folder.clone()));
        }
        let map = map_to(&sites[0].dataset, &dataset, transfer)?;
        sites.push(Site { name: String::new(), dataset, map });
    }
    let names = names(&sites.iter().map(|site| site.dataset.root.clone()).collect::<Vec<_>>());
    sites.iter_mut().zip(names).for_each(|(site, name)| site.name = name);
    Ok(sites)
}

/// Whether all sites can be trained on with this share of the training recordings held out.
///
/// # Errors
/// The first that cannot.
pub fn check_training(sites: &[Site], validation: f64) -> Result<(), Error> {
    let lacking = sites.iter().find(|site| site.dataset.holdout(validation).1.is_empty());
    match lacking {
        Some(site) => Err(ControllerError::NoValidation { data: site.dataset.root.clone() }.into()),
        None => Ok(()),
    }
}

fn dataset(folder: &Path, layout: Option<Layout>, split: Selection) -> Result<Dataset, Error> {
    let dataset = OpenOptions { layout, ..OpenOptions::cached(cache::cache_folder()) }.open(folder)?;
    if dataset.select(split).is_empty() {
        return Err(Error::NothingToScore { folder: folder.to_owned(), split });
    }
    Ok(dataset)
}

fn map_to(home: &Dataset, dataset: &Dataset, transfer: &Transfer) -> Result<Option<NamedMap>, Error> {
    let name = match &transfer.class_map {
        Some(name) => name.as_str(),
        None if home.classes == dataset.classes => return Ok(None),
        None => ClassMap::name_for(&home.classes, &dataset.classes).ok_or_else(|| Error::NoMap {
            folder: transfer.folder.clone(),
            theirs: dataset.classes.clone(),
            home: home.root.clone(),
            ours: home.classes.clone(),
        })?,
    };
    let map = ClassMap::load(name, &home.classes, &dataset.classes)
        .map_err(|source| Error::ClassMap { folder: transfer.folder.clone(), source })?;
    Ok(Some(NamedMap { name: name.to_owned(), map }))
}

/// The map for a model that was trained on one of the sites and is scored on another; `None` where they have the same
/// classes. Between two that are both not the first: a built-in map, else the classes of the same names.
///
/// # Errors
/// In words, where no class is known to be the same.
pub fn between(sites: &[Site], from: usize, to: usize) -> Result<Option<NamedMap>, String> {
    let (ours, theirs) = (&sites[from].dataset.classes, &sites[to].dataset.classes);
    if from == to {
        return Ok(None);
    }
    if from == 0 {
        return Ok(sites[to].map.clone());
    }
    if to == 0 {
        let reverse = |named: &NamedMap| NamedMap {
            name: format!("{}, reversed", named.name),
            map: named.map.reversed(),
        };
        return Ok(sites[from].map.as_ref().map(reverse));
    }
    if ours == theirs {
        return Ok(None);
    }
    let name = ClassMap::name_for(ours, theirs).unwrap_or(SAME_NAMES);
    let map = ClassMap::load(name, ours, theirs).map_err(|error| error.to_string())?;
    Ok(Some(NamedMap { name: name.to_owned(), map }))
}

fn is_same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(a) == real(b)
}

/// The name of each folder, or its whole path where another has the same name.
fn names(folders: &[PathBuf]) -> Vec<String> {
    let last = |folder: &PathBuf| {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        folder.file_name().map(|name| name.to_string_lossy().into_owned())
    };
    let all: Vec<_> = folders.iter().map(last).collect();
    let name = |(folder, name): (&PathBuf, &Option<String>)| match name {
        Some(name) if all.iter().filter(|other| other.as_ref() == Some(name)).count() == 1 => name.clone(),
        _ => folder.display().to_string(),
    };
    folders.iter().zip(&all).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_called_by_their_last_name_where_it_is_their_own() {
        let folders = ["a/starss23", "b/tau", "c/tau"].map(PathBuf::from);
        assert_eq!(names(&folders), ["starss23", "b/tau", "c/tau"]);
    }
}
