//! Reads the object tree of a Python pickle without running anything of it.
//!
//! The machine knows the few callables that tensors are built with and treats a call of any other as an opaque
//! object: it remembers the callable's name, and never imports or calls it. Objects lie in one arena and refer to
//! each other by index, so shared and cyclic references cost nothing.

use super::CheckpointError;
use super::stream::Stream;
use super::tensor::{Element, StorageRef, TensorSpec};

/// Index of a node in its [`Tree`].
pub(super) type Ref = usize;

/// One object of a pickle.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian two's complement.
    BigInt(Vec<u8>),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A tuple or a set that cannot be changed.
    Tuple(Vec<Ref>),
    /// A list or a set.
    List(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    /// A name that the pickle refers to: `module name`.
    Global(String),
    Storage(StorageRef),
    Tensor(TensorSpec),
    /// What calling something unknown would give; it is not called.
    Opaque {
        callable: String,
    },
}

/// All objects of one pickle.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The object that the pickle stands for.
    pub(super) root: Ref,
}

impl Tree {
    pub(super) fn node(&self, at: Ref) -> &Node {
        &self.nodes[at]
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// Reads one pickle from where the stream stands to its STOP.
pub(super) fn read(stream: &mut Stream<'_>) -> Result<Tree, CheckpointError> {
    let mut machine = Machine::default();
    loop {
        if let Some(root) = machine.step(stream)? {
            return Ok(Tree { nodes: machine.nodes, root });
        }
    }
}

#[derive(Default)]
struct Machine {
    nodes: Vec<Node>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: std::collections::HashMap<u64, Ref>,
}

impl Machine {
    /// Executes one opcode; the root at STOP.
    fn step(&mut self, s: &mut Stream<'_>) -> Result<Option<Ref>, CheckpointError> {
        let at = s.position();
        match s.u8()? {
            b'.' => return self.pop(s).map(Some),
            0x80 => drop(s.u8()?),
            0x95 => drop(s.u64()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop(s)?),
            b'1' => drop(self.pop_mark(s)?),
            b'2' => {
                let top = self.top(s)?;
                self.stack.push(top);
            }
            op @ (b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j') => self.memoize(op, s)?,
            op @ (b'N' | 0x88 | 0x89 | b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G') => {
                let node = number(op, s)?;
                self.push(node);
            }
            op @ (b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96) => {
                let node = string(op, s)?;
                self.push(node);
            }
            op @ (b')' | b't' | 0x85..=0x87 | 0x91 | b']' | 0x8f | b'l' | b'}' | b'd') => {
                self.collect(op, s)?
            }
            op @ (b'a' | b'e' | 0x90 | b's' | b'u') => self.extend(op, s)?,
            op @ (b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'o' | b'i' | b'b') => self.object(op, s)?,
            op @ (b'P' | b'Q') => self.persistent(op, s)?,
            op => return Err(s.malformed_at(at, format!("unknown pickle opcode 0x{op:02x}"))),
        }
        Ok(None)
    }

    fn push(&mut self, node: Node) {
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
    }

    fn top(&self, s: &Stream<'_>) -> Result<Ref, CheckpointError> {
        self.stack.last().copied().ok_or_else(|| s.malformed("pickle stack is empty"))
    }

    fn pop(&mut self, s: &Stream<'_>) -> Result<Ref, CheckpointError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| s.malformed("pickle stack is empty")),
            false => Err(s.malformed("pickle stack is empty")),
        }
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self, s: &Stream<'_>) -> Result<Vec<Ref>, CheckpointError> {
        let mark = self.marks.pop().ok_or_else(|| s.malformed("pickle has no mark to go back to"))?;
        Ok(self.stack.split_off(mark))
    }

    fn memoize(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        let key = match op {
            b'p' | b'g' => s.line()?.parse().map_err(|_| s.malformed("pickle memo number is no number"))?,
            b'q' | b'h' => u64::from(s.u8()?),
            b'r' | b'j' => u64::from(s.u32()?),
            _ => self.memo.len() as u64,
        };
        if matches!(op, b'g' | b'h' | b'j') {
            let known = self.memo.get(&key).copied();
            self.stack.push(known.ok_or_else(|| s.malformed(format!("pickle memo {key} is not set")))?);
        } else {
            let top = self.top(s)?;
            self.memo.insert(key, top);
        }
        Ok(())
    }

    fn collect(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        let node = match op {
            b')' => Node::Tuple(Vec::new()),
            b't' | 0x91 => Node::Tuple(self.pop_mark(s)?),
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x84..op {
                    items.insert(0, self.pop(s)?);
                }
                Node::Tuple(items)
            }
            b']' | 0x8f => Node::List(Vec::new()),
            b'l' => Node::List(self.pop_mark(s)?),
            b'}' => Node::Dict(Vec::new()),
            _ => Node::Dict(pairs(&self.pop_mark(s)?)),
        };
        self.push(node);
        Ok(())
    }

    /// Adds to a list, set or dict; what is added to anything else is forgotten.
    fn extend(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        let items = match op {
            b'a' => vec![self.pop(s)?],
            b's' => {
                let value = self.pop(s)?;
                vec![self.pop(s)?, value]
            }
            _ => self.pop_mark(s)?,
        };
        let target = self.top(s)?;
        match &mut self.nodes[target] {
            Node::List(list) if matches!(op, b'a' | b'e' | 0x90) => list.extend(items),
            Node::Dict(dict) if matches!(op, b's' | b'u') => dict.extend(pairs(&items)),
            Node::Opaque { .. } => {}
            _ => return Err(s.malformed("pickle adds items to something that holds none")),
        }
        Ok(())
    }

    fn object(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        match op {
            b'c' => {
                let (module, name) = (s.line()?, s.line()?);
                self.push(Node::Global(format!("{module} {name}")));
            }
            0x93 => {
                let (name, module) = (self.pop(s)?, self.pop(s)?);
                let node = match (&self.nodes[module], &self.nodes[name]) {
                    (Node::Text(module), Node::Text(name)) => Node::Global(format!("{module} {name}")),
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
                let callable = format!("{} {}", s.line()?, s.line()?);
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
                    Node::Tuple(args) => args.clone(),
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
            ("collections OrderedDict", [items]) => Node::Dict(self.items(*items)),
            ("torch Size", [sizes]) => self.nodes[*sizes].clone(),
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
    fn items(&self, at: Ref) -> Vec<(Ref, Ref)> {
        let pair = |at: &Ref| match &self.nodes[*at] {
            Node::Tuple(pair) | Node::List(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            _ => None,
        };
        match &self.nodes[at] {
            Node::Tuple(items) | Node::List(items) => items.iter().filter_map(pair).collect(),
            Node::Dict(items) => items.clone(),
            _ => Vec::new(),
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
    fn persistent(&mut self, op: u8, s: &mut Stream<'_>) -> Result<(), CheckpointError> {
        if op == b'P' {
            let id = s.line()?;
            return Err(s.malformed(format!("persistent id '{id}' is no storage")));
        }
        let id = self.pop(s)?;
        let Node::Tuple(parts) = &self.nodes[id] else {
            return Err(s.malformed("persistent id is no tuple"));
        };
        let text = |at: usize| match parts.get(at).map(|p| &self.nodes[*p]) {
            Some(Node::Text(text)) => Ok(text.clone()),
            // Keys of old files may be numbers.
            Some(Node::Int(number)) => Ok(number.to_string()),
            _ => Err(s.malformed("persistent id is no storage")),
        };
        if text(0)? != "storage" || parts.len() < 5 {
            return Err(s.malformed("persistent id is no storage"));
        }
        let element = match &self.nodes[parts[1]] {
            Node::Global(name) => Element::of_storage(name),
            _ => None,
        };
        let element = element.ok_or_else(|| {
            s.malformed(format!(
                "storage has an element type that is not supported: {:?}",
                self.nodes[parts[1]]
            ))
        })?;
        let mut storage = StorageRef { key: text(2)?, element, first: 0, len: self.count(parts[4], s)? };
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

fn pairs(items: &[Ref]) -> Vec<(Ref, Ref)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

fn number(op: u8, s: &mut Stream<'_>) -> Result<Node, CheckpointError> {
    Ok(match op {
        b'N' => Node::None,
        0x88 => Node::Bool(true),
        0x89 => Node::Bool(false),
        b'J' => Node::Int(i64::from(s.u32()? as i32)),
        b'K' => Node::Int(i64::from(s.u8()?)),
        b'M' => Node::Int(i64::from(s.u16()?)),
        b'G' => Node::Float(f64::from_bits(s.u64()?.swap_bytes())),
        0x8a => {
            let length = usize::from(s.u8()?);
            long(s.take(length)?)
        }
        0x8b => {
            let length = s.length32()?;
            long(s.take(length)?)
        }
        b'I' | b'L' => match s.line()?.trim_end_matches('L') {
            "00" => Node::Bool(false),
            "01" => Node::Bool(true),
            digits => Node::Int(digits.parse().map_err(|_| s.malformed("integer is no number"))?),
        },
        _ => Node::Float(s.line()?.parse().map_err(|_| s.malformed("float is no number"))?),
    })
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Node {
    if bytes.len() > 8 {
        return Node::BigInt(bytes.to_vec());
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(wide))
}

fn string(op: u8, s: &mut Stream<'_>) -> Result<Node, CheckpointError> {
    let length = match op {
        b'S' => return Ok(Node::Text(s.line()?.trim_matches(['\'', '"']).to_owned())),
        b'V' => return Ok(Node::Text(s.line()?)),
        b'U' | 0x8c | b'C' => usize::from(s.u8()?),
        b'T' | b'X' | b'B' => s.length32()?,
        _ => s.length64()?,
    };
    let bytes = s.take(length)?;
    Ok(match op {
        b'B' | b'C' | 0x8e | 0x96 => Node::Bytes(bytes.to_vec()),
        _ => Node::Text(String::from_utf8_lossy(bytes).into_owned()),
    })
}
