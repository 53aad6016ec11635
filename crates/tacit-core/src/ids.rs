//! Who takes part.

use crate::limits;
use std::fmt;

/// A participant's name: 1 to 64 characters of `a–z 0–9 . _ -`, unique in a federation, and the
/// common name of its certificate. Names, not keys, order the roster, so that a simulated and a
/// networked run draw the same cohorts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantId(String);

/// The text is no participant name.
#[derive(Debug, thiserror::Error)]
#[error("expected 1 to 64 characters of a-z 0-9 . _ -, found {found:?}")]
pub struct BadName {
    /// The text, shortened.
    pub found: String,
}

impl ParticipantId {
    /// Parses a name.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > limits::NAME_BYTES || !name.bytes().all(allowed) {
            return Err(BadName { found: name.chars().take(80).collect() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name of the `number`th of `count` generated participants: `p07` of 20.
    pub fn numbered(number: usize, count: usize) -> Self {
        let width = count.saturating_sub(1).to_string().len();
        Self(format!("p{number:0width$}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ParticipantId {
    type Error = BadName;
    fn try_from(name: String) -> Result<Self, BadName> {
        Self::parse(&name)
    }
}

impl From<ParticipantId> for String {
    fn from(id: ParticipantId) -> String {
        id.0
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(ParticipantId::numbered(7, 20).as_str(), "p07");
        for bad in ["", "A", "a b", "é", "../x\0", &"a".repeat(65)] {
            assert!(ParticipantId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ParticipantId::parse("hospital-1.example").is_ok());
    }
}
