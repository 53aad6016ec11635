//! The `.ptau` file: powers of a secret τ, of ατ and of βτ, who contributed to them, and where it
//! is prepared for second phases, the same in Lagrange's basis.

use super::blake::{Blake2b, STATE};
use super::derive::Shown;
use super::points::{file_bytes, generators, push_point, read_point, read_points, uncompressed};
use super::share::{Share, read_contributions};
use crate::curve::Engine;
use crate::sections::{Reader, Sections, Writer, push_modulus};
use tacit_core::error::Error;
use tacit_core::limits;

pub(crate) const WHAT: &str = "ptau file";
const MAGIC: &[u8; 4] = b"ptau";
/// Sections of the Lagrange basis, in the order of [`Lagrange`].
const LAGRANGE: [u32; 4] = [12, 13, 14, 15];

/// The powers: τⁱ below 2^(power+1) − 1 in the first group, and below 2^power in the others.
#[derive(Clone)]
pub(crate) struct Ptau<E: Engine> {
    pub power: u32,
    pub tau_g1: Vec<E::G1Affine>,
    pub tau_g2: Vec<E::G2Affine>,
    pub alpha_g1: Vec<E::G1Affine>,
    pub beta_g1: Vec<E::G1Affine>,
    pub beta_g2: E::G2Affine,
    pub contributions: Vec<Powers<E>>,
    pub lagrange: Option<Lagrange<E>>,
}

/// The same points for every domain up to 2^power, smallest first; of τ in the first group up to
/// twice that.
#[derive(Clone)]
pub(crate) struct Lagrange<E: Engine> {
    pub tau_g1: Vec<E::G1Affine>,
    pub tau_g2: Vec<E::G2Affine>,
    pub alpha_g1: Vec<E::G1Affine>,
    pub beta_g1: Vec<E::G1Affine>,
}

/// The first power of each secret: what a contribution is compared by with the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct First<E: Engine> {
    pub tau_g1: E::G1Affine,
    pub tau_g2: E::G2Affine,
    pub alpha_g1: E::G1Affine,
    pub beta_g1: E::G1Affine,
    pub beta_g2: E::G2Affine,
}

/// A contribution to the powers.
#[derive(Clone, PartialEq)]
pub(crate) struct Powers<E: Engine> {
    pub after: First<E>,
    /// Of τ, α and β.
    pub key: [Shown<E>; 3],
    /// The hash over the response's points, before its key.
    pub partial: [u8; STATE],
    /// The hash over everything: the challenge to whoever comes next.
    pub next: [u8; 64],
    pub share: Share,
}

impl<E: Engine> Ptau<E> {
    /// All powers of one.
    pub fn new(power: u32) -> Result<Self, Error> {
        check_power(power)?;
        let (one, two) = generators::<E>();
        let size = 1 << power;
        Ok(Self {
            power,
            tau_g1: vec![one; 2 * size - 1],
            tau_g2: vec![two; size],
            alpha_g1: vec![one; size],
            beta_g1: vec![one; size],
            beta_g2: two,
            contributions: Vec::new(),
            lagrange: None,
        })
    }

    /// Whether a file is over this curve.
    pub fn is_of(bytes: &[u8]) -> Result<bool, Error> {
        Sections::read(WHAT, MAGIC, bytes)?.get(1)?.modulus::<E::Base>()
    }

    /// Reads a file. Every point is of its subgroup; what they are to each other is not checked.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let sections = Sections::read(WHAT, MAGIC, bytes)?;
        let mut header = sections.get(1)?;
        if !header.modulus::<E::Base>()? {
            return Err(Error::caller(WHAT, E::CURVE.name(), "another curve"));
        }
        let (power, ceremony) = (header.u32()?, header.u32()?);
        header.end()?;
        check_power(power)?;
        if power != ceremony {
            let found = format!("2^{power} of 2^{ceremony}");
            return Err(Error::caller(WHAT, "powers that were not cut off", found));
        }
        let size = 1_usize << power;
        let one = |id, count| whole(sections.get(id)?, |r| read_points(r, count));
        let two = |id, count| whole(sections.get(id)?, |r| read_points(r, count));
        let lagrange = match sections.find(LAGRANGE[0]) {
            None => None,
            Some(_) => Some(Lagrange {
                tau_g1: one(LAGRANGE[0], 4 * size - 1)?,
                tau_g2: two(LAGRANGE[1], 2 * size - 1)?,
                alpha_g1: one(LAGRANGE[2], 2 * size - 1)?,
                beta_g1: one(LAGRANGE[3], 2 * size - 1)?,
            }),
        };
        Ok(Self {
            power,
            tau_g1: one(2, 2 * size - 1)?,
            tau_g2: two(3, size)?,
            alpha_g1: one(4, size)?,
            beta_g1: one(5, size)?,
            beta_g2: whole(sections.get(6)?, read_point)?,
            contributions: whole(sections.get(7)?, |reader| {
                read_contributions(reader, Powers::read, |made| &made.share)
            })?,
            lagrange,
        })
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        let mut header = Vec::new();
        push_modulus::<E::Base>(&mut header);
        header.extend(self.power.to_le_bytes());
        header.extend(self.power.to_le_bytes());
        let mut contributions = (self.contributions.len() as u32).to_le_bytes().to_vec();
        self.contributions.iter().for_each(|powers| powers.push(&mut contributions));
        let mut writer = Writer::new(MAGIC);
        writer.section(1, &header);
        writer.section(2, &file_bytes(&self.tau_g1));
        writer.section(3, &file_bytes(&self.tau_g2));
        writer.section(4, &file_bytes(&self.alpha_g1));
        writer.section(5, &file_bytes(&self.beta_g1));
        writer.section(6, &file_bytes(&[self.beta_g2]));
        writer.section(7, &contributions);
        if let Some(lagrange) = &self.lagrange {
            writer.section(LAGRANGE[0], &file_bytes(&lagrange.tau_g1));
            writer.section(LAGRANGE[1], &file_bytes(&lagrange.tau_g2));
            writer.section(LAGRANGE[2], &file_bytes(&lagrange.alpha_g1));
            writer.section(LAGRANGE[3], &file_bytes(&lagrange.beta_g1));
        }
        writer.finish()
    }

    /// What the next contribution is compared with.
    pub fn first(&self) -> First<E> {
        First {
            tau_g1: self.tau_g1[1],
            tau_g2: self.tau_g2[1],
            alpha_g1: self.alpha_g1[0],
            beta_g1: self.beta_g1[0],
            beta_g2: self.beta_g2,
        }
    }

    /// What the next contributor answers.
    pub fn challenge(&self) -> [u8; 64] {
        match self.contributions.last() {
            Some(last) => last.next,
            None => self.hash(&Blake2b::new().finish()),
        }
    }

    /// The hash over a response and what came of it.
    pub fn hash(&self, response: &[u8; 64]) -> [u8; 64] {
        let mut hash = Blake2b::new();
        hash.update(response);
        hash.update(&uncompressed(&self.tau_g1));
        hash.update(&uncompressed(&self.tau_g2));
        hash.update(&uncompressed(&self.alpha_g1));
        hash.update(&uncompressed(&self.beta_g1));
        hash.update(&uncompressed(&[self.beta_g2]));
        hash.finish()
    }
}

impl<E: Engine> First<E> {
    /// Before anybody contributed.
    pub fn ones() -> Self {
        let (one, two) = generators::<E>();
        Self { tau_g1: one, tau_g2: two, alpha_g1: one, beta_g1: one, beta_g2: two }
    }
}

impl<E: Engine> Powers<E> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let after = First {
            tau_g1: read_point(reader)?,
            tau_g2: read_point(reader)?,
            alpha_g1: read_point(reader)?,
            beta_g1: read_point(reader)?,
            beta_g2: read_point(reader)?,
        };
        let [t, a, b] =
            [(); 3].map(|()| Ok::<_, Error>((read_point(reader)?, read_point(reader)?)));
        let pairs = [t?, a?, b?];
        let [t, a, b] = [(); 3].map(|()| read_point::<E::G2Affine>(reader));
        let two = [t?, a?, b?];
        let key = [0, 1, 2].map(|i| Shown { s: pairs[i].0, sx: pairs[i].1, spx: two[i] });
        let (partial, next) = (reader.array()?, reader.array()?);
        Ok(Self { after, key, partial, next, share: Share::read(reader)? })
    }

    fn push(&self, out: &mut Vec<u8>) {
        let after = &self.after;
        push_point(out, &after.tau_g1);
        push_point(out, &after.tau_g2);
        push_point(out, &after.alpha_g1);
        push_point(out, &after.beta_g1);
        push_point(out, &after.beta_g2);
        for shown in &self.key {
            push_point(out, &shown.s);
            push_point(out, &shown.sx);
        }
        self.key.iter().for_each(|shown| push_point(out, &shown.spx));
        out.extend(self.partial);
        out.extend(self.next);
        self.share.push(out);
    }

    /// The hash over the whole response; `None` where its state is none.
    pub fn response(&self) -> Option<[u8; 64]> {
        let mut hash = Blake2b::resume(&self.partial)?;
        hash.update(&key_bytes(&self.key));
        Some(hash.finish())
    }
}

/// A key as challenges have it.
pub(crate) fn key_bytes<E: Engine>(key: &[Shown<E>; 3]) -> Vec<u8> {
    let one: Vec<_> = key.iter().flat_map(|shown| [shown.s, shown.sx]).collect();
    let two: Vec<_> = key.iter().map(|shown| shown.spx).collect();
    [uncompressed(&one), uncompressed(&two)].concat()
}

/// Powers that were prepared can be read: they are as many bytes as 18 points of the first group
/// for each power, twelve of them in Lagrange's basis.
const _: () = assert!(limits::CIRCUIT_BYTES >> limits::POWERS_LOG > 18 * 96);

fn check_power(power: u32) -> Result<(), Error> {
    if !(1..=limits::POWERS_LOG).contains(&power) {
        let expected = format!("2^1 to 2^{} powers", limits::POWERS_LOG);
        return Err(Error::caller(WHAT, expected, format!("2^{power}")));
    }
    Ok(())
}

/// Reads a section to its end.
pub(crate) fn whole<'a, T>(
    mut reader: Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    let value = read(&mut reader)?;
    reader.end()?;
    Ok(value)
}
