//! NPZ: a zip archive of NumPy arrays (NEP 1). Arrays `x` (examples first) and `y` (class
//! numbers), and optionally `x_test` and `y_test`; `x_train` and `y_train` mean the same as `x`
//! and `y`. The group column is an array too.

use super::element::{Element, Kind, fill};
use super::files::{broken, malformed, open_file};
use super::table::Table;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::limits;
use zip::ZipArchive;
use zip::result::ZipError;

type Archive = ZipArchive<BufReader<File>>;

pub(super) fn read(path: &Path, table: &mut Table<'_>) -> Result<(), Error> {
    let archive = ZipArchive::new(BufReader::new(open_file(path)?));
    let mut archive = archive.map_err(|error| fault(path, error))?;
    let has = |archive: &Archive, name: &str| archive.index_for_name(&member(name)).is_some();
    let suffix = if has(&archive, "x_train") { "_train" } else { "" };
    add(&mut archive, suffix, path, table)?;
    if has(&archive, "x_test") {
        table.begin_test(path)?;
        add(&mut archive, "_test", path, table)?;
    }
    Ok(())
}

/// Adds the arrays `x` and `y` with `suffix`.
fn add(
    archive: &mut Archive,
    suffix: &str,
    path: &Path,
    table: &mut Table<'_>,
) -> Result<(), Error> {
    let (x, y) = (format!("x{suffix}"), format!("y{suffix}"));
    let rows = with_array(archive, &x, path, |header, reader| {
        let (&rows, rest) =
            header.shape.split_first().ok_or_else(|| malformed(path, "scalar x"))?;
        // A channel axis for single-channel pictures, as trainers expect.
        let shape = match rest {
            [height, width] => vec![1, *height, *width],
            rest => rest.to_vec(),
        };
        if shape.is_empty() {
            return Err(malformed(path, format!("an array {x} of one dimension")));
        }
        table.begin(shape, Vec::new(), path)?;
        examples(&header, reader, path, table)?;
        Ok(rows)
    })?;
    let place = |name: &str, i: u64| format!("row {}, array {name} of {}", i + 1, path.display());
    with_array(archive, &y, path, |header, reader| {
        let element = header.column(rows, &y, path)?;
        element.read(reader, rows as u64, path, |i, value| table.class(value, || place(&y, i)))
    })?;
    let Some(group) = table.source.group.clone() else { return Ok(()) };
    let group = format!("{group}{suffix}");
    with_array(archive, &group, path, |header, reader| {
        let element = header.column(rows, &group, path)?;
        element.read(reader, rows as u64, path, |_, value| {
            table.group(&value.to_string());
            Ok(())
        })
    })
}

/// Reads the values of `x`, row by row whatever the order in the file.
fn examples(
    header: &Header,
    reader: &mut dyn Read,
    path: &Path,
    table: &mut Table<'_>,
) -> Result<(), Error> {
    let (element, scale) = (header.element, header.element.scale());
    let count = header.shape.iter().product::<usize>();
    let width = count.checked_div(header.shape[0]).unwrap_or(0);
    let place = |i: u64| format!("row {}, array x of {}", i / width as u64 + 1, path.display());
    if !header.fortran {
        return element
            .read(reader, count as u64, path, |i, value| table.value(value * scale, || place(i)));
    }
    let mut stored = Vec::new();
    element.read(reader, count as u64, path, |_, value| {
        stored.push((value * scale) as f32);
        Ok(())
    })?;
    // First index fastest: the stride of an axis is the product of the sizes before it.
    for i in 0..count {
        let (mut rest, mut at, mut stride) = (i, 0, count);
        for &size in header.shape.iter().rev() {
            stride /= size;
            at += rest % size * stride;
            rest /= size;
        }
        table.value(f64::from(stored[at]), || place(i as u64))?;
    }
    Ok(())
}

fn member(name: &str) -> String {
    format!("{name}.npy")
}

fn with_array<T>(
    archive: &mut Archive,
    name: &str,
    path: &Path,
    body: impl FnOnce(Header, &mut dyn Read) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut file = archive.by_name(&member(name)).map_err(|error| match error {
        ZipError::FileNotFound => {
            let expected = format!("an array {name} in {}", path.display());
            Error::caller("data file", expected, "none")
        }
        error => fault(path, error),
    })?;
    let header = Header::read(&mut file, path)?;
    body(header, &mut file)
}

fn fault(path: &Path, error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => broken(path, error),
        error => malformed(path, error),
    }
}

/// What precedes the numbers of an array.
struct Header {
    element: Element,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn read(reader: &mut dyn Read, path: &Path) -> Result<Self, Error> {
        let mut take = |count: usize| -> Result<Vec<u8>, Error> {
            let mut bytes = vec![0; count];
            match fill(reader, &mut bytes).map_err(|error| broken(path, error))? {
                filled if filled == count => Ok(bytes),
                _ => Err(malformed(path, "an end within the header of an array")),
            }
        };
        let start = take(8)?;
        let length = match (&start[..6], start[6]) {
            (b"\x93NUMPY", 1) => take(2)?,
            (b"\x93NUMPY", 2 | 3) => take(4)?,
            _ => return Err(malformed(path, "an array without NumPy's magic number")),
        };
        let length = length.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        if length > limits::NPY_HEADER_BYTES {
            return Err(malformed(path, format!("an array header of {length} bytes")));
        }
        let text = take(length)?;
        let text = String::from_utf8_lossy(&text);
        let header = Self::parse(&text).ok_or_else(|| {
            let expected = format!("an array of plain numbers in {}", path.display());
            Error::caller("data file", expected, text.trim().to_owned())
        })?;
        let values = header.shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        if values.is_none_or(|values| values > limits::DATA_VALUES) {
            let expected = format!("at most {} values in {}", limits::DATA_VALUES, path.display());
            return Err(Error::caller("data file", expected, format!("shape {:?}", header.shape)));
        }
        Ok(header)
    }

    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: always this dict
    /// with these keys, as NumPy writes it, in any order.
    fn parse(text: &str) -> Option<Self> {
        let after = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}'"))?;
            Some(rest.trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = after("descr")?.strip_prefix('\'')?;
        let (descr, _) = descr.split_once('\'')?;
        let (shape, _) = after("shape")?.strip_prefix('(')?.split_once(')')?;
        let shape = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape: Vec<usize> = shape.map(|size| size.parse().ok()).collect::<Option<_>>()?;
        if shape.len() > limits::TENSOR_DIMENSIONS {
            return None;
        }
        let order = after("fortran_order")?;
        let fortran = order.starts_with("True");
        if !fortran && !order.starts_with("False") {
            return None;
        }
        Some(Self { element: element(descr)?, fortran, shape })
    }

    /// The element of an array of `rows` numbers.
    fn column(&self, rows: usize, name: &str, path: &Path) -> Result<Element, Error> {
        if self.shape != [rows] && self.shape != [rows, 1] {
            let expected = format!("{rows} values in array {name} of {}", path.display());
            return Err(Error::caller("data file", expected, format!("shape {:?}", self.shape)));
        }
        Ok(self.element)
    }
}

/// `<f4`: byte order, kind, bytes.
fn element(descr: &str) -> Option<Element> {
    let mut chars = descr.chars();
    let big_endian = match chars.next()? {
        '<' | '|' => false,
        '>' => true,
        _ => return None,
    };
    let kind = chars.next()?;
    let size = chars.as_str().parse().ok()?;
    let kind = match (kind, size) {
        ('f', 4 | 8) => Kind::Float,
        ('u', 1 | 2 | 4 | 8) => Kind::Unsigned,
        // Truth values are 0 and 1: as signed bytes, they are not scaled like pixels.
        ('b', 1) | ('i', 1 | 2 | 4 | 8) => Kind::Signed,
        _ => return None,
    };
    Some(Element { kind, size, big_endian })
}
