//! Canonical bytes of records and messages: JSON with fixed field order, accepted only in the one
//! spelling that we would write ourselves.

use crate::error::Refusal;

/// The canonical bytes. Values that JSON cannot hold (NaN) become `null` and fail to decode.
pub fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Our types hold only string-keyed maps, so serialisation cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Decodes at most `limit` bytes; refuses every spelling but the canonical one.
pub fn decode<T: serde::Serialize + serde::de::DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    limit: usize,
) -> Result<T, Refusal> {
    if bytes.len() > limit {
        let (limit, found) = (limit as u64, bytes.len() as u64);
        return Err(Refusal::TooLarge { what: what.into(), limit, found });
    }
    let malformed = || Refusal::Malformed { what: what.into() };
    let value = serde_json::from_slice(bytes).map_err(|_| malformed())?;
    if encode(&value) == bytes { Ok(value) } else { Err(malformed()) }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
        text
    })
}

/// Bytes of lower-case hexadecimal; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{Checkpoint, Evaluation};

    #[test]
    fn only_the_canonical_spelling_decodes() {
        let value = Evaluation { examples: 3, correct: 1, loss: 0.1, per_class: vec![] };
        let bytes = encode(&value);
        assert_eq!(decode::<Evaluation>("evaluation", &bytes, 1000).unwrap(), value);
        let spaced = String::from_utf8(bytes.clone()).unwrap().replace(':', ": ");
        assert!(decode::<Evaluation>("evaluation", spaced.as_bytes(), 1000).is_err());
        assert!(decode::<Evaluation>("evaluation", &bytes, 3).is_err());
        assert!(decode::<Checkpoint>("checkpoint", b"{\"size\":1}", 100).is_err());
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(unhex(&hex(&[0, 171, 255])), Some(vec![0, 171, 255]));
        assert_eq!((unhex("A0"), unhex("0"), unhex("zz")), (None, None, None));
    }
}
