//! Sets of members of a session.

use crate::messages::{Blob, malformed};
use serde::{Deserialize, Serialize};
use tacit_core::error::Refusal;

/// A set of members, by number: bit `i % 8` of byte `i / 8` says whether `i` is in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Roster(Blob);

impl Roster {
    /// The set of these of `count` members; others are left out.
    pub fn of(count: usize, members: impl IntoIterator<Item = usize>) -> Self {
        let mut bytes = vec![0; count.div_ceil(8)];
        for member in members.into_iter().filter(|member| *member < count) {
            bytes[member / 8] |= 1 << (member % 8);
        }
        Self(Blob(bytes))
    }

    /// Refuses bytes that are no set of `count` members.
    pub fn check(&self, count: usize) -> Result<(), Refusal> {
        let bytes = &self.0.0;
        let unused = match (count % 8, bytes.last()) {
            (0, _) | (_, None) => 0,
            (used, Some(last)) => last >> used,
        };
        if bytes.len() != count.div_ceil(8) || unused != 0 {
            return Err(malformed("roster"));
        }
        Ok(())
    }

    /// Whether a member is in it.
    pub fn has(&self, member: usize) -> bool {
        self.bytes().get(member / 8).is_some_and(|byte| byte >> (member % 8) & 1 == 1)
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.bytes().iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Whether all who are in it are in `other`, of the same session.
    pub fn within(&self, other: &Self) -> bool {
        self.bytes().iter().zip(other.bytes()).all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// Its members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.bytes().len() * 8).filter(|member| self.has(*member))
    }

    /// Its bytes, for digests.
    pub fn bytes(&self) -> &[u8] {
        &self.0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let set = Roster::of(11, [0, 3, 10, 11, 99]);
        assert_eq!((set.bytes(), set.len()), (&[0b1001, 0b100][..], 3));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 10]);
        assert!(set.has(10) && !set.has(11) && !set.has(1000));
        assert!(Roster::of(11, [3]).within(&set) && !Roster::of(11, [4]).within(&set));
        assert!(set.check(11).is_ok() && set.check(16).is_ok());
        assert!(set.check(10).is_err() && set.check(17).is_err() && set.check(8).is_err());
        assert!(Roster::of(0, []).check(0).is_ok());
    }
}
