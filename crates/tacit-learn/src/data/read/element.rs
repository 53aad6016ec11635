//! Numbers of fixed size, one after another: the body of IDX and NPY files.

use super::files::broken;
use std::io::Read;
use std::path::Path;
use tacit_core::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// How one number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub kind: Kind,
    /// Bytes: 1, 2, 4 or 8; 4 or 8 for floats.
    pub size: usize,
    pub big_endian: bool,
}

impl Element {
    /// Bytes are pixels, 0 to 255, and become 0 to 1; other numbers stay what they are.
    pub fn scale(self) -> f64 {
        match (self.kind, self.size) {
            (Kind::Unsigned, 1) => 1.0 / 255.0,
            _ => 1.0,
        }
    }

    fn decode(self, bytes: &[u8]) -> f64 {
        let mut little = [0u8; 8];
        for (i, &byte) in bytes.iter().enumerate().take(8) {
            little[if self.big_endian { self.size - 1 - i } else { i }] = byte;
        }
        let word = u64::from_le_bytes(little);
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (Kind::Float, 4) => f64::from(f32::from_bits(word as u32)),
            (Kind::Float, _) => f64::from_bits(word),
            (Kind::Unsigned, _) => word as f64,
            (Kind::Signed, _) => ((word << unused) as i64 >> unused) as f64,
        }
    }

    /// Reads exactly `count` numbers to the end of `reader`, which is in `path`.
    pub fn read(
        self,
        reader: &mut dyn Read,
        count: u64,
        path: &Path,
        mut each: impl FnMut(u64, f64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut buffer = [0u8; 1 << 16];
        let mut numbers = Vec::with_capacity(buffer.len());
        let mut done = 0u64;
        while done < count {
            // 2¹⁶ is a multiple of every size.
            let wanted = (count - done).min((buffer.len() / self.size) as u64) as usize;
            let bytes = &mut buffer[..wanted * self.size];
            let filled = fill(reader, bytes).map_err(|error| broken(path, error))?;
            if filled < bytes.len() {
                let found = done + (filled / self.size) as u64;
                let expected = format!("{count} numbers in {}", path.display());
                return Err(Error::caller("data file", expected, format!("{found}")));
            }
            numbers.clear();
            match (self.kind, self.size) {
                (Kind::Unsigned, 1) => numbers.extend(bytes.iter().map(|&byte| f64::from(byte))),
                _ => numbers.extend(bytes.chunks_exact(self.size).map(|b| self.decode(b))),
            }
            for (i, &number) in numbers.iter().enumerate() {
                each(done + i as u64, number)?;
            }
            done += wanted as u64;
        }
        match fill(reader, &mut buffer[..1]).map_err(|error| broken(path, error))? {
            0 => Ok(()),
            _ => {
                let expected = format!("{count} numbers in {}", path.display());
                Err(Error::caller("data file", expected, "more"))
            }
        }
    }
}

/// Fills `out` as far as there are bytes.
pub(super) fn fill(reader: &mut dyn Read, out: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
