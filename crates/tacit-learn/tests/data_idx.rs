//! IDX files: the format of MNIST.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use tacit_core::error::Fault;
use tacit_core::rng::Seed;
use tacit_learn::data::{Source, open};

/// Header of an IDX file.
fn header(kind: u8, dimensions: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, dimensions.len() as u8];
    dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes
}

fn idx(dimensions: &[u32], body: &[u8]) -> Vec<u8> {
    [header(8, dimensions), body.to_vec()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Writes a pair of pictures and labels; gives the path of the pictures.
fn pair(directory: &Path, images: &[u8], labels: &[u8]) -> String {
    let path = directory.join("train-images-idx3-ubyte");
    std::fs::write(&path, images).unwrap();
    std::fs::write(directory.join("train-labels-idx1-ubyte"), labels).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_pair_is_read_and_scaled() {
    let directory = tempfile::tempdir().unwrap();
    let images = idx(&[3, 1, 2], &[0, 255, 51, 102, 153, 204]);
    let labels = idx(&[3], &[2, 0, 1]);
    let set = open(&Source::new(pair(directory.path(), &images, &labels))).unwrap();
    assert_eq!((set.shape().features.as_slice(), set.shape().classes), (&[1, 1, 2][..], 3));
    assert_eq!(set.examples().row(1), [0.2, 0.4]);
    assert_eq!(set.examples().labels(), [2, 0, 1]);
    // Gzipped or not is seen in the bytes, not in the name.
    let packed = pair(directory.path(), &gzip(&images), &gzip(&labels));
    assert_eq!(open(&Source::new(packed)).unwrap(), set);
}

#[test]
fn every_type_is_read() {
    for (kind, body) in [
        (0x09, vec![0xfd, 2]),
        (0x0b, [(-3i16).to_be_bytes(), 2i16.to_be_bytes()].concat()),
        (0x0c, [(-3i32).to_be_bytes(), 2i32.to_be_bytes()].concat()),
        (0x0d, [(-3f32).to_be_bytes(), 2f32.to_be_bytes()].concat()),
        (0x0e, [(-3f64).to_be_bytes(), 2f64.to_be_bytes()].concat()),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let images = [header(kind, &[2, 1]), body].concat();
        let set = pair(directory.path(), &images, &idx(&[2], &[0, 1]));
        let set = open(&Source::new(set)).unwrap();
        assert_eq!((set.examples().row(0), set.examples().row(1)), (&[-3.0][..], &[2.0][..]));
    }
}

#[test]
fn a_directory_of_four_files_comes_split() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    };
    write("train-images-idx3-ubyte.gz", &gzip(&idx(&[2, 1, 1], &[255, 0])));
    write("train-labels-idx1-ubyte.gz", &gzip(&idx(&[2], &[0, 1])));
    write("t10k-images-idx3-ubyte.gz", &gzip(&idx(&[1, 1, 1], &[51])));
    write("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[1], &[1])));
    write("train.csv", b"a stray file");
    let set = open(&Source::new(directory.path().to_str().unwrap())).unwrap();
    assert_eq!((set.train(), set.test()), (&[0, 1][..], &[2][..]));
    assert_eq!(set.test_shard().unwrap().get(0), (&[0.2][..], 1));
    assert_eq!(set.clone().hold_out(0.5, Seed::root(1)).unwrap(), set);
}

#[test]
fn bad_pairs_are_refused() {
    let images = idx(&[2, 1, 1], &[1, 2]);
    let labels = idx(&[2], &[0, 1]);
    let vast = header(8, &[u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
    assert_eq!(vast.len(), 20);
    for (images, labels, expected) in [
        (images[..17].to_vec(), labels.clone(), "expected 2 numbers"),
        (images[..9].to_vec(), labels.clone(), "an end within the header"),
        (Vec::new(), labels.clone(), "an end within the header"),
        ([&images[..], b"x"].concat(), labels.clone(), "found more"),
        (idx(&[2], &[1, 2]), labels.clone(), "one dimension"),
        (idx(&[2, 0], &[]), labels.clone(), "features"),
        ([vec![1], images[1..].to_vec()].concat(), labels.clone(), "a wrong magic number"),
        ([header(7, &[2, 1]), vec![0; 2]].concat(), labels.clone(), "type 0x07"),
        (vec![0, 0, 8, 255], labels.clone(), "a wrong magic number"),
        (vast, labels.clone(), "at most 1073741824 values"),
        (idx(&[2, 1 << 29], &[1]), labels.clone(), "features"),
        (idx(&[1 << 10, 1 << 10, 1 << 10], &[1]), labels.clone(), "1024 labels"),
        (images.clone(), idx(&[3], &[0, 1, 1]), "2 labels, one for each picture"),
        (images.clone(), labels[..9].to_vec(), "expected 2 numbers"),
        (images.clone(), images.clone(), "2 labels, one for each picture"),
        (gzip(&images)[..12].to_vec(), labels.clone(), "data file"),
        (
            [header(0x0d, &[2, 1]), f32::NAN.to_be_bytes().to_vec(), vec![0; 4]].concat(),
            labels.clone(),
            "in row 1 of",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let error = open(&Source::new(pair(directory.path(), &images, &labels))).unwrap_err();
        assert_eq!(error.fault(), Fault::Caller, "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn declared_classes_bound_the_labels() {
    let directory = tempfile::tempdir().unwrap();
    let place = pair(directory.path(), &idx(&[2, 1], &[1, 2]), &idx(&[2], &[0, 3]));
    let with = |classes: &[&str]| Source {
        classes: classes.iter().map(|&c| c.into()).collect(),
        ..Source::new(place.clone())
    };
    assert_eq!(open(&with(&["shirt", "shoe", "bag", "coat"])).unwrap().classes()[3], "coat");
    assert!(open(&with(&["shirt", "shoe"])).is_err());
}

#[test]
fn pictures_without_labels_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let place = pair(directory.path(), &idx(&[2, 1], &[1, 2]), &[]);
    std::fs::remove_file(directory.path().join("train-labels-idx1-ubyte")).unwrap();
    let error = open(&Source::new(place)).unwrap_err();
    assert!(error.to_string().contains("no train-labels-idx1-ubyte"), "{error}");
}
