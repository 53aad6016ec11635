//! What files say of a contribution beside its points: whose it is, or which beacon it is of.

use crate::sections::Reader;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;

/// Bytes of a name or a beacon's source in a file: their length is one byte.
const TEXT: usize = 255;

/// Who or what a contribution is of.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Share {
    pub name: String,
    pub beacon: Option<Beacon>,
}

/// A public value that nobody could choose, hashed 2^`exponent` times.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// The value, such as the hash of a block that was not mined yet when the ceremony was opened.
    #[serde(with = "super::hex")]
    pub source: Vec<u8>,
    /// How often it is hashed, as a logarithm.
    pub exponent: u8,
}

/// Reads a file's contributions: no more than a ceremony has, and none after a beacon, as whoever
/// verifies computes each beacon anew.
pub(crate) fn read_contributions<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Error>,
    share: impl Fn(&T) -> &Share,
) -> Result<Vec<T>, Error> {
    let what = reader.what;
    let count = reader.count()?;
    if count > limits::CONTRIBUTORS {
        let expected = format!("at most {} contributions", limits::CONTRIBUTORS);
        return Err(Error::caller(what, expected, count.to_string()));
    }
    let mut made: Vec<T> = Vec::new();
    for _ in 0..count {
        if made.last().is_some_and(|last| share(last).beacon.is_some()) {
            return Err(Error::caller(what, "a beacon at the end", "contributions after it"));
        }
        made.push(read(reader)?);
    }
    Ok(made)
}

/// Whether somebody contributed: what a beacon alone made, everybody can compute.
pub(crate) fn is_contributed<'a>(mut shares: impl Iterator<Item = &'a Share>) -> bool {
    shares.any(|share| share.beacon.is_none())
}

impl Share {
    /// A contributor's.
    pub fn of(name: &ParticipantId) -> Self {
        Self { name: name.to_string(), beacon: None }
    }

    /// A beacon's: it has no name.
    pub fn of_beacon(beacon: &Beacon) -> Self {
        Self { name: String::new(), beacon: Some(beacon.clone()) }
    }

    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let what = reader.what;
        let bad = |found: String| Error::caller(what, "a contribution's parameters", found);
        let kind = reader.u32()?;
        let length = reader.count()?;
        let mut body = Reader::new(what, reader.take(length)?);
        let mut share = Self::default();
        let (mut last, mut exponent, mut source) = (0, None, None);
        while body.len() > 0 {
            let [tag] = body.array()?;
            if tag <= last {
                return Err(bad(format!("tag {tag} after {last}")));
            }
            last = tag;
            match tag {
                1 => {
                    let [length] = body.array()?;
                    let text = body.take(usize::from(length))?;
                    share.name = String::from_utf8_lossy(text).into_owned();
                }
                2 => exponent = Some(body.array::<1>()?[0]),
                3 => {
                    let [length] = body.array()?;
                    source = Some(body.take(usize::from(length))?.to_vec());
                }
                _ => return Err(bad(format!("tag {tag}"))),
            }
        }
        share.beacon = match (kind, exponent, source) {
            (0, None, None) => None,
            (1, Some(exponent), Some(source)) => Some(Beacon { source, exponent }),
            _ => return Err(bad(format!("kind {kind} with those of another"))),
        };
        Ok(share)
    }

    pub fn push(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let push = |tag: u8, bytes: &[u8], body: &mut Vec<u8>| {
            let bytes = &bytes[..bytes.len().min(TEXT)];
            body.extend([tag, bytes.len() as u8]);
            body.extend(bytes);
        };
        if !self.name.is_empty() {
            push(1, self.name.as_bytes(), &mut body);
        }
        if let Some(beacon) = &self.beacon {
            body.extend([2, beacon.exponent]);
            push(3, &beacon.source, &mut body);
        }
        out.extend(u32::from(self.beacon.is_some()).to_le_bytes());
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(body);
    }
}
