//! The `.wtns` file of circom: the wires of one statement.

use crate::sections::{Reader, Sections, Writer, push_modulus};
use ark_ff::{BigInteger, PrimeField};
use tacit_core::error::Error;

const WHAT: &str = "wtns file";
const MAGIC: &[u8; 4] = b"wtns";

/// Writes the wires.
pub fn write_witness<F: PrimeField>(wires: &[F]) -> Vec<u8> {
    let mut header = Vec::new();
    push_modulus::<F>(&mut header);
    header.extend((wires.len() as u32).to_le_bytes());
    let body: Vec<u8> = wires.iter().flat_map(|wire| wire.into_bigint().to_bytes_le()).collect();
    let mut writer = Writer::new(MAGIC);
    writer.section(1, &header);
    writer.section(2, &body);
    writer.finish()
}

/// Reads the wires.
pub fn read_witness<F: PrimeField>(bytes: &[u8]) -> Result<Vec<F>, Error> {
    let sections = Sections::read(WHAT, MAGIC, bytes)?;
    let mut header: Reader<'_> = sections.get(1)?;
    if !header.modulus::<F>()? {
        return Err(Error::caller(WHAT, "the scalar field of the curve", "another modulus"));
    }
    let count = header.count()?;
    header.end()?;
    let mut body = sections.get(2)?;
    let mut wires = Vec::new();
    for _ in 0..count {
        wires.push(body.field()?);
    }
    body.end()?;
    Ok(wires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1cs::tests::cubic_witness;

    #[test]
    fn written_as_read() {
        let wires = cubic_witness::<ark_bn254::Fr>(3);
        let bytes = write_witness(&wires);
        assert_eq!(read_witness::<ark_bn254::Fr>(&bytes).unwrap(), wires);
        assert!(read_witness::<ark_bls12_381::Fr>(&bytes).is_err());
        for end in 0..bytes.len() {
            assert!(read_witness::<ark_bn254::Fr>(&bytes[..end]).is_err(), "{end}");
        }
    }
}
