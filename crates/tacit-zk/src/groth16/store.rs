//! Keys as bytes.

use super::key::ProvingKey;
use super::prove::Keyed;
use crate::curve::Curve;
use ark_groth16 as ark;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, Compress, Validate};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

const WHAT: &str = "proving key";
const MAGIC: &[u8] = b"tacit/v1/proving-key\n";

/// The points of a key, uncompressed: for caches and tests. Ceremonies write `.zkey` files.
pub fn write_proving_key<E: Keyed>(key: &ProvingKey) -> Result<Vec<u8>, Error> {
    let points =
        E::proving(key).ok_or_else(|| Error::caller(WHAT, E::CURVE.name(), "another curve"))?;
    let mut out = [MAGIC, &[E::CURVE as u8], &key.verifying().head().0].concat();
    points
        .serialize_uncompressed(&mut out)
        .map_err(|_| Error::Bug("a vector takes whatever is written"))?;
    Ok(out)
}

/// Reads those bytes, pinned to the head of a transcript; refuses an insane key.
pub fn read_proving_key<E: Keyed>(bytes: &[u8], head: Digest) -> Result<ProvingKey, Error> {
    let bad = |expected: String, found: String| Error::caller(WHAT, expected, found);
    if bytes.len() as u64 > limits::KEY_BYTES {
        return Err(bad(format!("{} bytes", limits::KEY_BYTES), bytes.len().to_string()));
    }
    let rest = bytes.strip_prefix(MAGIC).and_then(<[u8]>::split_first);
    let Some((curve, rest)) = rest else { return Err(bad("a key".into(), "other bytes".into())) };
    let curve = Curve::ALL.into_iter().find(|known| *known as u8 == *curve);
    let Some((found, mut rest)) = rest.split_first_chunk::<32>() else {
        return Err(bad("a key".into(), "its beginning".into()));
    };
    if curve != Some(E::CURVE) || Digest(*found) != head {
        let found =
            curve.map_or("another curve".into(), |curve| format!("{curve}, {}", Digest(*found)));
        return Err(bad(format!("{}, pinned to {head}", E::CURVE), found));
    }
    // every point is checked once, by what makes a key of them
    let key = ark::ProvingKey::<E>::deserialize_with_mode(&mut rest, Compress::No, Validate::No)
        .map_err(|error| bad("points".into(), error.to_string()))?;
    if !rest.is_empty() {
        return Err(bad("its end".into(), "more bytes".into()));
    }
    ProvingKey::new::<E>(key, head)
}
