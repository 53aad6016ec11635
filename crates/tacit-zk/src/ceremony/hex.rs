//! Bytes as hexadecimal digits in JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Lower-case digits, with room for the end of a line: bytes may be secret, and do not move.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let mut text = String::with_capacity(2 * bytes.len() + 1);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// Digits of either case; `None` for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let value = |digit: &u8| char::from(*digit).to_digit(16).map(|value| value as u8);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push(value(high)? << 4 | value(low)?);
    }
    Some(bytes)
}

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    decode(&text).ok_or_else(|| D::Error::custom("expected hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_there_and_back() {
        assert_eq!(encode(&[0x0a, 0xff]), "0aff");
        assert_eq!(decode("0aFF"), Some(vec![0x0a, 0xff]));
        assert!(["0", "0g", "é0"].iter().all(|text| decode(text).is_none()));
    }

    #[test]
    fn secrets_have_all_their_room_at_once() {
        let text = encode(&[7; 32]);
        assert!((65..128).contains(&text.capacity()));
        assert!((32..64).contains(&decode(&text).unwrap().capacity()));
    }
}
