//! The container of circom's binary files: a magic word, a version, and numbered sections.

use ark_ff::{BigInteger, PrimeField};
use tacit_core::error::Error;

/// Sections in a file: a prepared powers-of-tau file has eleven.
const SECTIONS: u32 = 32;

/// Writes a file.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    count: u32,
}

impl Writer {
    pub fn new(magic: &[u8; 4]) -> Self {
        let mut bytes = magic.to_vec();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        Self { bytes, count: 0 }
    }

    /// Appends a section.
    pub fn section(&mut self, id: u32, body: &[u8]) {
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend((body.len() as u64).to_le_bytes());
        self.bytes.extend(body);
        self.count += 1;
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        self.bytes
    }
}

/// A file that is read: its sections, each once.
pub(crate) struct Sections<'a> {
    what: &'static str,
    found: Vec<(u32, &'a [u8])>,
}

impl<'a> Sections<'a> {
    /// Splits a file; every byte must belong to it.
    pub fn read(what: &'static str, magic: &[u8; 4], bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(what, bytes);
        if reader.take(4)? != magic {
            return Err(Error::caller(what, "its magic word", "another"));
        }
        let version = reader.u32()?;
        if !(1..=2).contains(&version) {
            return Err(Error::caller(what, "version 1", version.to_string()));
        }
        let count = reader.u32()?;
        if count > SECTIONS {
            return Err(Error::caller(what, "at most 32 sections", count.to_string()));
        }
        let mut found: Vec<(u32, &[u8])> = Vec::new();
        for _ in 0..count {
            let id = reader.u32()?;
            let length = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            if found.iter().any(|&(other, _)| other == id) {
                return Err(Error::caller(what, format!("section {id} once"), "it twice"));
            }
            found.push((id, reader.take(length)?));
        }
        reader.end()?;
        Ok(Self { what, found })
    }

    /// A section that may be absent.
    pub fn find(&self, id: u32) -> Option<Reader<'a>> {
        let (_, body) = self.found.iter().find(|(other, _)| *other == id)?;
        Some(Reader::new(self.what, body))
    }

    /// A section that must be there.
    pub fn get(&self, id: u32) -> Result<Reader<'a>, Error> {
        self.find(id).ok_or_else(|| Error::caller(self.what, format!("section {id}"), "none"))
    }
}

/// Reads a section from its beginning; never past its end.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    pub what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(what: &'static str, rest: &'a [u8]) -> Self {
        Self { what, rest }
    }

    pub fn len(&self) -> usize {
        self.rest.len()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            let expected = format!("{count} more bytes");
            return Err(Error::caller(self.what, expected, self.rest.len().to_string()));
        };
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count or index.
    pub fn count(&mut self) -> Result<usize, Error> {
        Ok(self.u32()? as usize)
    }

    /// A field element in little-endian bytes, canonical.
    pub fn field<F: PrimeField>(&mut self) -> Result<F, Error> {
        let integer = self.integer::<F>()?;
        F::from_bigint(integer).ok_or_else(|| Error::caller(self.what, "a field element", "more"))
    }

    /// As many little-endian bytes as an element of `F` has.
    pub fn integer<F: PrimeField>(&mut self) -> Result<F::BigInt, Error> {
        let bytes = self.take(width::<F>())?;
        let mut integer = F::BigInt::default();
        for (limb, bytes) in integer.as_mut().iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Ok(integer)
    }

    /// The modulus of a field behind its width, as headers have it: tells curves apart.
    pub fn modulus<F: PrimeField>(&mut self) -> Result<bool, Error> {
        Ok(self.count()? == width::<F>() && self.integer::<F>()? == F::MODULUS)
    }

    /// Nothing must be left.
    pub fn end(&self) -> Result<(), Error> {
        if !self.rest.is_empty() {
            let found = format!("{} more bytes", self.rest.len());
            return Err(Error::caller(self.what, "its end", found));
        }
        Ok(())
    }
}

/// Bytes of an element of `F`: 32 for scalars and BN254, 48 for BLS12-381.
pub(crate) fn width<F: PrimeField>() -> usize {
    F::BigInt::NUM_LIMBS * 8
}

/// Appends the modulus of a field behind its width.
pub(crate) fn push_modulus<F: PrimeField>(out: &mut Vec<u8>) {
    out.extend((width::<F>() as u32).to_le_bytes());
    out.extend(F::MODULUS.to_bytes_le());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let mut writer = Writer::new(b"test");
        writer.section(1, b"one");
        writer.section(7, b"");
        let bytes = writer.finish();
        let sections = Sections::read("file", b"test", &bytes).unwrap();
        assert_eq!(sections.get(1).unwrap().take(3).unwrap(), b"one");
        assert!(sections.get(2).is_err());
        for end in 0..bytes.len() {
            assert!(Sections::read("file", b"test", &bytes[..end]).is_err(), "{end}");
        }
        assert!(Sections::read("file", b"tost", &bytes).is_err());
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Sections::read("file", b"test", &longer).is_err());
        let mut huge = bytes;
        huge[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Sections::read("file", b"test", &huge).is_err());
    }

    #[test]
    fn no_section_twice() {
        let mut writer = Writer::new(b"test");
        writer.section(1, b"one");
        writer.section(1, b"one");
        assert!(Sections::read("file", b"test", &writer.finish()).is_err());
    }
}
