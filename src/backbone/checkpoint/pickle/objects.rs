//! The opcodes that name classes and call them: known ones become tensors and containers, all others stay opaque.

use super::super::CheckpointError;
use super::super::stream::Stream;
use super::super::tensor::{Element, MOST_AXES, StorageRef, TensorSpec};
use super::{Machine, Node, Ref};

/// A call's arguments beyond these say nothing about a tensor.
const MOST_ARGUMENTS: usize = 8;
/// Longest name of a class, a function or a storage. Names are copied each time they are used.
const LONGEST_NAME: usize = 256;

impl Machine {
    pub(super) fn object(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        match op {
            b'c' => {
                let (module, name) = (s.line()?, s.line()?);
                self.push(Node::Global(global(&module, &name, s)?));
            }
            0x93 => {
                let (name, module) = (self.pop(s)?, self.pop(s)?);
                let node = match (&self.nodes[module], &self.nodes[name]) {
                    (Node::Text(module), Node::Text(name)) => Node::Global(global(module, name, s)?),
                    _ => return Err(s.malformed("pickle global has no name")),
                };
                self.push(node);
            }
            b'b' => {
                // State of an object; a state dict's holds only version numbers of its modules.
                self.pop(s)?;
                self.top(s)?;
            }
            b'i' => {
                let callable = global(&s.line()?, &s.line()?, s)?;
                self.pop_mark(s)?;
                self.push(Node::Opaque { callable });
            }
            b'o' => {
                let items = self.pop_mark(s)?;
                let class = *items.first().ok_or_else(|| s.malformed("pickle object has no class"))?;
                self.call(class, &items[1..], s)?;
            }
            _ => {
                if op == 0x92 {
                    self.pop(s)?;
                }
                let (args, callable) = (self.pop(s)?, self.pop(s)?);
                let args = match &self.nodes[args] {
                    Node::Tuple(args) => args.iter().take(MOST_ARGUMENTS).copied().collect::<Vec<_>>(),
                    _ => return Err(s.malformed("pickle calls something without a tuple of arguments")),
                };
                self.call(callable, &args, s)?;
            }
        }
        Ok(())
    }

    /// Pushes what calling a known constructor gives, or an opaque object.
    fn call(&mut self, callable: Ref, args: &[Ref], s: &Stream<'_>) -> Result<(), CheckpointError> {
        let name = match &self.nodes[callable] {
            Node::Global(name) => name.clone(),
            Node::Opaque { callable } => callable.clone(),
            _ => return Err(s.malformed("pickle calls something that has no name")),
        };
        let node = match (name.as_str(), args) {
            ("collections OrderedDict", []) => Node::Dict(Vec::new()),
            ("collections OrderedDict", [items]) => Node::Dict(self.items(*items, s)?),
            ("torch Size", [sizes]) => {
                self.stack.push(*sizes);
                return Ok(());
            }
            ("torch._utils _rebuild_tensor" | "torch._utils _rebuild_tensor_v2", args) => {
                self.tensor(args, s)?
            }
            (
                "torch._utils _rebuild_parameter" | "torch._utils _rebuild_parameter_with_state",
                [data, ..],
            ) => {
                self.stack.push(*data);
                return Ok(());
            }
            _ => Node::Opaque { callable: name },
        };
        self.push(node);
        Ok(())
    }

    /// The pairs of a list of two-element tuples.
    fn items(&mut self, at: Ref, s: &Stream<'_>) -> Result<Vec<(Ref, Ref)>, CheckpointError> {
        let pair = |at: &Ref| match &self.nodes[*at] {
            Node::Tuple(pair) | Node::List(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            _ => None,
        };
        let items: Vec<(Ref, Ref)> = match &self.nodes[at] {
            Node::Tuple(items) | Node::List(items) => items.iter().filter_map(pair).collect(),
            Node::Dict(items) => items.clone(),
            _ => Vec::new(),
        };
        // A list that many dicts are made of again and again is no weights, and would fill the memory.
        self.copied += items.len();
        match self.copied <= s.length() {
            true => Ok(items),
            false => Err(s.malformed("pickle makes too many dicts of one list")),
        }
    }

    fn tensor(&self, args: &[Ref], s: &Stream<'_>) -> Result<Node, CheckpointError> {
        let [storage, offset, shape, strides, ..] = args else {
            return Err(s.malformed("tensor is built from fewer than four values"));
        };
        let Node::Storage(storage) = &self.nodes[*storage] else {
            return Err(s.malformed("tensor is built from something that is no storage"));
        };
        let offset = self.count(*offset, s)?;
        let (shape, strides) = (self.counts(*shape, s)?, self.counts(*strides, s)?);
        if shape.len() != strides.len() {
            return Err(s.malformed(format!(
                "tensor has {} axes but {} strides",
                shape.len(),
                strides.len()
            )));
        }
        Ok(Node::Tensor(TensorSpec { storage: storage.clone(), offset, shape, strides }))
    }

    fn counts(&self, at: Ref, s: &Stream<'_>) -> Result<Vec<usize>, CheckpointError> {
        match &self.nodes[at] {
            Node::Tuple(items) | Node::List(items) if items.len() > MOST_AXES => {
                Err(s.malformed(format!("tensor has {} axes", items.len())))
            }
            Node::Tuple(items) | Node::List(items) => items.iter().map(|i| self.count(*i, s)).collect(),
            _ => Err(s.malformed("tensor shape is no tuple")),
        }
    }

    fn count(&self, at: Ref, s: &Stream<'_>) -> Result<usize, CheckpointError> {
        match self.nodes[at] {
            Node::Int(n) => usize::try_from(n).map_err(|_| s.malformed(format!("negative size {n}"))),
            _ => Err(s.malformed("size is no integer")),
        }
    }

    /// A persistent id; torch uses it for storages only.
    pub(super) fn persistent(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        if op == b'P' {
            let id = s.line()?;
            return Err(s.malformed(format!("persistent id '{id}' is no storage")));
        }
        let id = self.pop(s)?;
        let Node::Tuple(parts) = &self.nodes[id] else {
            return Err(s.malformed("persistent id is no tuple"));
        };
        let text = |at: usize| match parts.get(at).map(|p| &self.nodes[*p]) {
            Some(Node::Text(text)) if text.len() > LONGEST_NAME => {
                Err(s.malformed("key of a storage is too long"))
            }
            Some(Node::Text(text)) => Ok(text.clone()),
            // Keys of old files may be numbers.
            Some(Node::Int(number)) => Ok(number.to_string()),
            _ => Err(s.malformed("persistent id is no storage")),
        };
        if text(0)? != "storage" || parts.len() < 5 {
            return Err(s.malformed("persistent id is no storage"));
        }
        let class = match &self.nodes[parts[1]] {
            Node::Global(name) => name.as_str(),
            _ => return Err(s.malformed("storage has no class")),
        };
        let element = Element::of_storage(class)
            .ok_or_else(|| s.malformed(format!("elements of '{class}' are not supported")))?;
        let whole = self.count(parts[4], s)?;
        let mut storage = StorageRef { key: text(2)?, element, first: 0, len: whole, whole };
        // Very old files describe a storage as a part of another one: (key, offset, length).
        if let Some(Node::Tuple(view)) = parts.get(5).map(|p| &self.nodes[*p])
            && let [_, first, len] = view[..]
        {
            storage.first = self.count(first, s)?;
            storage.len = self.count(len, s)?;
        }
        self.push(Node::Storage(storage));
        Ok(())
    }
}

/// A class or function by its module and name.
fn global(module: &str, name: &str, s: &Stream<'_>) -> Result<String, CheckpointError> {
    match module.len() + name.len() < LONGEST_NAME {
        true => Ok(format!("{module} {name}")),
        false => Err(s.malformed("name of a class or function is too long")),
    }
}
