//! Classes of one dataset in terms of another's, so that a model trained on one can be scored on the other.
//!
//! A map is a TOML file: which names it is for, and for each class of the model the class of the data that it is
//! counted as. Several classes may become one; what has no counterpart on the other side is left out of the score.
//!
//! ```toml
//! from = ["female speech", "male speech", "piano"]
//! to = ["speech", "knock"]
//!
//! [classes]
//! "female speech" = "speech"
//! "male speech" = "speech"
//! ```
//!
//! The maps between the published datasets are in the folder `class_maps/` of the repository and built in under
//! their file names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::layout::Layout;
use crate::fs::FileError;
use crate::seld::event::FrameEvent;

/// Maps that are built in, by name.
const BUILT_IN: [(&str, &str); 12] = {
    macro_rules! maps {
        ($($name:literal),*) => {
            [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/class_maps/", $name, ".toml")))),*]
        };
    }
    maps![
        "starss-to-tau2019",
        "starss-to-tau-nigens2020",
        "starss-to-tau-nigens2021",
        "tau2019-to-starss",
        "tau2019-to-tau-nigens2020",
        "tau2019-to-tau-nigens2021",
        "tau-nigens2020-to-starss",
        "tau-nigens2020-to-tau2019",
        "tau-nigens2020-to-tau-nigens2021",
        "tau-nigens2021-to-starss",
        "tau-nigens2021-to-tau2019",
        "tau-nigens2021-to-tau-nigens2020"
    ]
};

/// From the classes of a model to those of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    /// Names of the classes that count, those of the data that something is mapped to, by their new index.
    pub classes: Vec<String>,
    /// New index of each class of the model.
    from_model: Vec<Option<u32>>,
    /// New index of each class of the data.
    from_data: Vec<Option<u32>>,
    /// Classes of the model without a counterpart: what it says of them is not counted.
    pub unmapped: Vec<String>,
    /// Classes of the data without a counterpart: labels of them are not counted.
    pub uncovered: Vec<String>,
}

/// A map that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClassMapError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not TOML, or other keys than a map has.
    #[error("class map {name}: {problem}")]
    Syntax {
        /// Name or path of the map.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// It speaks of a class that the model or the data does not have.
    #[error("class map {name}: {side} knows no class {class:?}; it has {}", known.join(", "))]
    Class {
        /// Name or path of the map.
        name: String,
        /// "the model" or "the dataset".
        side: &'static str,
        /// The class.
        class: String,
        /// Classes that there are.
        known: Vec<String>,
    },
    /// No class of the model has a counterpart.
    #[error("class map {name}: no class of the model has a counterpart in the dataset")]
    Nothing {
        /// Name or path of the map.
        name: String,
    },
    /// Neither a built-in map nor a file.
    #[error("no class map {name:?}: neither a file nor one of {}, same-names", ClassMap::names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
}

/// The content of a file. `from` and `to` are for the reader: what counts is whether the names in `classes` exist.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "from")]
    _from: Names,
    #[serde(rename = "to")]
    _to: Names,
    classes: BTreeMap<String, String>,
}

/// A dataset by name, or its classes.
#[derive(Debug)]
struct Names;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let is_list = value.as_array().is_some_and(|list| list.iter().all(toml::Value::is_str));
        let error = || serde::de::Error::custom("expected the name of a dataset, or a list of classes");
        if value.is_str() || is_list { Ok(Self) } else { Err(error()) }
    }
}

impl ClassMap {
    /// Names of the maps that are built in.
    pub fn names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    /// The built-in map between two lists of classes, where they are those of published datasets.
    pub fn name_for(model: &[String], data: &[String]) -> Option<&'static str> {
        let vocabulary = |classes: &[String]| {
            let mut known = Layout::ALL.into_iter();
            let layout = known.find(|layout| layout.classes().is_some_and(|names| classes == names))?;
            Some(match layout {
                Layout::Starss22 | Layout::Starss23 => "starss",
                other => other.name(),
            })
        };
        let name = format!("{}-to-{}", vocabulary(model)?, vocabulary(data)?);
        BUILT_IN.iter().map(|(known, _)| *known).find(|known| *known == name)
    }

    /// The map of this name, or in this file: `same-names` maps each class to the one of the same name.
    ///
    /// # Errors
    /// No such map, mistakes in it, or names that `model` and `data` do not have.
    pub fn load(name: &str, model: &[String], data: &[String]) -> Result<Self, ClassMapError> {
        let path = Path::new(name);
        if path.is_file() {
            let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
            return Self::parse(name, &text, model, data);
        }
        if name == "same-names" {
            let same = model.iter().filter(|class| data.contains(class));
            return Self::new(name, same.map(|class| (class.clone(), class.clone())).collect(), model, data);
        }
        let known = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (_, text) = known.ok_or_else(|| ClassMapError::Unknown { name: name.to_owned() })?;
        Self::parse(name, text, model, data)
    }

    fn parse(name: &str, text: &str, model: &[String], data: &[String]) -> Result<Self, ClassMapError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let problem = error.to_string().trim_end().to_owned();
            ClassMapError::Syntax { name: name.to_owned(), problem }
        })?;
        Self::new(name, document.classes, model, data)
    }

    fn new(
        name: &str,
        pairs: BTreeMap<String, String>,
        model: &[String],
        data: &[String],
    ) -> Result<Self, ClassMapError> {
        let find = |side, known: &[String], class: &String| {
            known.iter().position(|other| other == class).ok_or_else(|| ClassMapError::Class {
                name: name.to_owned(),
                side,
                class: class.clone(),
                known: known.to_vec(),
            })
        };
        let mut targets = vec![None; model.len()];
        for (from, to) in &pairs {
            targets[find("the model", model, from)?] = Some(find("the dataset", data, to)?);
        }
        let covered: BTreeSet<usize> = targets.iter().flatten().copied().collect();
        if covered.is_empty() {
            return Err(ClassMapError::Nothing { name: name.to_owned() });
        }
        let new_index = |class: usize| covered.iter().position(|other| *other == class).map(|new| new as u32);
        let names = |keep: &dyn Fn(usize) -> bool, all: &[String]| -> Vec<String> {
            (0..all.len()).filter(|&class| keep(class)).map(|class| all[class].clone()).collect()
        };
        Ok(Self {
            classes: names(&|class| covered.contains(&class), data),
            unmapped: names(&|class| targets[class].is_none(), model),
            uncovered: names(&|class| !covered.contains(&class), data),
            from_model: targets.into_iter().map(|target| target.and_then(new_index)).collect(),
            from_data: (0..data.len()).map(new_index).collect(),
        })
    }

    /// The same classes compared the other way round: a model that knows the classes of the data, on data that has those of
    /// the model. Classes keep the names that count.
    pub fn reversed(&self) -> Self {
        Self {
            classes: self.classes.clone(),
            from_model: self.from_data.clone(),
            from_data: self.from_model.clone(),
            unmapped: self.uncovered.clone(),
            uncovered: self.unmapped.clone(),
        }
    }

    /// What a class of the model counts as.
    pub fn of_model(&self, class: usize) -> Option<u32> {
        self.from_model.get(class).copied().flatten()
    }

    /// What a class of the data counts as.
    pub fn of_data(&self, class: usize) -> Option<u32> {
        self.from_data.get(class).copied().flatten()
    }

    /// What a model found, in the classes that count.
    pub fn predictions(&self, events: &[FrameEvent]) -> Vec<FrameEvent> {
        mapped(&self.from_model, events)
    }

    /// What a dataset says, in the classes that count.
    pub fn labels(&self, events: &[FrameEvent]) -> Vec<FrameEvent> {
        mapped(&self.from_data, events)
    }
}

fn mapped(table: &[Option<u32>], events: &[FrameEvent]) -> Vec<FrameEvent> {
    let target = |event: &FrameEvent| table.get(event.class as usize).copied().flatten();
    events.iter().filter_map(|event| Some(FrameEvent { class: target(event)?, ..*event })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seld::doa::Direction;

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn events(of: &[u32]) -> Vec<FrameEvent> {
        let direction = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        let event = |&class| FrameEvent { frame: 0, class, source: 0, direction, distance_m: None };
        of.iter().map(event).collect()
    }

    fn found(events: &[FrameEvent]) -> Vec<u32> {
        events.iter().map(|event| event.class).collect()
    }

    #[test]
    fn built_in_maps_fit_the_datasets_they_are_named_after() {
        let of = |name: &str| {
            let name = if name == "starss" { "starss23" } else { name };
            classes(name.parse::<Layout>().unwrap().classes().unwrap())
        };
        for name in ClassMap::names() {
            let (from, to) = name.split_once("-to-").unwrap();
            let map = ClassMap::load(name, &of(from), &of(to)).unwrap();
            assert_eq!(map.classes.len() + map.uncovered.len(), of(to).len());
            assert_eq!(ClassMap::name_for(&of(from), &of(to)), Some(name));
        }
        assert_eq!(ClassMap::name_for(&of("starss"), &of("starss")), None);
    }

    #[test]
    fn events_are_renamed_merged_and_left_out() {
        let (model, data) = (classes(&["woman", "man", "dog"]), classes(&["bell", "speech", "siren"]));
        let text =
            "from = 'a'\nto = ['bell', 'speech', 'siren']\n[classes]\nwoman = 'speech'\nman = 'speech'\n";
        let map = ClassMap::parse("m", text, &model, &data).unwrap();
        assert_eq!((map.classes.clone(), map.unmapped.clone()), (classes(&["speech"]), classes(&["dog"])));
        assert_eq!(map.uncovered, ["bell", "siren"]);
        let back = map.reversed();
        assert_eq!((back.uncovered.clone(), back.unmapped.len()), (classes(&["dog"]), 2));
        assert_eq!(found(&back.predictions(&events(&[0, 1, 2, 1]))), [0, 0]);
        assert_eq!(found(&back.labels(&events(&[0, 2, 1, 9]))), [0, 0]);
        assert_eq!(back.reversed(), map);
        assert_eq!(found(&map.predictions(&events(&[0, 2, 1, 9]))), [0, 0]);
        assert_eq!(found(&map.labels(&events(&[0, 1, 2, 1]))), [0, 0]);
    }

    #[test]
    fn mistakes_are_named() {
        let (model, data) = (classes(&["dog"]), classes(&["bark", "dog"]));
        let parse = |text: &str| ClassMap::parse("m", text, &model, &data).unwrap_err().to_string();
        assert!(parse("from = 3").contains("expected the name of a dataset"));
        let head = "from = 'a'\nto = 'b'\n[classes]\n";
        assert!(
            parse(&format!("{head}cat = 'bark'")).contains("the model knows no class \"cat\"; it has dog")
        );
        assert!(parse(&format!("{head}dog = 'meow'")).contains("the dataset knows no class \"meow\""));
        assert!(parse(head).contains("no class of the model has a counterpart"));
        assert!(parse(&format!("{head}[other]")).contains("other"));
        let unknown = ClassMap::load("none", &model, &data).unwrap_err().to_string();
        assert!(unknown.contains("starss-to-tau2019") && unknown.contains("same-names"), "{unknown}");
        assert_eq!(ClassMap::load("same-names", &model, &data).unwrap().classes, ["dog"]);
    }
}
