//! Tables and arrays written by other programs, and files that are not what they should be.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use tacit_core::error::{Error, Fault};
use tacit_core::rng::Seed;
use tacit_learn::data::{Dataset, Format, Partition, Source, open, partition};

fn vector(name: &str) -> String {
    format!("{}/../../vectors/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn write(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn refused(source: &Source) -> String {
    let error: Error = open(source).unwrap_err();
    assert_eq!(error.fault(), Fault::Caller, "{error}");
    error.to_string()
}

/// Opens a file of this text.
fn csv(text: impl AsRef<[u8]>) -> Result<Dataset, Error> {
    let directory = tempfile::tempdir().unwrap();
    open(&Source::new(write(directory.path(), "a.csv", text)))
}

fn rows(dataset: &Dataset) -> Vec<Vec<f32>> {
    (0..dataset.examples().len()).map(|row| dataset.examples().row(row).to_vec()).collect()
}

#[test]
fn csv_and_parquet_of_one_table_are_one_data_set() {
    for name in ["clinics.csv", "clinics-snappy.parquet", "clinics-none.parquet"] {
        let source = Source { group: Some("clinic".into()), ..Source::new(vector(name)) };
        let dataset = open(&source).unwrap();
        assert_eq!(dataset.features(), ["age", "visits"], "{name}");
        assert_eq!(dataset.classes(), ["2", "9", "10"], "by value, not as text");
        assert_eq!(dataset.examples().labels(), [2, 1, 2, 1, 0]);
        let expected =
            [[34.5, 1.0], [-2.25, 0.0], [0.0, 3.0], [1e-3, 7.0], [12.0, -4.0]].map(Vec::from);
        assert_eq!(rows(&dataset), expected);
        let groups = dataset.groups().unwrap();
        assert_eq!(groups.names, ["east", "north", "south"]);
        assert_eq!(groups.of_row, [1, 2, 1, 0, 2]);

        let spec = Partition::ByColumn { column: "clinic".into() };
        let natural = partition(&spec, &dataset, 3, Seed::root(1)).unwrap();
        assert_eq!(natural, [vec![3], vec![0, 2], vec![1, 4]]);
        let merged = partition(&spec, &dataset, 2, Seed::root(1)).unwrap();
        assert_eq!(merged.iter().map(Vec::len).sum::<usize>(), 5);
        assert!(merged.iter().all(|part| part.len() >= 2), "{merged:?}");
        assert!(partition(&spec, &dataset, 4, Seed::root(1)).is_err());
        let other = Partition::ByColumn { column: "age".into() };
        assert!(partition(&other, &dataset, 2, Seed::root(1)).is_err());
    }
}

#[test]
fn columns_are_chosen_by_name() {
    let source = Source {
        label: Some("clinic".into()),
        ignore: vec!["label".into()],
        ..Source::new(vector("clinics.csv"))
    };
    let dataset = open(&source).unwrap();
    assert_eq!(dataset.classes(), ["east", "north", "south"]);
    assert_eq!(dataset.features(), ["age", "visits"]);
    let with = |label: &str| {
        refused(&Source { label: Some(label.into()), ..Source::new(vector("clinics.csv")) })
    };
    assert!(with("nothing").contains("one column \"nothing\""), "{}", with("nothing"));
    let both = Source { group: Some("label".into()), ..Source::new(vector("clinics.csv")) };
    assert!(refused(&both).contains("to be the label and nothing else"));
    // Without a column `label` the last is it.
    assert_eq!(csv("a,b\n1,yes\n2,no\n").unwrap().classes(), ["no", "yes"]);
}

#[test]
fn declared_classes_fix_the_numbers() {
    let declared = |classes: &[&str]| Source {
        classes: classes.iter().map(|&c| c.into()).collect(),
        ignore: vec!["clinic".into()],
        ..Source::new(vector("clinics.csv"))
    };
    let dataset = open(&declared(&["10", "9", "2", "unseen"])).unwrap();
    assert_eq!(dataset.examples().labels(), [0, 1, 0, 1, 2]);
    assert_eq!(dataset.shape().classes, 4);
    let text = refused(&declared(&["10", "9"]));
    assert!(text.contains("declared classes in row 5, column \"label\""), "{text}");
}

#[test]
fn a_test_file_gives_test_rows() {
    let directory = tempfile::tempdir().unwrap();
    let train = write(directory.path(), "train.csv", "a,label\n1,x\n2,y\n");
    let test = write(directory.path(), "test.csv", "a,label\n3,y\n");
    let named = open(&Source { test: Some(test), ..Source::new(train.clone()) }).unwrap();
    let found = open(&Source::new(directory.path().to_str().unwrap())).unwrap();
    assert_eq!(named, found);
    assert_eq!((found.train(), found.test()), (&[0, 1][..], &[2][..]));
    let other = write(directory.path(), "other.csv", "b,label\n3,y\n");
    let text = refused(&Source { test: Some(other), ..Source::new(train) });
    assert!(text.starts_with("test set: expected the features of the training set"), "{text}");
}

#[test]
fn quotes_tabs_gzip_and_byte_order_marks_are_read() {
    let expected = csv("a,label\n1,x\n2,\"y, z\"\n").unwrap();
    assert_eq!(csv("\u{feff}\"a\", label\r\n 1 , x\r\n2,\"y, z\"").unwrap(), expected);
    let directory = tempfile::tempdir().unwrap();
    let tabs = write(directory.path(), "a.tsv", "a\tlabel\n1\tx\n2\ty, z\n");
    assert_eq!(open(&Source::new(tabs)).unwrap(), expected);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, b"a,label\n1,x\n2,\"y, z\"\n").unwrap();
    let packed = packed.finish().unwrap();
    let whole = write(directory.path(), "a.csv.gz", &packed);
    assert_eq!(open(&Source::new(whole)).unwrap(), expected);
    let cut = write(directory.path(), "b.csv.gz", &packed[..packed.len() - 9]);
    refused(&Source::new(cut));
}

#[test]
fn bad_tables_are_refused_with_row_and_column() {
    let refusal = |text: &str| {
        let error = csv(text).unwrap_err();
        assert_eq!(error.fault(), Fault::Caller, "{error}");
        error.to_string()
    };
    for (text, expected) in [
        ("a,label\n1,x\nNaN,y\n", "in row 2, column \"a\""),
        ("a,label\n1,x\ninf,y\n", "in row 2, column \"a\""),
        ("a,label\n1,x\n1e39,y\n", "in row 2, column \"a\""),
        ("a,label\n1,x\nblue,y\n", "found \"blue\""),
        ("a,label\n1,x\n,y\n", "found \"\""),
        ("a,label\n1,x\n2,\n", "a label in row 2, column \"label\""),
        ("a,label\n1,x\n2\n", "found record with 1 fields"),
        ("a,label\n1,x\n2,y,3\n", "found record with 3 fields"),
        ("1,2\n3,4\n", "a header line"),
        ("label\nx\ny\n", "features"),
        ("a,label\n1,x\n2,x\n", "2 to 65536 classes"),
        ("a,label\n", "classes"),
        ("a,label,label\n1,x,y\n", "found several"),
        ("", "a header line"),
    ] {
        let found = refusal(text);
        assert!(found.contains(expected), "{text:?}: {found}");
    }
    assert_eq!(csv(b"a,label\n1,\xff\n").unwrap_err().fault(), Fault::Caller);
}

#[test]
fn bad_parquet_is_refused() {
    let of = |name: &str| {
        let source = Source { ignore: vec!["clinic".into()], ..Source::new(vector(name)) };
        refused(&source)
    };
    assert!(of("bad-null.parquet").contains("row 2, column \"age\""));
    assert!(of("bad-null.parquet").contains("found nothing"));
    assert!(of("bad-list.parquet").contains("flat columns"));
    assert!(of("bad-nested.parquet").contains("flat columns"));
    assert!(of("clinics-zstd.parquet").to_lowercase().contains("zstd"));
    // The text column is a feature unless it is ignored.
    let text = refused(&Source::new(vector("clinics-snappy.parquet")));
    assert!(text.contains("row 1, column \"clinic\""), "{text}");
}

#[test]
fn hostile_parquet_footers_are_refused_before_anything_is_allocated() {
    let directory = tempfile::tempdir().unwrap();
    let with = |footer: &[u8]| {
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        let bytes = [b"PAR1", footer, &length[..], b"PAR1"].concat();
        refused(&Source::new(write(directory.path(), "hostile.parquet", bytes)))
    };
    // Field 1: version 2. Field 2: a list of structs. In one: field 4 (name), field 5 (children).
    let element = |children: &[u8]| [&[0x48, 1, b'a', 0x15], children, &[0]].concat();
    let start = |count: u8| vec![0x15, 4, 0x19, count << 4 | 12];
    // One element that claims 2³¹ - 1 children.
    let vast = [start(1), element(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), vec![0]].concat();
    assert!(with(&vast).contains("flat columns"), "{}", with(&vast));
    // A million elements, each the only child of the one before.
    let mut deep = vec![0x15, 4, 0x19, 0xfc, 0xc0, 0x84, 0x3d];
    (0..1_000_000).for_each(|_| deep.extend(element(&[2])));
    assert!(with(&deep).contains("flat columns"));
    // A list of 2⁶³ truth values, structs in structs, an end in the middle, nothing.
    let list = [&[0x15, 4, 0x89, 0xf1][..], &[0xff; 8], &[0x7f]].concat();
    let nested = [0x1c].repeat(1_000_000);
    for footer in [&list[..], &nested, &vast[..6], &[]] {
        assert!(with(footer).contains("a broken Parquet footer"), "{}", with(footer));
    }
    for tail in [&b"PAR1"[..], b"PAR1\xff\xff\xff\xffPAR1", b"PAR1\0\0\0\0PARE"] {
        let place = write(directory.path(), "tail.parquet", tail);
        assert!(refused(&Source::new(place)).contains("no Parquet footer"));
    }
}

#[test]
fn damaged_parquet_never_panics_through() {
    let whole = std::fs::read(vector("clinics-snappy.parquet")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // A damaged byte may go unnoticed, a panic may not pass.
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = open(&Source::new(write(directory.path(), "a.parquet", &damaged)));
        if at % 7 == 0 {
            let cut = write(directory.path(), "b.parquet", &whole[..at]);
            assert!(open(&Source::new(cut)).is_err());
        }
    }
}

#[test]
fn npz_pictures_in_either_order_and_byte_order() {
    let pictures = open(&Source::new(vector("pictures.npz"))).unwrap();
    assert_eq!(pictures.shape().features, [1, 2, 3]);
    assert_eq!(pictures.examples().labels(), [0, 2, 1, 2]);
    let flat: Vec<f32> = rows(&pictures).concat();
    assert_eq!(flat, (0..24).map(|i| i as f32 / 8.0).collect::<Vec<_>>());
    assert_eq!(open(&Source::new(vector("fortran.npz"))).unwrap(), pictures);
    assert_eq!(open(&Source::new(vector("big-endian.npz"))).unwrap(), pictures);
    let source = Source { group: Some("owner".into()), ..Source::new(vector("pictures.npz")) };
    let owned = open(&source).unwrap();
    assert_eq!(owned.groups().unwrap().names, ["7", "30"]);
    assert_eq!(owned.groups().unwrap().of_row, [0, 0, 1, 0]);
}

#[test]
fn npz_that_comes_split_keeps_its_test_rows_and_scales_bytes() {
    let split = open(&Source::new(vector("split.npz"))).unwrap();
    assert_eq!((split.train(), split.test()), (&[0, 1][..], &[2][..]));
    let expected = [[0.0, 0.2], [1.0, 0.4], [0.6, 0.8]].map(Vec::from);
    assert_eq!(rows(&split), expected);
    assert_eq!(split.clone().hold_out(0.5, Seed::root(1)).unwrap(), split);
}

#[test]
fn bad_npz_is_refused() {
    for (name, expected) in [
        ("bad-complex.npz", "plain numbers"),
        ("bad-pickled.npz", "plain numbers"),
        ("bad-nan.npz", "in row 3, array x"),
        ("bad-labels.npz", "a whole number from 0 to 65535 in row 1, array y"),
        ("bad-counts.npz", "4 values in array y"),
        ("bad-missing.npz", "an array y"),
    ] {
        let text = refused(&Source::new(vector(name)));
        assert!(text.contains(expected), "{name}: {text}");
    }
    let whole = std::fs::read(vector("fortran.npz")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for at in 0..whole.len() {
        let cut = write(directory.path(), "cut.npz", &whole[..at]);
        assert!(open(&Source::new(cut)).is_err(), "{at}");
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = open(&Source::new(write(directory.path(), "damaged.npz", damaged)));
    }
}

/// An archive of one array `x` with this header and no numbers.
fn hostile(directory: &Path, header: &str) -> String {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    let bytes = [b"\x93NUMPY\x02\x00", &length[..], header.as_bytes()].concat();
    std::io::Write::write_all(&mut archive, &bytes).unwrap();
    write(directory, "hostile.npz", archive.finish().unwrap().into_inner())
}

#[test]
fn hostile_npz_headers_are_refused_before_anything_is_allocated() {
    let directory = tempfile::tempdir().unwrap();
    for (header, expected) in [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741825, 1), }", "values"),
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (4294967296, 4294967296), }", "values"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (10, 20000000), }", "features"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (10, 10), }", "found 0"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (10, 0), }", "features"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "scalar"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }", "plain numbers"),
        ("{'descr': '<f3', 'fortran_order': False, 'shape': (1, 2), }", "plain numbers"),
        ("{'descr': '<f4', 'shape': (1, 2), }", "plain numbers"),
        ("((((((((", "plain numbers"),
        (&"(".repeat(5_000), "an array header of 5000 bytes"),
    ] {
        let text = refused(&Source::new(hostile(directory.path(), header)));
        assert!(text.contains(expected), "{header}: {text}");
    }
}

#[test]
fn unknown_files_are_refused() {
    let text = refused(&Source::new("model.safetensors"));
    assert!(text.contains("an embedded set, or a path that ends in .csv"), "{text}");
    let error = open(&Source::new("absent.csv")).unwrap_err();
    assert_eq!(error.fault(), Fault::World);
    assert!(error.to_string().starts_with("opening absent.csv: "), "{error}");
    let directory = tempfile::tempdir().unwrap();
    refused(&Source::new(directory.path().to_str().unwrap()));
    let path: PathBuf = directory.path().join("table.txt");
    std::fs::write(&path, "a,label\n1,x\n2,y\n").unwrap();
    let place = path.to_str().unwrap();
    refused(&Source::new(place));
    open(&Source { format: Format::Csv, ..Source::new(place) }).unwrap();
}
