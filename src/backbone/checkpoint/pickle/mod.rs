//! Reads the object tree of a Python pickle without running anything of it.
//!
//! The machine knows the few callables that tensors are built with and treats a call of any other as an opaque
//! object: it remembers the callable's name, and never imports or calls it. Objects lie in one arena and refer to
//! each other by index, so shared and cyclic references cost nothing.

use super::CheckpointError;
use super::stream::Stream;
use super::tensor::{StorageRef, TensorSpec};

mod objects;
mod scalars;

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
    /// Pairs that were copied from one container to another.
    copied: usize,
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
                let node = scalars::number(op, s)?;
                self.push(node);
            }
            op @ (b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96) => {
                let node = scalars::string(op, s)?;
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
}

fn pairs(items: &[Ref]) -> Vec<(Ref, Ref)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}
