//! Reads data sets from the user's own files. Sizes that a file claims are checked against
//! [`limits`](tacit_core::limits) before anything is allocated, and memory grows only with bytes
//! really read.

mod csv;
mod element;
mod files;
mod footer;
mod idx;
mod npz;
mod parquet;
mod table;

use super::dataset::Dataset;
use super::embedded;
use files::Files;
use table::Table;
use tacit_core::error::Error;

/// Format of a data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// By the file's name.
    #[default]
    Auto,
    /// Comma-separated values with a header line (tab-separated where the name ends in `.tsv`),
    /// optionally gzipped.
    Csv,
    /// Apache Parquet: flat, uncompressed or Snappy.
    Parquet,
    /// The format of MNIST: a file of pictures and one of labels, optionally gzipped.
    Idx,
    /// NumPy arrays `x` and `y`, and optionally `x_test` and `y_test`.
    Npz,
}

/// Where a data set comes from, and what its columns mean.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Name of an [embedded] set, else a path: of a file, or of a directory that holds the four
    /// files of MNIST or `train.*` and optionally `test.*`. For IDX the path of the pictures; the
    /// labels lie beside it under the same name with `labels-idx1` for `images-idx3`.
    pub place: String,
    /// Path of the test set, in the same format; `None` if there is none or `place` holds it.
    pub test: Option<String>,
    /// Format of the files.
    pub format: Format,
    /// Column of the label; `None` is the column `label`, or else the last.
    pub label: Option<String>,
    /// Column that says whom an example belongs to.
    pub group: Option<String>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// Names of the classes in order, so that participants who hold different classes agree on
    /// their numbers. Empty: text labels are numbered in sorted order (by value if all are
    /// numbers); the whole numbers of IDX and NPZ are the classes themselves.
    pub classes: Vec<String>,
}

impl Source {
    /// An embedded set or a path, everything else by default.
    pub fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), ..Self::default() }
    }
}

/// Reads a whole data set into memory.
///
/// # Errors
/// By the caller's fault: a file of unknown format or that is not what its format demands, a
/// column that does not exist, a value that is no finite number (its row, from 1, and column are
/// named), a size above [`limits`](tacit_core::limits). By the world's: a file that cannot be read.
pub fn open(source: &Source) -> Result<Dataset, Error> {
    if let Some(set) = embedded::find(&source.place) {
        if source.test.is_some() {
            return Err(Error::caller("test set", "none beside an embedded set", "a path"));
        }
        return set.load();
    }
    let files = Files::find(source)?;
    let mut table = Table::new(source);
    read(&files.train, files.format, &mut table)?;
    if let Some(test) = &files.test {
        table.begin_test(test)?;
        read(test, files.format, &mut table)?;
    }
    table.finish()
}

fn read(path: &std::path::Path, format: Format, table: &mut Table<'_>) -> Result<(), Error> {
    match format {
        Format::Csv => csv::read(path, table),
        Format::Parquet => parquet::read(path, table),
        Format::Idx => idx::read(path, table),
        Format::Npz => npz::read(path, table),
        Format::Auto => Err(Error::Bug("a data file was read before its format was known")),
    }
}
