//! SHA-256 digests, named so that no two kinds of bytes can be confused.

use sha2::Digest as _;
use std::fmt;

/// A SHA-256 digest; shown and serialised as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of raw bytes, as `sha256sum` prints it: for blobs that other tools may check.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest of labelled parts, each prefixed by its length: injective, and separated by
    /// `label` from every other use.
    pub fn of_parts(label: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in std::iter::once(&label.as_bytes()).chain(parts) {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The first eight hexadecimal digits, for tables and log lines.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }

    /// Every journal entry and signature holds some of these: worth more than `{:02x}` per byte.
    fn with_hex<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
        }
        take(std::str::from_utf8(&digits).unwrap_or_default())
    }

    /// Parses 64 hexadecimal digits of either case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|digits| f.write_str(digits))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.short())
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|digits| serializer.serialize_str(digits))
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::parse(&text).ok_or_else(|| serde::de::Error::custom("expected 64 hex digits"))
    }
}

/// SHA-256 over bytes that arrive in pieces.
#[derive(Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// A hasher that has seen no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far: equal to [`Digest::of_bytes`] of their concatenation.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_and_round_trip() {
        // FIPS 180-2, appendix B.1
        let abc = Digest::of_bytes(b"abc");
        assert!(abc.to_string().starts_with("ba7816bf8f01cfea"));
        assert_eq!(Digest::parse(&abc.to_string()), Some(abc));
        assert_eq!(Digest::parse("é"), None);
        assert_eq!(Digest::parse(&"+f".repeat(32)), None);
    }

    #[test]
    fn parts_are_injective() {
        assert_ne!(Digest::of_parts("l", &[b"ab", b"c"]), Digest::of_parts("l", &[b"a", b"bc"]));
        assert_ne!(Digest::of_parts("la", &[b"b"]), Digest::of_parts("l", &[b"ab"]));
    }
}
