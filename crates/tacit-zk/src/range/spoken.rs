//! What prover and verifier say, and the challenges that come of it: a Merlin transcript with the
//! labels of `tari_bulletproofs_plus`.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use tari_merlin::{Transcript, TranscriptRng};
use zeroize::Zeroizing;

/// Bytes of a scalar or a point.
pub(crate) const ELEMENT: usize = 32;

/// What no proof can hold.
pub(crate) fn malformed() -> Refusal {
    Refusal::Malformed { what: "range proof".into() }
}

/// What a proof that does not hold is refused with.
pub(crate) fn does_not_hold() -> Refusal {
    Refusal::Malformed { what: "range proof: it does not hold of what is claimed".into() }
}

/// Appends a point; refuses the neutral one, of which no challenge would come.
pub(crate) fn say(
    transcript: &mut Transcript,
    label: &'static [u8],
    point: &CompressedRistretto,
) -> Result<(), Refusal> {
    if point.is_identity() {
        return Err(malformed());
    }
    transcript.append_message(label, point.as_bytes());
    Ok(())
}

/// A challenge other than zero.
pub(crate) fn challenge(
    transcript: &mut Transcript,
    label: &'static [u8],
) -> Result<Scalar, Refusal> {
    let mut wide = [0; 64];
    transcript.challenge_bytes(label, &mut wide);
    let challenge = Scalar::from_bytes_mod_order_wide(&wide);
    if challenge == Scalar::ZERO { Err(malformed()) } else { Ok(challenge) }
}

/// A prover's random scalars: from the system's entropy, the statement and the secrets together,
/// so that a weak source of entropy alone does not give the secrets away.
pub(crate) struct Nonces(TranscriptRng);

impl Nonces {
    pub fn new<'a>(
        transcript: &Transcript,
        secrets: impl IntoIterator<Item = &'a Scalar>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        let secrets = secrets.into_iter();
        let mut witness = Zeroizing::new(Vec::with_capacity(ELEMENT * secrets.size_hint().0));
        secrets.for_each(|scalar| witness.extend_from_slice(scalar.as_bytes()));
        let builder = transcript.build_rng().rekey_with_witness_bytes(b"witness", &witness);
        Ok(Self(builder.finalize(&mut ChaCha20Rng::from_seed(*seed))))
    }

    pub fn next(&mut self) -> Scalar {
        Scalar::random(&mut self.0)
    }
}

/// Reads scalars and points one after the other.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    fn element(&mut self) -> Result<[u8; ELEMENT], Refusal> {
        let (element, rest) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(*element)
    }

    /// Below the group's order.
    pub fn scalar(&mut self) -> Result<Scalar, Refusal> {
        Option::from(Scalar::from_canonical_bytes(self.element()?)).ok_or_else(malformed)
    }

    /// Not looked into yet.
    pub fn point(&mut self) -> Result<CompressedRistretto, Refusal> {
        Ok(CompressedRistretto(self.element()?))
    }

    /// No byte is left.
    pub fn end(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

/// The point of its only encoding.
pub(crate) fn open(point: &CompressedRistretto) -> Result<RistrettoPoint, Refusal> {
    point.decompress().ok_or_else(malformed)
}

/// 1, x, x², …: `count` of them.
pub(crate) fn powers(x: Scalar, count: usize) -> Vec<Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * x)).take(count).collect()
}
