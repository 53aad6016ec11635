//! Points as circom's files and hashes have them: Montgomery residues in files, big-endian
//! coordinates in challenges, big-endian abscissae with flags in responses.

use crate::curve::{Engine, Point};
use crate::sections::{Reader, width};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, Field, PrimeField};
use rayon::prelude::*;
use tacit_core::error::Error;

/// In the first byte of an abscissa: the point is the identity.
const IDENTITY: u8 = 0x40;
/// In the first byte of an abscissa: the ordinate is the greater of the two.
const GREATEST: u8 = 0x80;
/// Points in a piece of work: enough that a thread is not started in vain.
const PIECE: usize = 512;

type Prime<P> = <<P as AffineRepr>::BaseField as Field>::BasePrimeField;

/// Bytes of a point in a file.
pub(crate) fn point_bytes<P: Point>() -> usize {
    2 * coordinate_bytes::<P>()
}

fn coordinate_bytes<P: Point>() -> usize {
    width::<Prime<P>>() * P::BaseField::extension_degree() as usize
}

/// 2 to the power of the width: what residues are multiplied with in files.
pub(crate) fn montgomery<F: PrimeField>() -> F {
    F::from(2_u64).pow([8 * width::<F>() as u64])
}

/// Its inverse.
pub(crate) fn montgomery_inverse<F: PrimeField>() -> F {
    montgomery::<F>().inverse().unwrap_or_default()
}

/// Reads `count` points; refuses those outside the subgroup. The identity passes: some queries of
/// keys have it.
pub(crate) fn read_points<P: Point>(
    reader: &mut Reader<'_>,
    count: usize,
) -> Result<Vec<P>, Error> {
    let size = point_bytes::<P>();
    let what = reader.what;
    let total = count.saturating_mul(size);
    let bytes = reader.take(total)?;
    let factor = montgomery_inverse::<Prime<P>>();
    let pieces = bytes.par_chunks(size * PIECE);
    let points: Result<Vec<Vec<P>>, Error> = pieces
        .map(|piece| {
            let points = piece.chunks(size).map(|bytes| read_one::<P>(what, bytes, factor));
            points.collect()
        })
        .collect();
    Ok(points?.concat())
}

/// Reads one point that is not the identity.
pub(crate) fn read_point<P: Point>(reader: &mut Reader<'_>) -> Result<P, Error> {
    let factor = montgomery_inverse::<Prime<P>>();
    let bytes = reader.take(point_bytes::<P>())?;
    let point: P = read_one(reader.what, bytes, factor)?;
    if point.is_zero() {
        return Err(Error::caller(reader.what, "no identity", "one"));
    }
    Ok(point)
}

fn read_one<P: Point>(what: &'static str, bytes: &[u8], factor: Prime<P>) -> Result<P, Error> {
    let point = if bytes.iter().all(|byte| *byte == 0) {
        P::from_coordinates(None)
    } else {
        let mut reader = Reader::new(what, bytes);
        let degree = P::BaseField::extension_degree() as usize;
        let mut coordinate = || {
            let mut parts = Vec::with_capacity(degree);
            for _ in 0..degree {
                parts.push(reader.field::<Prime<P>>()? * factor);
            }
            P::BaseField::from_base_prime_field_elems(parts)
                .ok_or(Error::Bug("as many elements as the field has"))
        };
        P::from_coordinates(Some((coordinate()?, coordinate()?)))
    };
    if !point.is_sound() {
        return Err(Error::caller(what, "points of the subgroup", "one outside"));
    }
    Ok(point)
}

/// Appends a point as files have it.
pub(crate) fn push_point<P: Point>(out: &mut Vec<u8>, point: &P) {
    push_one(out, point, montgomery::<Prime<P>>());
}

fn push_one<P: Point>(out: &mut Vec<u8>, point: &P, factor: Prime<P>) {
    let Some((x, y)) = point.xy() else {
        out.resize(out.len() + point_bytes::<P>(), 0);
        return;
    };
    for element in x.to_base_prime_field_elements().chain(y.to_base_prime_field_elements()) {
        out.extend((element * factor).into_bigint().to_bytes_le());
    }
}

/// Points as files have them.
pub(crate) fn file_bytes<P: Point>(points: &[P]) -> Vec<u8> {
    let factor = montgomery::<Prime<P>>();
    in_pieces(points, |out, point| push_one(out, point, factor))
}

/// Points as challenges have them; the identity is zero.
pub(crate) fn uncompressed<P: Point>(points: &[P]) -> Vec<u8> {
    in_pieces(points, |out, point| {
        let Some((x, y)) = point.xy() else {
            out.resize(out.len() + point_bytes::<P>(), 0);
            return;
        };
        push_big_endian(out, &x);
        push_big_endian(out, &y);
    })
}

/// Points as responses have them.
pub(crate) fn compressed<P: Point>(points: &[P]) -> Vec<u8> {
    in_pieces(points, |out, point| {
        let start = out.len();
        let Some((x, y)) = point.xy() else {
            out.push(IDENTITY);
            out.resize(start + coordinate_bytes::<P>(), 0);
            return;
        };
        push_big_endian(out, &x);
        if y > -y {
            out[start] |= GREATEST;
        }
    })
}

/// The highest coefficient first, each with its highest byte first.
fn push_big_endian<F: Field>(out: &mut Vec<u8>, element: &F) {
    let mut parts: Vec<_> = element.to_base_prime_field_elements().collect();
    parts.reverse();
    for part in parts {
        out.extend(part.into_bigint().to_bytes_be());
    }
}

fn in_pieces<P: Point>(points: &[P], push: impl Fn(&mut Vec<u8>, &P) + Sync) -> Vec<u8> {
    let pieces: Vec<Vec<u8>> = points
        .par_chunks(PIECE)
        .map(|piece| {
            let mut out = Vec::with_capacity(piece.len() * point_bytes::<P>());
            piece.iter().for_each(|point| push(&mut out, point));
            out
        })
        .collect();
    pieces.concat()
}

/// Both groups' generators.
pub(crate) fn generators<E: Engine>() -> (E::G1Affine, E::G2Affine) {
    (E::G1Affine::generator(), E::G2Affine::generator())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;

    fn written_as_read<P: Point>() {
        let two = (P::generator() + P::generator()).into_affine();
        let points = [P::generator(), two, P::from_coordinates(None)];
        let bytes = file_bytes(&points);
        let read: Vec<P> = read_points(&mut Reader::new("points", &bytes), 3).unwrap();
        assert_eq!(read, points);
        assert!(read_points::<P>(&mut Reader::new("points", &bytes), 4).is_err());
        assert!(read_points::<P>(&mut Reader::new("points", &bytes), usize::MAX).is_err());
        let mut outside = bytes.clone();
        outside[0] ^= 1;
        assert!(read_points::<P>(&mut Reader::new("points", &outside), 3).is_err());
        let tail = &bytes[2 * point_bytes::<P>()..];
        assert!(read_point::<P>(&mut Reader::new("points", tail)).is_err());
    }

    #[test]
    fn of_every_group() {
        written_as_read::<ark_bn254::G1Affine>();
        written_as_read::<ark_bn254::G2Affine>();
        written_as_read::<ark_bls12_381::G1Affine>();
        written_as_read::<ark_bls12_381::G2Affine>();
    }
}
