//! Writes state dicts as torch does, in its two formats, with what people wrap around them.

use std::path::Path;

/// A tensor to write: contiguous float32.
pub struct Named {
    pub name: String,
    pub shape: Vec<i64>,
    pub values: Vec<f32>,
}

/// torch's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Legacy,
    Zip,
}

/// What the state dict stands in.
#[derive(Debug, Clone, Copy)]
pub enum Around {
    Nothing,
    /// A dict, under this key.
    Key(&'static str),
    /// A tuple with something else.
    Tuple,
}

pub fn write(path: &Path, tensors: &[Named], format: Format, around: Around) {
    let object = object(tensors, format, around);
    let bytes = match format {
        Format::Legacy => legacy(&object, tensors),
        Format::Zip => zip(&object, tensors),
    };
    std::fs::write(path, bytes).unwrap();
}

fn bytes_of(tensor: &Named) -> Vec<u8> {
    tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn number(out: &mut Vec<u8>, number: i64) {
    out.push(b'J');
    out.extend((number as i32).to_le_bytes());
}

fn numbers(out: &mut Vec<u8>, values: impl IntoIterator<Item = i64>) {
    out.push(b'(');
    values.into_iter().for_each(|value| number(out, value));
    out.push(b't');
}

/// The pickle, protocol 2.
fn object(tensors: &[Named], format: Format, around: Around) -> Vec<u8> {
    let mut out = b"\x80\x02".to_vec();
    match around {
        Around::Nothing => {}
        Around::Key(key) => {
            out.extend(b"}(");
            text(&mut out, "iteration");
            number(&mut out, 600_000);
            text(&mut out, key);
        }
        Around::Tuple => out.push(b'('),
    }
    out.extend(b"ccollections\nOrderedDict\n)R(");
    for (index, tensor) in tensors.iter().enumerate() {
        text(&mut out, &tensor.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &index.to_string());
        text(&mut out, "cuda:0");
        number(&mut out, tensor.values.len() as i64);
        if format == Format::Legacy {
            // Not a part of another storage.
            out.push(b'N');
        }
        out.extend(b"tQ");
        number(&mut out, 0);
        numbers(&mut out, tensor.shape.iter().copied());
        let strides = (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product());
        numbers(&mut out, strides);
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.push(b'u');
    match around {
        Around::Nothing => {}
        Around::Key(_) => out.push(b'u'),
        Around::Tuple => out.extend(b"}t"),
    }
    out.push(b'.');
    out
}

fn legacy(object: &[u8], tensors: &[Named]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec();
    out.extend(b"\x80\x02}(");
    text(&mut out, "little_endian");
    out.extend(b"\x88u.");
    out.extend(object);
    out.extend(b"\x80\x02](");
    (0..tensors.len()).for_each(|index| text(&mut out, &index.to_string()));
    out.extend(b"e.");
    for tensor in tensors {
        out.extend((tensor.values.len() as u64).to_le_bytes());
        out.extend(bytes_of(tensor));
    }
    out
}

/// Stored entries, and their list at the end.
fn zip(object: &[u8], tensors: &[Named]) -> Vec<u8> {
    let mut entries =
        vec![("a/data.pkl".to_owned(), object.to_vec()), ("a/version".to_owned(), b"3\n".to_vec())];
    entries.extend(
        tensors.iter().enumerate().map(|(index, tensor)| (format!("a/data/{index}"), bytes_of(tensor))),
    );
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, content) in &entries {
        let mut common = b"\0\0\0\0\0\0\0\0".to_vec();
        common.extend(crc32fast::hash(content).to_le_bytes());
        let length = (content.len() as u32).to_le_bytes();
        common.extend([length, length].concat());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        list.extend(b"PK\x01\x02\0\0\0\0");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend((out.len() as u32).to_le_bytes());
        list.extend(name.as_bytes());
        out.extend(b"PK\x03\x04\0\0");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
    }
    let (start, count) = (out.len() as u32, (entries.len() as u16).to_le_bytes());
    out.extend(&list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend((list.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}
