//! Files as torch writes them, and files as nobody should.

use super::*;
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    std::fs::read(folder.join(name)).unwrap()
}

const TINY: [&str; 7] = [
    "tiny_legacy.pth",
    "tiny_zip.pth",
    "tiny_flat_legacy.pth",
    "tiny_flat_zip.pth",
    "tiny_panns_layout_legacy.pth",
    "tiny_panns_layout_zip.pth",
    "tiny_aisfx_layout_zip.pth",
];

/// Those, and some that differ.
fn all() -> Vec<&'static str> {
    let others = ["tiny_expected.safetensors", "malicious_legacy.pth", "malicious_zip.pth"];
    TINY.into_iter().chain(others).collect()
}

#[test]
fn every_layout_gives_the_same_tensors() {
    let expected = Checkpoint::from_bytes(&fixture("tiny_expected.safetensors")).unwrap().tensors;
    assert_eq!(expected.len(), 9);
    for name in TINY {
        let read = Checkpoint::from_bytes(&fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(read.tensors.keys().eq(expected.keys()), "{name}");
        for (key, tensor) in &read.tensors {
            assert_eq!(tensor.kind(), expected[key].kind(), "{name} {key}");
            assert_eq!(tensor, &expected[key], "{name} {key}");
        }
    }
}

#[test]
fn other_values_are_listed_and_unknown_objects_stay_opaque() {
    let read = Checkpoint::from_bytes(&fixture("tiny_panns_layout_legacy.pth")).unwrap();
    assert_eq!(read.layout, Layout::Legacy);
    let words: Vec<String> = read.other.iter().map(|(path, what)| format!("{path}: {what}")).collect();
    assert!(words.contains(&"iteration: 600000".to_owned()), "{words:?}");
    assert!(words.iter().any(|w| w.starts_with("sampler") && w.contains("numpy")), "{words:?}");
}

#[test]
fn nothing_of_a_file_is_run() {
    for name in ["malicious_legacy.pth", "malicious_zip.pth"] {
        let read = Checkpoint::from_bytes(&fixture(name)).unwrap();
        assert!(!read.tensors.is_empty());
        assert!(read.other.iter().any(|(path, what)| path == "extra" && what.contains("system")), "{name}");
    }
    let error = Checkpoint::from_bytes(&fixture("malicious.pkl")).unwrap_err().to_string();
    assert!(error.contains("posix system"), "{error}");
    assert!(!Path::new("/tmp/pwned").exists());
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in all() {
        let bytes = fixture(name);
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{name} cut to {length}");
        }
    }
}

/// Bytes of all tensors, which may not be out of proportion to the file.
fn assert_in_proportion(read: &Checkpoint, file_bytes: usize) {
    let bytes: usize =
        read.tensors.values().map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes()).sum();
    assert!(bytes <= (64 << 20) + 4 * file_bytes, "{bytes} bytes from {file_bytes}");
}

/// Changes of single bytes that still give a file: where the values lie, and in what is not looked at.
#[test]
fn one_wrong_byte_anywhere_gives_an_error_or_tensors_of_the_right_form() {
    let expected = Checkpoint::from_bytes(&fixture("tiny_expected.safetensors")).unwrap().tensors;
    for name in ["tiny_flat_legacy.pth", "tiny_flat_zip.pth", "tiny_expected.safetensors"] {
        let whole = fixture(name);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let Ok(read) = Checkpoint::from_bytes(&bytes) else { continue };
            assert_in_proportion(&read, bytes.len());
            let same = read.tensors.iter().filter(|(key, tensor)| {
                expected.get(*key).is_some_and(|other| other.size() == tensor.size() && other == *tensor)
            });
            // A byte is of one name, one shape or one value, and a value of three tensors at most: fc1.weight, fc1.base
            // and fc_audioset.bias are views of one storage.
            assert!(same.count() + 3 >= read.tensors.len(), "{name} changed at {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]
    #[test]
    fn damaged_bytes_never_panic(
        file in 0..all().len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = fixture(all()[file]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = bytes.len();
        for bytes in [&bytes[..], &bytes[..cut.index(whole)]] {
            if let Ok(read) = Checkpoint::from_bytes(bytes) {
                assert_in_proportion(&read, bytes.len());
            }
        }
    }

    #[test]
    fn arbitrary_pickles_never_panic(program in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Checkpoint::from_bytes(&[&[0x80, 2], program.as_slice()].concat());
    }
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn sizes(values: &[u32]) -> Vec<u8> {
    let each = values.iter().flat_map(|value| [b"J", &value.to_le_bytes()[..]].concat());
    [&b"("[..], &each.collect::<Vec<u8>>(), b"t"].concat()
}

/// Opcodes that build a float32 tensor over storage 0.
fn tensor(shape: &[u32], strides: &[u32]) -> Vec<u8> {
    let storage =
        [&b"("[..], &text("storage"), b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x01tQ"];
    let (head, tail) = (&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], &b"\x89NtR"[..]);
    [head, &storage.concat(), b"K\x00", &sizes(shape), &sizes(strides), tail].concat()
}

/// A legacy file with these opcodes as its object, and one value in storage 0.
fn legacy(object: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let keys = [&b".\x80\x02]("[..], &text("0"), b"e.", &1u64.to_le_bytes(), &1f32.to_le_bytes()].concat();
    [&magic[..], b"\x80\x02", object, &keys].concat()
}

fn error(object: &[u8]) -> String {
    Checkpoint::from_bytes(&legacy(object)).unwrap_err().to_string()
}

#[test]
fn a_small_file_does_not_fill_the_memory() {
    let dict = |entries: &[u8]| [&b"}("[..], entries, b"u"].concat();
    let one = |shape: &[u32], strides: &[u32]| dict(&[text("a"), tensor(shape, strides)].concat());
    // What is repeated is fine in moderation: `expand` makes such tensors.
    let read = Checkpoint::from_bytes(&legacy(&one(&[100, 100], &[0, 0]))).unwrap();
    assert_eq!(read.tensors["a"], Tensor::ones([100, 100], (tch::Kind::Float, tch::Device::Cpu)));
    assert!(error(&one(&[1 << 14, 1 << 14], &[0, 0])).contains("too large for a file of"));
    // Each is small enough, all together are not.
    let many: Vec<u8> =
        (0..20).flat_map(|i| [text(&i.to_string()), tensor(&[1 << 20], &[0])].concat()).collect();
    assert!(error(&dict(&many)).contains("too large for a file of"));
    assert!(error(&one(&[1; 1000], &[0; 1000])).contains("1000 axes"));
    let name = "a".repeat(2000);
    assert!(error(&dict(&[text(&name), tensor(&[1], &[1])].concat())).contains("no name of a tensor"));
    let class = [b"c", name.as_bytes(), b"\nb\n"].concat();
    assert!(error(&class).contains("too long"));
    // One list of a thousand pairs, and a thousand dicts of it.
    let pairs = b"K\x01K\x02\x86".repeat(1000);
    let list = [&b"]q\x01("[..], &pairs, b"e"].concat();
    let dicts = b"ccollections\nOrderedDict\nh\x01\x85R".repeat(1000);
    assert!(error(&[list, dicts].concat()).contains("too many dicts"));
}
