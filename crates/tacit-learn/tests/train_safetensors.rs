//! Models as safetensors files: what is written is read back, and nothing else is believed.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::rng::Seed;
use tacit_learn::train::safetensors::{read, read_as, write};

fn model(tensors: &[(&str, &[usize])]) -> Params {
    let tensors =
        tensors.iter().map(|(name, shape)| Tensor { name: (*name).into(), shape: shape.to_vec() });
    let layout = Layout::new(tensors.collect()).unwrap();
    let values = (0..layout.len()).map(|i| i as f32 - 2.5).collect();
    Params::new(Arc::new(layout), values).unwrap()
}

fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn what_is_written_is_read() {
    let params = model(&[("z", &[2, 3]), ("a \"quoted\" ä", &[]), ("m", &[1, 1, 4])]);
    let metadata = [("format".into(), "pt".into()), ("note".into(), "a\nb".into())];
    let bytes = write(&params, &metadata).unwrap();
    assert_eq!(bytes, write(&params, &metadata).unwrap());
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!((header + 8) % 8, 0);
    let (found, about) = read(&bytes).unwrap();
    assert_eq!(found, params);
    assert_eq!(about.into_iter().collect::<Vec<_>>(), metadata);
    assert!(read(&write(&params, &[]).unwrap()).unwrap().1.is_empty());
    assert!(write(&model(&[("__metadata__", &[1])]), &[]).is_err());
}

#[test]
fn tensors_are_found_by_name() {
    let params = model(&[("z", &[2, 3]), ("a", &[4])]);
    let other = model(&[("a", &[4]), ("z", &[2, 3])]);
    let bytes = write(&other, &[]).unwrap();
    let found = read_as(&bytes, params.layout()).unwrap();
    assert_eq!(found.layout(), params.layout());
    assert_eq!(found.tensor("z"), other.tensor("z"));
    assert_eq!(found.tensor("a"), other.tensor("a"));
    for (tensors, why) in [
        (
            &[("a", &[4][..]), ("z", &[3, 2])][..],
            "expected z of shape [2, 3], found z of shape [3, 2]",
        ),
        (&[("a", &[4])], "expected z of shape [2, 3], found no such tensor"),
        (&[("a", &[4]), ("z", &[2, 3]), ("b", &[1])], "found also b"),
    ] {
        let bytes = write(&model(tensors), &[]).unwrap();
        let text = read_as(&bytes, params.layout()).unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn refuses_what_is_no_model() {
    let one = r#""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    assert!(read(&file(&format!("{{{one}}}"), 4)).is_ok());
    for (bytes, why) in [
        (Vec::new(), "format"),
        (vec![1; 7], "format"),
        (u64::MAX.to_le_bytes().to_vec(), "a header of at most"),
        ((90u64 << 20).to_le_bytes().to_vec(), "a header of at most"),
        (file("{}", 0), "1 to 65536 tensors"),
        (file("[]", 0), "format"),
        (file(&format!("{{{one}}}"), 3), "format"),
        (file(&format!("{{{one}}}"), 5), "format"),
        (
            file(&one.replace("F32", "I32").replace("\"w\"", "{\"w\"").replace("]}", "]}}"), 4),
            "I32",
        ),
        (file(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4), "format"),
        (file(r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8), "format"),
        (file(r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4), "format"),
        (
            file(
                r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
                0,
            ),
            "format",
        ),
        (
            file(r#"{"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, 4),
            "at most 8 dimensions",
        ),
    ] {
        let text = read(&bytes).unwrap_err().to_string();
        assert!(text.contains(why), "{why}: {text}");
    }
}

#[test]
fn damaged_files_never_panic() {
    let bytes = write(&model(&[("z", &[2, 3]), ("a", &[4])]), &[]).unwrap();
    let mut rng = Seed::root(1).rng();
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(damaged.len() as u64) as usize;
            damaged[at] = rng.next_u64() as u8;
        }
        damaged.truncate(rng.below(bytes.len() as u64 * 4) as usize);
        if let Ok((params, _)) = read(&damaged) {
            assert!(params.values().iter().all(|x| x.is_finite()));
        }
    }
}
