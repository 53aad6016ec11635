//! Finds the files of a data set, and opens them.

use super::{Format, Source};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use tacit_core::error::Error;

/// The files of one data set.
pub(super) struct Files {
    pub format: Format,
    pub train: PathBuf,
    pub test: Option<PathBuf>,
}

impl Files {
    pub fn find(source: &Source) -> Result<Self, Error> {
        let place = Path::new(&source.place);
        let mut files = match place.is_dir() {
            true => Self::in_directory(place, source.format)?,
            false => Self { format: source.format, train: place.to_owned(), test: None },
        };
        if files.format == Format::Auto {
            let name = files.train.to_string_lossy();
            files.format = format_of(&name).ok_or_else(|| {
                let expected = "an embedded set, or a path that ends in .csv, .tsv, .parquet, .npz \
                                or -idx3-ubyte, or the format named";
                Error::caller("data set", expected, name.clone())
            })?;
        }
        if let Some(test) = &source.test {
            files.test = Some(PathBuf::from(test));
        }
        Ok(files)
    }

    /// The four files of MNIST, else `train.*` with `test.*`.
    fn in_directory(directory: &Path, format: Format) -> Result<Self, Error> {
        let doing = || format!("listing {}", directory.display());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(|e| Error::world(doing(), e))? {
            let entry = entry.map_err(|e| Error::world(doing(), e))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        let wanted = |name: &str| match format_of(name) {
            Some(found) if format == Format::Auto || format == found => Some(found),
            _ => None,
        };
        let find = |starts: &[&str]| {
            let fits = |name: &&String| {
                let part = starts.iter().any(|start| name.starts_with(start));
                part && !name.contains("labels") && wanted(name).is_some()
            };
            names.iter().find(fits)
        };
        // IDX first: `train-images…` must not be shadowed by a stray table beside it.
        let train = find(&["train-images"]).or_else(|| find(&["train."]));
        let Some(train) = train else {
            let expected = format!("train-images-idx3-ubyte or train.* in {}", directory.display());
            return Err(Error::caller("data set", expected, "neither"));
        };
        let test = match train.starts_with("train-images") {
            true => find(&["t10k-images", "test-images"]),
            false => find(&["test."]).filter(|test| format_of(test) == format_of(train)),
        };
        let format = wanted(train).unwrap_or(format);
        let test = test.map(|test| directory.join(test));
        Ok(Self { format, train: directory.join(train), test })
    }
}

fn format_of(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "csv" | "tsv" => Some(Format::Csv),
        "parquet" => Some(Format::Parquet),
        "npz" => Some(Format::Npz),
        _ if name.ends_with("-ubyte") || name.ends_with("idx") => Some(Format::Idx),
        _ => None,
    }
}

/// The bytes of a file, decompressed if they begin like gzip.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let mut file = open_file(path)?;
    let mut magic = [0; 2];
    let gzipped = match file.read_exact(&mut magic) {
        Ok(()) => magic == [0x1f, 0x8b],
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(broken(path, error)),
    };
    file.rewind().map_err(|error| broken(path, error))?;
    Ok(match gzipped {
        true => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
        false => Box::new(BufReader::new(file)),
    })
}

pub(super) fn open_file(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| Error::world(format!("opening {}", path.display()), error))
}

/// Whose fault a failed read is: of bytes that do not decode, the file's; else the world's.
pub(super) fn broken(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof => malformed(path, error),
        _ => Error::world(format!("reading {}", path.display()), error),
    }
}

/// The file is not what its format demands.
pub(super) fn malformed(path: &Path, found: impl std::fmt::Display) -> Error {
    let expected = format!("{} to be well-formed", path.display());
    Error::caller("data file", expected, found.to_string())
}
