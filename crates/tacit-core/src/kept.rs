//! What a participant keeps between rounds, and the bytes in which it lies on a disk.

use crate::codec;
use crate::digest::Digest;
use crate::error::Error;
use crate::limits;
use crate::params;
use std::collections::BTreeMap;

/// Vectors by name: a control variate, the error that compression left.
pub type Kept = BTreeMap<String, Vec<f32>>;

/// Names and lengths as canonical JSON behind their length (four bytes, little-endian), then the
/// values as little-endian f32, then SHA-256 of all of it.
pub fn encode(kept: &Kept) -> Vec<u8> {
    let header: Vec<(&str, u64)> =
        kept.iter().map(|(name, values)| (name.as_str(), values.len() as u64)).collect();
    let header = codec::encode(&header);
    let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
    bytes.extend(header);
    kept.values().for_each(|values| bytes.extend(params::bytes_of(values)));
    let digest = Digest::of_bytes(&bytes);
    bytes.extend(digest.0);
    bytes
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// A fault of the disk for any other bytes.
pub fn decode(bytes: &[u8]) -> Result<Kept, Error> {
    let broken = |why: &'static str| Error::world("reading what was kept between rounds", why);
    let (body, digest) = bytes.split_last_chunk::<32>().ok_or_else(|| broken("too short"))?;
    if Digest::of_bytes(body).0 != *digest {
        return Err(broken("its bytes do not have their digest"));
    }
    let (len, rest) = body.split_first_chunk::<4>().ok_or_else(|| broken("too short"))?;
    let header = rest.split_at_checked(u32::from_le_bytes(*len) as usize);
    let (header, mut rest) = header.ok_or_else(|| broken("too short"))?;
    let header: Vec<(String, u64)> =
        codec::decode("names of what was kept", header, limits::MESSAGE_BYTES)?;
    let mut kept = Kept::new();
    for (name, len) in header {
        let len = usize::try_from(len).ok().and_then(|len| len.checked_mul(4));
        let split = len.and_then(|len| rest.split_at_checked(len));
        let (values, later) = split.ok_or_else(|| broken("too short"))?;
        kept.insert(name, params::values_of(values).collect());
        rest = later;
    }
    if rest.is_empty() { Ok(kept) } else { Err(broken("too long")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_refuses_any_other_bytes() {
        let kept = Kept::from([("a".into(), vec![1.0, -2.5]), ("b".into(), vec![])]);
        let bytes = encode(&kept);
        assert_eq!(decode(&bytes).unwrap(), kept);
        assert_eq!(decode(&encode(&Kept::new())).unwrap(), Kept::new());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
        for at in 0..bytes.len() {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            assert!(decode(&torn).is_err());
        }
    }

    #[test]
    fn lengths_beyond_the_bytes_are_refused() {
        let header = codec::encode(&vec![("a", u64::MAX)]);
        let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
        bytes.extend(header);
        let digest = Digest::of_bytes(&bytes);
        bytes.extend(digest.0);
        assert!(decode(&bytes).is_err());
    }
}
