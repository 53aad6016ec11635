//! Comma-separated values with a header line (RFC 4180).

use super::files::{self, broken, malformed};
use super::table::{Role, Table};
use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;
use tacit_core::error::Error;
use tacit_core::limits;

pub(super) fn read(path: &Path, table: &mut Table<'_>) -> Result<(), Error> {
    let left = Rc::new(Cell::new(limits::DATA_RECORD_BYTES));
    let bytes = Bounded { inner: files::open(path)?, left: left.clone() };
    let name = path.to_string_lossy().to_ascii_lowercase();
    let delimiter = match name.strip_suffix(".gz").unwrap_or(&name).ends_with(".tsv") {
        true => b'\t',
        false => b',',
    };
    let mut reader = ReaderBuilder::new().trim(Trim::All).delimiter(delimiter).from_reader(bytes);
    let fault = |error| fault(path, error);
    let columns: Vec<String> = reader.headers().map_err(fault)?.iter().map(str::to_owned).collect();
    if columns.iter().all(|name| name.parse::<f64>().is_ok()) {
        // Taken for names, a first row of numbers would be lost in silence.
        let expected = format!("a header line with names in {}", path.display());
        return Err(Error::caller("data file", expected, "numbers only"));
    }
    let roles = table.roles(&columns, path)?;
    let mut record = StringRecord::new();
    for row in 1u64.. {
        left.set(limits::DATA_RECORD_BYTES);
        if !reader.read_record(&mut record).map_err(fault)? {
            break;
        }
        for (column, (text, role)) in record.iter().zip(&roles).enumerate() {
            let place = || format!("row {row}, column {:?} of {}", columns[column], path.display());
            match role {
                Role::Feature => table.value(number(text, place)?, place)?,
                Role::Label => table.label(text, place)?,
                Role::Group => table.group(text),
                Role::Ignored => (),
            }
        }
    }
    Ok(())
}

fn number(text: &str, place: impl Fn() -> String) -> Result<f64, Error> {
    text.parse().map_err(|_| {
        let shortened: String = text.chars().take(40).collect();
        let expected = format!("a finite number in {}", place());
        Error::caller("data file", expected, format!("{shortened:?}"))
    })
}

fn fault(path: &Path, error: ::csv::Error) -> Error {
    if !error.is_io_error() {
        return malformed(path, error);
    }
    match error.into_kind() {
        ErrorKind::Io(error) => broken(path, error),
        _ => Error::Bug("a csv i/o error is none"),
    }
}

/// Fails a record that does not end: the reader would hold all of it.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            let limit = limits::DATA_RECORD_BYTES;
            let text = format!("a record of more than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let count = self.inner.read(out)?;
        self.left.set(self.left.get().saturating_sub(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_does_not_end_is_an_error() {
        let left = Rc::new(Cell::new(1 << 16));
        let bytes = Bounded { inner: io::repeat(b'1'), left };
        let error = ReaderBuilder::new().from_reader(bytes).headers().cloned().unwrap_err();
        let error = fault(Path::new("endless.csv"), error);
        assert_eq!(error.fault(), tacit_core::error::Fault::Caller);
        assert!(error.to_string().contains("a record of more than"), "{error}");
    }
}
