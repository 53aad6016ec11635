//! Readers of data sets, on files in a directory of our own.

use std::cell::OnceCell;
use std::path::Path;
use tacit_learn::data::{Source, open};

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A comma-separated table; a first byte of odd value names a group column.
pub fn csv(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let group = (choice & 1 == 1).then(|| "g".to_owned());
    read("t.csv", &[("t.csv", data)], |source| Source { group, ..source });
}

/// Pictures and labels: two bytes say how long the first file is.
pub fn idx(data: &[u8]) {
    let Some((length, data)) = data.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(data.len());
    let (pictures, labels) = data.split_at(length);
    let files = [("train-images-idx3-ubyte", pictures), ("train-labels-idx1-ubyte", labels)];
    read("train-images-idx3-ubyte", &files, |source| source);
}

/// NumPy arrays in a zip file.
pub fn npz(data: &[u8]) {
    read("t.npz", &[("t.npz", data)], |source| source);
}

/// Apache Parquet.
pub fn parquet(data: &[u8]) {
    quiet();
    read("t.parquet", &[("t.parquet", data)], |source| source);
}

fn read(place: &str, files: &[(&str, &[u8])], change: impl FnOnce(Source) -> Source) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a directory"));
        let path = |name: &str| Path::new(folder.path()).join(name);
        for (name, bytes) in files {
            std::fs::write(path(name), bytes).expect("a file is written");
        }
        let source = Source::new(path(place).to_string_lossy());
        if let Ok(dataset) = open(&change(source)) {
            let examples = dataset.examples();
            assert_eq!(examples.shape().classes, dataset.classes().len());
            assert!(examples.row(examples.len() - 1).iter().all(|x| x.is_finite()));
        }
    });
}

/// The reader catches its library's assertions on a thread named after it; libFuzzer's hook would
/// abort before.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() != Some("parquet") {
                hook(info);
            }
        }));
    });
}
