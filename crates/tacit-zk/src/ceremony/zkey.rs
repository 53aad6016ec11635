//! The `.zkey` file: a Groth16 proving key of a circuit, and who contributed to its δ.

use super::derive::Shown;
use super::points::{file_bytes, montgomery, push_point, read_point, read_points, uncompressed};
use super::ptau::whole;
use super::share::{Share, is_contributed, read_contributions};
use crate::curve::Engine;
use crate::groth16::{Keyed, ProvingKey};
use crate::r1cs::R1cs;
use crate::sections::{Reader, Sections, Writer, push_modulus, width};
use ark_ff::{BigInteger, PrimeField};
use ark_groth16 as ark;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

pub(crate) const WHAT: &str = "zkey file";
const MAGIC: &[u8; 4] = b"zkey";
/// The protocol of the key.
const GROTH16: u32 = 1;

/// A key.
#[derive(Clone)]
pub(crate) struct Zkey<E: Engine> {
    pub public: usize,
    pub alpha_g1: E::G1Affine,
    pub beta_g1: E::G1Affine,
    pub beta_g2: E::G2Affine,
    pub gamma_g2: E::G2Affine,
    pub delta_g1: E::G1Affine,
    pub delta_g2: E::G2Affine,
    pub ic: Vec<E::G1Affine>,
    /// The left and right sides of every constraint, as [`coefficients`] has them.
    pub coefficients: Vec<u8>,
    pub a: Vec<E::G1Affine>,
    pub b1: Vec<E::G1Affine>,
    pub b2: Vec<E::G2Affine>,
    pub l: Vec<E::G1Affine>,
    pub h: Vec<E::G1Affine>,
    /// The hash over the key before anybody contributed.
    pub circuit: [u8; 64],
    pub contributions: Vec<Delta<E>>,
}

/// A contribution to δ.
#[derive(Clone, PartialEq)]
pub(crate) struct Delta<E: Engine> {
    pub after: E::G1Affine,
    pub key: Shown<E>,
    /// The challenge that the key answers.
    pub transcript: [u8; 64],
    pub share: Share,
}

impl<E: Engine> Zkey<E> {
    /// Whether a file is over this curve.
    pub fn is_of(bytes: &[u8]) -> Result<bool, Error> {
        Sections::read(WHAT, MAGIC, bytes)?.get(2)?.modulus::<E::Base>()
    }

    /// Reads a file. Every point is of its subgroup; what they are to each other is not checked.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let sections = Sections::read(WHAT, MAGIC, bytes)?;
        let protocol = whole(sections.get(1)?, Reader::u32)?;
        if protocol != GROTH16 {
            return Err(Error::caller(WHAT, "a key of Groth16", format!("protocol {protocol}")));
        }
        let mut header = sections.get(2)?;
        if !header.modulus::<E::Base>()? || !header.modulus::<E::ScalarField>()? {
            return Err(Error::caller(WHAT, E::CURVE.name(), "another curve"));
        }
        let [variables, public, size] = [header.count()?, header.count()?, header.count()?];
        if public >= variables || variables > limits::CIRCUIT_WIRES {
            let found = format!("{public} of {variables}");
            return Err(Error::caller(WHAT, "fewer public wires than wires", found));
        }
        if !size.is_power_of_two() || size > 2 * limits::CIRCUIT_WIRES {
            return Err(Error::caller(WHAT, "a power of two", size.to_string()));
        }
        let one = |id, count| whole(sections.get(id)?, |r| read_points(r, count));
        let mut ceremony = sections.get(10)?;
        let key = Self {
            public,
            alpha_g1: read_point(&mut header)?,
            beta_g1: read_point(&mut header)?,
            beta_g2: read_point(&mut header)?,
            gamma_g2: read_point(&mut header)?,
            delta_g1: read_point(&mut header)?,
            delta_g2: read_point(&mut header)?,
            ic: one(3, public + 1)?,
            coefficients: whole(sections.get(4)?, |r| Ok(r.take(r.len())?.to_vec()))?,
            a: one(5, variables)?,
            b1: one(6, variables)?,
            b2: whole(sections.get(7)?, |r| read_points(r, variables))?,
            l: one(8, variables - public - 1)?,
            h: one(9, size)?,
            circuit: ceremony.array()?,
            contributions: read_contributions(&mut ceremony, Delta::read, |made| &made.share)?,
        };
        header.end()?;
        ceremony.end()?;
        Ok(key)
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        let mut header = Vec::new();
        push_modulus::<E::Base>(&mut header);
        push_modulus::<E::ScalarField>(&mut header);
        for count in [self.a.len(), self.public, self.h.len()] {
            header.extend((count as u32).to_le_bytes());
        }
        push_point(&mut header, &self.alpha_g1);
        push_point(&mut header, &self.beta_g1);
        push_point(&mut header, &self.beta_g2);
        push_point(&mut header, &self.gamma_g2);
        push_point(&mut header, &self.delta_g1);
        push_point(&mut header, &self.delta_g2);
        let mut ceremony = self.circuit.to_vec();
        ceremony.extend((self.contributions.len() as u32).to_le_bytes());
        self.contributions.iter().for_each(|delta| delta.push(&mut ceremony));
        let mut writer = Writer::new(MAGIC);
        writer.section(1, &GROTH16.to_le_bytes());
        writer.section(2, &header);
        writer.section(3, &file_bytes(&self.ic));
        writer.section(4, &self.coefficients);
        writer.section(5, &file_bytes(&self.a));
        writer.section(6, &file_bytes(&self.b1));
        writer.section(7, &file_bytes(&self.b2));
        writer.section(8, &file_bytes(&self.l));
        writer.section(9, &file_bytes(&self.h));
        writer.section(10, &ceremony);
        writer.finish()
    }
}

impl<E: Keyed> Zkey<E> {
    /// The proving key, pinned to the head of a transcript; refuses an insane one.
    pub fn proving(&self, head: Digest) -> Result<ProvingKey, Error> {
        if !is_contributed(self.contributions.iter().map(|delta| &delta.share)) {
            return Err(Error::caller(WHAT, "a contributor's δ", "nobody's, or a beacon's alone"));
        }
        let vk = ark::VerifyingKey {
            alpha_g1: self.alpha_g1,
            beta_g2: self.beta_g2,
            gamma_g2: self.gamma_g2,
            delta_g2: self.delta_g2,
            gamma_abc_g1: self.ic.clone(),
        };
        let key = ark::ProvingKey {
            vk,
            beta_g1: self.beta_g1,
            delta_g1: self.delta_g1,
            a_query: self.a.clone(),
            b_g1_query: self.b1.clone(),
            b_g2_query: self.b2.clone(),
            h_query: self.h.clone(),
            l_query: self.l.clone(),
        };
        ProvingKey::new::<E>(key, head)
    }
}

impl<E: Engine> Delta<E> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let after = read_point(reader)?;
        let (s, sx) = (read_point(reader)?, read_point(reader)?);
        let key = Shown { s, sx, spx: read_point(reader)? };
        let transcript = reader.array()?;
        Ok(Self { after, key, transcript, share: Share::read(reader)? })
    }

    fn push(&self, out: &mut Vec<u8>) {
        for point in [self.after, self.key.s, self.key.sx] {
            push_point(out, &point);
        }
        push_point(out, &self.key.spx);
        out.extend(self.transcript);
        self.share.push(out);
    }

    /// What the hashes of later contributions have of it.
    pub fn hashed(&self) -> Vec<u8> {
        let one = uncompressed(&[self.after, self.key.s, self.key.sx]);
        [&one[..], &uncompressed(&[self.key.spx]), &self.transcript].concat()
    }
}

/// The section of coefficients: side, row, wire, and the coefficient as the Montgomery residue of
/// its Montgomery residue; last the rows that keep public wires independent.
pub(crate) fn coefficients<F: PrimeField>(r1cs: &R1cs<F>) -> Vec<u8> {
    let factor = montgomery::<F>().square();
    let mut count = 0_u32;
    let mut out = vec![0; 4];
    let mut push = |side: u32, row: usize, wire: u32, coefficient: F| {
        for number in [side, row as u32, wire] {
            out.extend(number.to_le_bytes());
        }
        out.extend((coefficient * factor).into_bigint().to_bytes_le());
        count += 1;
    };
    for (row, sides) in r1cs.constraints().iter().enumerate() {
        for (side, combination) in sides.iter().take(2).enumerate() {
            for (wire, coefficient) in combination {
                push(side as u32, row, *wire, *coefficient);
            }
        }
    }
    for wire in 0..=r1cs.public() {
        push(0, r1cs.constraints().len() + wire, wire as u32, F::ONE);
    }
    out[..4].copy_from_slice(&count.to_le_bytes());
    debug_assert_eq!(out.len(), 4 + count as usize * (12 + width::<F>()));
    out
}
