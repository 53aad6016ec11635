//! The `.r1cs` file of circom (version 1): header, constraints, labels of the wires.

use super::system::{Combination, R1cs};
use crate::curve::{Curve, Engine};
use crate::sections::{Reader, Sections, Writer, push_modulus, width};
use ark_ff::{BigInteger, PrimeField};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

const WHAT: &str = "r1cs file";
const MAGIC: &[u8; 4] = b"r1cs";

/// A constraint system over the scalar field of a curve that is known when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Over BN254.
    Bn254(R1cs<ark_bn254::Fr>),
    /// Over BLS12-381.
    Bls12_381(R1cs<ark_bls12_381::Fr>),
}

impl Circuit {
    /// Reads a file; refuses what is not wholly a constraint system of one of the curves.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > limits::CIRCUIT_BYTES {
            let expected = format!("at most {} bytes", limits::CIRCUIT_BYTES);
            return Err(Error::caller(WHAT, expected, bytes.len().to_string()));
        }
        let sections = Sections::read(WHAT, MAGIC, bytes)?;
        if sections.find(4).or(sections.find(5)).is_some() {
            return Err(Error::caller(WHAT, "plain constraints", "custom gates"));
        }
        let header = sections.get(1)?;
        let of = |curve| match curve {
            Curve::Bn254 => header.clone().modulus::<ark_bn254::Fr>(),
            Curve::Bls12_381 => header.clone().modulus::<ark_bls12_381::Fr>(),
        };
        let constraints = sections.get(2)?;
        if of(Curve::Bn254)? {
            return Ok(Self::Bn254(read(header, constraints)?));
        }
        if of(Curve::Bls12_381)? {
            return Ok(Self::Bls12_381(read(header, constraints)?));
        }
        Err(Error::caller(WHAT, "the scalar field of bn254 or bls12-381", "another modulus"))
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Self::Bn254(r1cs) => write(r1cs),
            Self::Bls12_381(r1cs) => write(r1cs),
        }
    }

    /// Over which curve.
    pub fn curve(&self) -> Curve {
        match self {
            Self::Bn254(_) => Curve::Bn254,
            Self::Bls12_381(_) => Curve::Bls12_381,
        }
    }

    /// Names the circuit: the digest of its file.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(&self.write())
    }

    /// Logarithm of the size of the domain: powers of tau of at least this are needed.
    pub fn log_domain(&self) -> u32 {
        match self {
            Self::Bn254(r1cs) => r1cs.log_domain(),
            Self::Bls12_381(r1cs) => r1cs.log_domain(),
        }
    }
}

impl From<R1cs<ark_bn254::Fr>> for Circuit {
    fn from(r1cs: R1cs<ark_bn254::Fr>) -> Self {
        Self::Bn254(r1cs)
    }
}

impl From<R1cs<ark_bls12_381::Fr>> for Circuit {
    fn from(r1cs: R1cs<ark_bls12_381::Fr>) -> Self {
        Self::Bls12_381(r1cs)
    }
}

fn read<F: PrimeField>(mut header: Reader<'_>, mut body: Reader<'_>) -> Result<R1cs<F>, Error> {
    header.modulus::<F>()?;
    let variables = header.count()?;
    let public = header.count()?.saturating_add(header.count()?);
    let _private_inputs = header.u32()?;
    let _labels = header.u64()?;
    let count = header.count()?;
    header.end()?;
    // every constraint has at least three counts
    if count > body.len() / 12 {
        return Err(Error::caller(WHAT, format!("{count} constraints"), "fewer"));
    }
    let mut constraints = Vec::with_capacity(count);
    for _ in 0..count {
        let [a, b, c] = [0; 3].map(|_| combination(&mut body));
        constraints.push([a?, b?, c?]);
    }
    body.end()?;
    R1cs::new(public, variables, constraints)
}

fn combination<F: PrimeField>(body: &mut Reader<'_>) -> Result<Combination<F>, Error> {
    let count = body.count()?;
    if count > body.len() / (4 + width::<F>()) {
        return Err(Error::caller(WHAT, format!("{count} coefficients"), "fewer"));
    }
    (0..count).map(|_| Ok((body.u32()?, body.field()?))).collect()
}

fn write<F: PrimeField>(r1cs: &R1cs<F>) -> Vec<u8> {
    let mut header = Vec::new();
    push_modulus::<F>(&mut header);
    // what is public is an output: there are no public inputs, and private ones are not told apart
    for count in [r1cs.variables(), r1cs.public(), 0, 0] {
        header.extend((count as u32).to_le_bytes());
    }
    header.extend((r1cs.variables() as u64).to_le_bytes());
    header.extend((r1cs.constraints().len() as u32).to_le_bytes());
    let mut body = Vec::new();
    for combination in r1cs.constraints().iter().flatten() {
        body.extend((combination.len() as u32).to_le_bytes());
        for (wire, coefficient) in combination {
            body.extend(wire.to_le_bytes());
            body.extend(coefficient.into_bigint().to_bytes_le());
        }
    }
    let labels: Vec<u8> =
        (0..r1cs.variables() as u64).flat_map(|label| label.to_le_bytes()).collect();
    let mut writer = Writer::new(MAGIC);
    for (id, body) in [(1, header), (2, body), (3, labels)] {
        writer.section(id, &body);
    }
    writer.finish()
}

/// The constraint system of a circuit, where it is over the scalar field of `E`.
pub trait Over: Engine {
    /// `None` where it is over another.
    fn of(circuit: &Circuit) -> Option<&R1cs<Self::ScalarField>>;
}

impl Over for ark_bn254::Bn254 {
    fn of(circuit: &Circuit) -> Option<&R1cs<Self::ScalarField>> {
        if let Circuit::Bn254(r1cs) = circuit { Some(r1cs) } else { None }
    }
}

impl Over for ark_bls12_381::Bls12_381 {
    fn of(circuit: &Circuit) -> Option<&R1cs<Self::ScalarField>> {
        if let Circuit::Bls12_381(r1cs) = circuit { Some(r1cs) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1cs::system::tests::cubic;

    #[test]
    fn written_as_read() {
        let circuits: [Circuit; 2] =
            [cubic::<ark_bn254::Fr>().into(), cubic::<ark_bls12_381::Fr>().into()];
        for circuit in circuits {
            let bytes = circuit.write();
            assert_eq!(Circuit::read(&bytes).unwrap(), circuit);
            for end in 0..bytes.len() {
                assert!(Circuit::read(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    /// Counts that the file does not hold must not be allocated for.
    #[test]
    fn no_garbled_file_is_trusted() {
        let bytes = Circuit::from(cubic::<ark_bn254::Fr>()).write();
        for place in 0..bytes.len() {
            for value in [0, 0xff] {
                let mut garbled = bytes.clone();
                garbled[place] = value;
                let _ = Circuit::read(&garbled);
            }
        }
    }
}
