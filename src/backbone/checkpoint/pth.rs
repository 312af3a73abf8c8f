//! torch's two containers: where the pickle lies and where the bytes of its storages lie.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::archive;
use super::pickle::{self, Node, Ref, Tree};
use super::stream::Stream;
use super::{Checkpoint, CheckpointError, Layout};

/// First value of a legacy file: 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Keys that training loops keep the state dict under, in order of preference.
const STATE_KEYS: [&str; 3] = ["model", "state_dict", "model_state_dict"];
/// Longest name of a tensor.
const LONGEST_KEY: usize = 1000;
/// Tensors may share a storage, and one may be repeated along an axis, so a file may be larger in memory than on disk.
/// By no more than this, or many times itself: a small file is not to fill the memory.
const SPARE_BYTES: usize = 64 << 20;
const MOST_TIMES: usize = 4;
/// How deep values that are no weights are listed.
const LISTED_DEPTH: usize = 2;

/// Bytes of storages by key.
type Storages<'a> = HashMap<String, &'a [u8]>;

/// A zip archive: `NAME/data.pkl`, and `NAME/data/KEY` for each storage.
pub(super) fn read_zip<'a>(bytes: &'a [u8]) -> Result<Checkpoint, CheckpointError> {
    let entries = archive::entries(bytes)?;
    let pickle = entries.iter().find(|(name, _)| name.ends_with("/data.pkl") || name == "data.pkl");
    let Some((name, content)) = pickle else {
        return Err(CheckpointError::Container(
            "zip archive without data.pkl: not a checkpoint of torch".into(),
        ));
    };
    let prefix = name.trim_end_matches("data.pkl");
    let order = format!("{prefix}byteorder");
    if entries.iter().any(|(name, content)| *name == order && content.starts_with(b"big")) {
        return Err(CheckpointError::Container("values are big-endian, which is not supported".into()));
    }
    let tree = pickle::read(&mut Stream::new(content))?;
    let folder = format!("{prefix}data/");
    let storage =
        |(name, content): &(String, &'a [u8])| Some((name.strip_prefix(&folder)?.to_owned(), *content));
    let storages = entries.iter().filter_map(storage).collect();
    checkpoint(&tree, &storages, Layout::Zip, bytes.len())
}

/// A sequence: magic number, protocol, system, object, storage keys, then length and bytes of each storage.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let mut stream = Stream::new(bytes);
    let magic = pickle::read(&mut stream)?;
    match magic.node(magic.root) {
        Node::BigInt(number) if *number == MAGIC => {}
        _ => return Err(no_magic(&magic)),
    }
    pickle::read(&mut stream)?;
    let system = pickle::read(&mut stream)?;
    if let Some(at) = entry(&system, system.root, "little_endian")
        && *system.node(at) == Node::Bool(false)
    {
        return Err(CheckpointError::Container("values are big-endian, which is not supported".into()));
    }
    let tree = pickle::read(&mut stream)?;
    let sizes = tree.storage_sizes();
    let keys = pickle::read(&mut stream)?;
    let Node::List(listed) = keys.node(keys.root) else {
        return Err(stream.malformed("list of storages is no list"));
    };
    let mut storages = Storages::new();
    for at in listed {
        let key = match keys.node(*at) {
            Node::Text(text) => text.clone(),
            Node::Int(number) => number.to_string(),
            _ => return Err(stream.malformed("key of a storage is no text")),
        };
        let count = stream.length64()?;
        let known = sizes.get(&key).copied();
        let (size, whole) =
            known.ok_or_else(|| stream.malformed(format!("storage {key} belongs to no tensor")))?;
        // Else all that follows would be read from the wrong places.
        if count != whole {
            let what = format!("storage {key} has {count} elements, its tensors say {whole}");
            return Err(stream.malformed(what));
        }
        let length = count.checked_mul(size).ok_or_else(|| stream.malformed("storage is too large"))?;
        storages.insert(key, stream.take(length)?);
    }
    checkpoint(&tree, &storages, Layout::Legacy, bytes.len())
}

fn no_magic(tree: &Tree) -> CheckpointError {
    let call = tree.nodes().iter().find_map(|node| match node {
        Node::Opaque { callable } => Some(callable),
        _ => None,
    });
    CheckpointError::Container(match call {
        Some(name) => {
            format!("a bare pickle that calls '{name}', which is never run: not a checkpoint of torch")
        }
        None => "a pickle, but not a checkpoint of torch".into(),
    })
}

impl Tree {
    /// Bytes per element, and elements, of every storage that the pickle refers to.
    fn storage_sizes(&self) -> HashMap<String, (usize, usize)> {
        let storage = |node: &Node| match node {
            Node::Storage(storage) => Some((storage.key.clone(), (storage.element.bytes, storage.whole))),
            _ => None,
        };
        self.nodes().iter().filter_map(storage).collect()
    }
}

fn checkpoint(
    tree: &Tree,
    storages: &Storages<'_>,
    layout: Layout,
    file_bytes: usize,
) -> Result<Checkpoint, CheckpointError> {
    let mut tensors = BTreeMap::new();
    let mut other = Vec::new();
    let mut left = file_bytes.saturating_mul(MOST_TIMES).saturating_add(SPARE_BYTES);
    let state =
        state_dict(tree).ok_or_else(|| CheckpointError::NoTensors { found: words(tree, tree.root) })?;
    for (key, value) in entries(tree, state) {
        if key.len() > LONGEST_KEY {
            let what = format!("state dict has a key of {} bytes, which is no name of a tensor", key.len());
            return Err(CheckpointError::Container(what));
        }
        let key = key.into_owned();
        let Node::Tensor(spec) = tree.node(value) else {
            other.push((key, words(tree, value)));
            continue;
        };
        let wrong = |what: String| CheckpointError::Tensor { name: key.clone(), what };
        let bytes = storages.get(&spec.storage.key);
        let bytes =
            bytes.ok_or_else(|| wrong(format!("its storage {} is not in the file", spec.storage.key)))?;
        left = left.checked_sub(spec.bytes()).ok_or_else(|| {
            wrong(format!("shape {:?}: too large for a file of {file_bytes} bytes", spec.shape))
        })?;
        let tensor = spec.build(&key, bytes)?;
        tensors.insert(key, tensor);
    }
    if tree.root != state {
        list(tree, tree.root, state, "", LISTED_DEPTH, &mut other);
    }
    Ok(Checkpoint { layout, tensors, other })
}

/// The dict that holds the weights: the root, a known key of it, or the same of a tuple's first such element.
fn state_dict(tree: &Tree) -> Option<Ref> {
    let of_dict = |at: Ref| {
        let under = STATE_KEYS.iter().filter_map(|key| entry(tree, at, key));
        under.chain([at]).find(|at| {
            entries(tree, *at).iter().any(|(_, value)| matches!(tree.node(*value), Node::Tensor(_)))
        })
    };
    match tree.node(tree.root) {
        Node::Tuple(items) | Node::List(items) => items.iter().find_map(|at| of_dict(*at)),
        _ => of_dict(tree.root),
    }
}

/// The entries of a dict whose keys are text or numbers; none of anything else.
fn entries(tree: &Tree, at: Ref) -> Vec<(Cow<'_, str>, Ref)> {
    let named = |(key, value): &(Ref, Ref)| match tree.node(*key) {
        Node::Text(text) => Some((Cow::Borrowed(text.as_str()), *value)),
        Node::Int(number) => Some((Cow::Owned(number.to_string()), *value)),
        _ => None,
    };
    match tree.node(at) {
        Node::Dict(pairs) => pairs.iter().filter_map(named).collect(),
        _ => Vec::new(),
    }
}

fn entry(tree: &Tree, at: Ref, key: &str) -> Option<Ref> {
    entries(tree, at).into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Lists what stands beside the state dict.
fn list(tree: &Tree, at: Ref, skip: Ref, path: &str, depth: usize, out: &mut Vec<(String, String)>) {
    let children = match tree.node(at) {
        Node::Tuple(items) | Node::List(items) if path.is_empty() => {
            items.iter().enumerate().map(|(i, at)| (Cow::Owned(format!("[{i}]")), *at)).collect()
        }
        _ => entries(tree, at),
    };
    if children.is_empty() || depth == 0 {
        out.push((path.to_owned(), words(tree, at)));
        return;
    }
    for (key, child) in children {
        if child != skip {
            let key = shortened(&key);
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            list(tree, child, skip, &path, depth - 1, out);
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A value in a few words.
fn words(tree: &Tree, at: Ref) -> String {
    match tree.node(at) {
        Node::None => "None".into(),
        Node::Bool(value) => value.to_string(),
        Node::Int(value) => value.to_string(),
        Node::BigInt(bytes) => format!("integer of {} bytes", bytes.len()),
        Node::Float(value) => value.to_string(),
        Node::Text(text) => format!("'{}'", shortened(text)),
        Node::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Node::Tuple(items) => format!("tuple of {}", items.len()),
        Node::List(items) => format!("list of {}", items.len()),
        Node::Dict(items) => format!("dict of {}", items.len()),
        Node::Global(name) => format!("name {name}"),
        Node::Storage(storage) => format!("storage of {} elements", storage.len),
        Node::Tensor(spec) => format!("tensor {:?}", spec.shape),
        Node::Opaque { callable } => format!("object of {callable} (not run)"),
    }
}
