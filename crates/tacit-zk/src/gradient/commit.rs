//! Commitments to data, weights and updates: sponges of a salt and of packed bits; data in blocks
//! of one batch, the leaves of a tree of fixed depth.

use super::spec::{Rows, Spec};
use crate::poseidon::Hashes;
use crate::r1cs::builder::PACKED_BITS;
use ark_ff::{BigInteger, PrimeField};
use tacit_core::data::Shard;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use zeroize::Zeroizing;

/// Purposes of sponges.
pub(super) const LEAF: u64 = 1;
pub(super) const WEIGHTS: u64 = 2;
pub(super) const UPDATE: u64 = 3;

/// A commitment to one participant's rows, as it travels at enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetCommitment {
    /// Root of the tree, canonical, lowest byte first.
    pub root: [u8; 32],
    /// Blocks that it holds; every other leaf is zero.
    pub blocks: u32,
}

impl DatasetCommitment {
    /// Root and number of blocks: 36 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.root[..], &self.blocks.to_le_bytes()].concat()
    }

    /// Reads those bytes; refuses a number of blocks that a tree of the computation has no leaves
    /// for.
    pub fn from_bytes(bytes: &[u8], spec: &Spec) -> Result<Self, Error> {
        let bad = |found: String| Error::caller("data commitment", "36 bytes", found);
        let (Some(root), Some(blocks)) = (bytes.first_chunk::<32>(), bytes.get(32..36)) else {
            return Err(bad(format!("{} bytes", bytes.len())));
        };
        if bytes.len() != 36 {
            return Err(bad(format!("{} bytes", bytes.len())));
        }
        let blocks = blocks.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        if blocks == 0 || blocks > 1 << spec.depth {
            let expected = format!("1 to {}", 1_u32 << spec.depth);
            return Err(Error::caller("blocks of a data commitment", expected, blocks.to_string()));
        }
        Ok(Self { root: *root, blocks })
    }

    /// Rows in whole blocks: the weight of an update.
    pub fn examples(&self, spec: &Spec) -> u64 {
        u64::from(self.blocks) * spec.batch as u64
    }
}

/// One participant's rows in blocks, with the tree over them.
pub struct Dataset<F> {
    /// Leaves first, then each level above them, without the zeros to their right.
    levels: Vec<Vec<F>>,
    secret: [u8; 32],
}

impl<F> Drop for Dataset<F> {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl<F: PrimeField> Dataset<F> {
    /// Hashes every whole block of a shard. Rows beyond are left out.
    pub fn new(
        spec: &Spec,
        hashes: &Hashes<F>,
        secret: [u8; 32],
        shard: &Shard,
    ) -> Result<Self, Error> {
        let blocks = spec.blocks(shard)?;
        let mut leaves = Vec::with_capacity(blocks as usize);
        for block in 0..blocks {
            let rows = Zeroizing::new(spec.row_bits(&spec.rows(shard, block)?));
            leaves.push(commit(hashes, LEAF, salt(&secret, "rows", block.into()), &rows));
        }
        let (mut levels, mut empty) = (vec![leaves], F::ZERO);
        for _ in 0..spec.depth {
            let below = levels.last().map(Vec::as_slice).unwrap_or_default();
            let pairs = below.chunks(2);
            let parent = |pair: &[F]| hashes.parent(pair[0], pair.get(1).copied().unwrap_or(empty));
            let above = pairs.map(parent).collect();
            levels.push(above);
            empty = hashes.parent(empty, empty);
        }
        Ok(Self { levels, secret })
    }

    /// The root.
    pub fn root(&self) -> F {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// What travels.
    pub fn commitment(&self) -> DatasetCommitment {
        let blocks = self.levels.first().map_or(0, |leaves| leaves.len() as u32);
        DatasetCommitment { root: to_bytes(self.root()), blocks }
    }

    /// The salt of a block's leaf, and the siblings on its way to the root.
    pub fn path(&self, hashes: &Hashes<F>, block: u32) -> (F, Vec<F>) {
        let (mut place, mut empty, mut path) = (block as usize, F::ZERO, Vec::new());
        for level in &self.levels[..self.levels.len() - 1] {
            path.push(level.get(place ^ 1).copied().unwrap_or(empty));
            empty = hashes.parent(empty, empty);
            place /= 2;
        }
        (salt(&self.secret, "rows", block.into()), path)
    }
}

impl Spec {
    /// Whole blocks of a shard; refuses one with none, or with more than the tree has leaves.
    pub fn blocks(&self, shard: &Shard) -> Result<u32, Error> {
        let (blocks, most) = (shard.len() / self.batch, 1 << self.depth);
        if shard.shape().width() != self.features {
            let expected = format!("{} features", self.features);
            return Err(Error::caller("shard", expected, shard.shape().width().to_string()));
        }
        if blocks == 0 || blocks > most {
            let expected = format!("{} to {} examples", self.batch, (most + 1) * self.batch - 1);
            return Err(Error::caller("shard", expected, shard.len().to_string()));
        }
        Ok(blocks as u32)
    }

    /// The rows of a block of a shard, rounded and saturated.
    pub fn rows(&self, shard: &Shard, block: u32) -> Result<Rows, Error> {
        let start = block as usize * self.batch;
        if start + self.batch > shard.len() {
            let expected = format!("a block below {}", shard.len() / self.batch);
            return Err(Error::caller("block", expected, block.to_string()));
        }
        let mut rows = Rows::default();
        for row in start..start + self.batch {
            let (features, label) = shard.get(row);
            rows.features.extend(features.iter().map(|x| self.feature(*x)));
            rows.targets.extend(self.class(label));
        }
        Ok(rows)
    }
}

/// A salt for one purpose.
pub fn salt<F: PrimeField>(secret: &[u8; 32], purpose: &str, number: u64) -> F {
    let parts: [&[u8]; 3] = [secret, purpose.as_bytes(), &number.to_le_bytes()];
    let digest = Digest::of_parts("tacit/v1/gradient/salt", &parts);
    F::from_le_bytes_mod_order(&digest.0[..PACKED_BITS / 8])
}

/// The sponge of a salt and packed bits.
pub(super) fn commit<F: PrimeField>(hashes: &Hashes<F>, purpose: u64, salt: F, bits: &[bool]) -> F {
    let mut inputs = vec![salt];
    inputs.extend(bits.chunks(PACKED_BITS).map(|chunk| {
        let number = F::BigInt::from_bits_le(chunk);
        F::from_bigint(number).unwrap_or(F::ZERO)
    }));
    hashes.sponge(purpose, &inputs)
}

/// The commitment to weights; the salt is zero where they are public.
pub fn commit_weights<F: PrimeField>(
    spec: &Spec,
    hashes: &Hashes<F>,
    salt: F,
    weights: &[i32],
) -> F {
    commit(hashes, WEIGHTS, salt, &spec.weight_bits(weights))
}

/// The commitment to an update.
pub fn commit_update<F: PrimeField>(spec: &Spec, hashes: &Hashes<F>, salt: F, update: &[i32]) -> F {
    commit(hashes, UPDATE, salt, &spec.update_bits(update))
}

/// The canonical bytes of an element, lowest first.
pub fn to_bytes<F: PrimeField>(element: F) -> [u8; 32] {
    let bytes = element.into_bigint().to_bytes_le();
    std::array::from_fn(|i| bytes.get(i).copied().unwrap_or_default())
}

/// Reads canonical bytes: `None` of a number that exceeds the field.
pub fn from_bytes<F: PrimeField>(bytes: &[u8; 32]) -> Option<F> {
    let bits: Vec<bool> = (0..256).map(|i| bytes[i / 8] >> (i % 8) & 1 == 1).collect();
    F::from_bigint(F::BigInt::from_bits_le(&bits))
}
