//! A look at a Parquet file's footer before the library sees it. The library allocates as many
//! children as a schema element claims, and descends as deep as they are nested: a footer of a few
//! bytes would end the process. Flat schemas, the only ones we read, need neither.

use super::files::{broken, malformed};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::limits;

/// Types of Thrift's compact protocol that the schema is made of.
const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// Structs in structs in a footer: a logical type's unit is the deepest, at five.
const DEPTH: u8 = 16;

/// Refuses a file whose schema is not one list of columns; leaves the file at its start.
pub(super) fn check(file: &mut File, path: &Path) -> Result<(), Error> {
    let length = file.seek(SeekFrom::End(0)).map_err(|error| broken(path, error))?;
    let mut tail = [0; 8];
    let footer = if length >= 12 {
        file.seek(SeekFrom::End(-8)).map_err(|error| broken(path, error))?;
        file.read_exact(&mut tail).map_err(|error| broken(path, error))?;
        let [a, b, c, d, magic @ ..] = tail;
        let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
        (magic == *b"PAR1" && footer <= length - 12).then_some(footer)
    } else {
        None
    };
    let Some(footer) = footer else {
        return Err(malformed(path, "no Parquet footer"));
    };
    file.seek(SeekFrom::Start(length - 8 - footer)).map_err(|error| broken(path, error))?;
    let mut scan = Compact { inner: BufReader::new(&mut *file).take(footer) };
    match scan.metadata() {
        Some(true) => file.rewind().map_err(|error| broken(path, error)),
        Some(false) => {
            let expected = format!("flat columns in {}", path.display());
            Err(Error::caller("data file", expected, "nested ones"))
        }
        None => Err(malformed(path, "a broken Parquet footer")),
    }
}

/// A reader of Thrift's compact protocol; `None` is a broken footer.
struct Compact<R> {
    inner: R,
}

impl<R: Read> Compact<R> {
    /// Goes through `FileMetaData`; whether every schema in it (field 2) is flat.
    fn metadata(&mut self) -> Option<bool> {
        let (mut id, mut flat) = (0, true);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (2, LIST) => flat &= self.schema()?,
                (2, _) => return None,
                _ => self.skip(kind, DEPTH)?,
            }
            if !flat {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Goes through a list of `SchemaElement`; whether the first holds all others.
    fn schema(&mut self) -> Option<bool> {
        let (count, kind) = self.list()?;
        if kind != STRUCT || count > limits::FEATURES as u64 {
            return None;
        }
        for element in 0..count {
            let expected = if element == 0 { count - 1 } else { 0 };
            let mut id = 0;
            while let Some(kind) = self.field(&mut id)? {
                match (id, kind) {
                    // `num_children`, zigzag: even numbers are not negative.
                    (5, I32) if self.varint()? != expected * 2 => return Some(false),
                    (5, I32) => (),
                    (5, _) => return None,
                    _ => self.skip(kind, DEPTH)?,
                }
            }
        }
        Some(true)
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.inner.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The type of the next field, or `None` at the end of the struct; `id` becomes its number.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => {
                let zigzag = self.varint()?;
                (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
            }
            step => id.checked_add(i64::from(step))?,
        };
        Some(Some(byte & 0x0f))
    }

    /// Length of a list and type of its elements.
    fn list(&mut self) -> Option<(u64, u8)> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Some((count, byte & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // Booleans of fields lie in their headers.
            1 | 2 => (),
            3 => _ = self.byte()?,
            4..=6 => _ = self.varint()?,
            7 => self.pass(8)?,
            8 => {
                let length = self.varint()?;
                self.pass(length)?;
            }
            LIST | 10 => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    match kind {
                        1 | 2 => _ = self.byte()?,
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
            }
            // Maps and later types: Parquet has none.
            _ => return None,
        }
        Some(())
    }

    fn pass(&mut self, length: u64) -> Option<()> {
        let passed = std::io::copy(&mut (&mut self.inner).take(length), &mut std::io::sink());
        (passed.ok()? == length).then_some(())
    }
}
