//! IDX, the format of MNIST (LeCun, Cortes and Burges 1998): two zero bytes, the type, the number
//! of dimensions, each dimension as big-endian u32, then the numbers.

use super::element::{Element, Kind, fill};
use super::files::{self, broken, malformed};
use super::table::Table;
use std::io::Read;
use std::path::{Path, PathBuf};
use tacit_core::error::Error;
use tacit_core::limits;

/// Reads a file of pictures and the file of labels beside it.
pub(super) fn read(path: &Path, table: &mut Table<'_>) -> Result<(), Error> {
    let labels = labels_of(path)?;
    let mut reader = files::open(path)?;
    let pictures = Header::read(&mut *reader, path)?;
    let (count, shape) = match pictures.dimensions.as_slice() {
        [count, height, width] => (*count, vec![1, *height, *width]),
        [count, rest @ ..] if !rest.is_empty() => (*count, rest.to_vec()),
        _ => return Err(malformed(path, "one dimension where 2 or more are needed")),
    };
    read_labels(&labels, count, table)?;
    let width: usize = shape.iter().product();
    table.begin(shape, Vec::new(), path)?;
    let (scale, element) = (pictures.element.scale(), pictures.element);
    element.read(&mut *reader, (count * width) as u64, path, |i, x| {
        table.value(x * scale, || format!("row {} of {}", i / width as u64 + 1, path.display()))
    })
}

fn read_labels(path: &Path, pictures: usize, table: &mut Table<'_>) -> Result<(), Error> {
    let mut reader = files::open(path)?;
    let header = Header::read(&mut *reader, path)?;
    if header.dimensions != [pictures] {
        let expected = format!("{pictures} labels, one for each picture, in {}", path.display());
        let found = format!("dimensions {:?}", header.dimensions);
        return Err(Error::caller("data file", expected, found));
    }
    header.element.read(&mut *reader, pictures as u64, path, |i, x| {
        table.class(x, || format!("row {} of {}", i + 1, path.display()))
    })
}

/// `train-labels-idx1-ubyte` for `train-images-idx3-ubyte`; one may be gzipped and the other not.
fn labels_of(path: &Path) -> Result<PathBuf, Error> {
    let refuse = |found: String| {
        let expected = "a file named like train-images-idx3-ubyte with its labels, named like \
                        train-labels-idx1-ubyte, beside it";
        Err(Error::caller("data set", expected, found))
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains("images") {
        return refuse(path.display().to_string());
    }
    let name = name.replace("images", "labels").replace("idx3", "idx1");
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let choices = [name.clone(), plain.to_owned(), format!("{plain}.gz")];
    let mut paths = choices.iter().map(|name| path.with_file_name(name));
    match paths.find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => refuse(format!("no {name}")),
    }
}

struct Header {
    element: Element,
    dimensions: Vec<usize>,
}

impl Header {
    fn read(reader: &mut dyn Read, path: &Path) -> Result<Self, Error> {
        let mut word = || -> Result<[u8; 4], Error> {
            let mut bytes = [0; 4];
            match fill(reader, &mut bytes).map_err(|error| broken(path, error))? {
                4 => Ok(bytes),
                _ => Err(malformed(path, "an end within the header")),
            }
        };
        let [0, 0, kind, dimensions @ 1..=8] = word()? else {
            return Err(malformed(path, "a wrong magic number"));
        };
        let (kind, size) = match kind {
            0x08 => (Kind::Unsigned, 1),
            0x09 => (Kind::Signed, 1),
            0x0b => (Kind::Signed, 2),
            0x0c => (Kind::Signed, 4),
            0x0d => (Kind::Float, 4),
            0x0e => (Kind::Float, 8),
            other => return Err(malformed(path, format!("type {other:#04x}"))),
        };
        let dimensions = (0..dimensions).map(|_| Ok(u32::from_be_bytes(word()?) as usize));
        let dimensions = dimensions.collect::<Result<Vec<usize>, Error>>()?;
        let values = dimensions.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        if values.is_none_or(|values| values > limits::DATA_VALUES) {
            let expected = format!("at most {} values in {}", limits::DATA_VALUES, path.display());
            return Err(Error::caller("data file", expected, format!("{dimensions:?}")));
        }
        Ok(Self { element: Element { kind, size, big_endian: true }, dimensions })
    }
}
