//! The first phase: powers of τ, α and β that no circuit is part of (Bowe, Gabizon and Miers 2017,
//! section 4; the hashes and keys are those of circom's tools). Whoever contributes multiplies the
//! secrets with ones of its own, and shows that it knows them.

use super::blake::Blake2b;
use super::derive::{Draw, Shown, base, challenge_point};
use super::points::{compressed, generators};
use super::ptau::{First, Powers, Ptau, WHAT, key_bytes};
use super::ratio::{Claims, Coins};
use super::share::{Beacon, Share};
use crate::curve::Engine;
use ark_ec::CurveGroup;
use ark_ff::Field;
use rayon::prelude::*;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

/// τ, α and β.
pub(crate) const SECRETS: usize = 3;

/// Multiplies the powers with a contributor's.
pub(crate) fn contribute<E: Engine>(
    before: &Ptau<E>,
    draw: &mut Draw<E::ScalarField>,
    share: Share,
) -> Result<Ptau<E>, Error> {
    let challenge = before.challenge();
    let Draw { secrets, stream } = draw;
    let [tau, alpha, beta] = &secrets[..] else { return Err(Error::Bug("three secrets")) };
    let key = [(0, tau), (1, alpha), (2, beta)].map(|(index, secret)| {
        let (s, sx) = base::<E>(stream, secret);
        let sp = challenge_point::<E>(index, &challenge, s, sx);
        Shown { s, sx, spx: (sp * secret).into_affine() }
    });
    let one = &E::ScalarField::ONE;
    let mut after = Ptau {
        power: before.power,
        tau_g1: times_powers::<E::G1>(&before.tau_g1, one, tau),
        tau_g2: times_powers::<E::G2>(&before.tau_g2, one, tau),
        alpha_g1: times_powers::<E::G1>(&before.alpha_g1, alpha, tau),
        beta_g1: times_powers::<E::G1>(&before.beta_g1, beta, tau),
        beta_g2: (before.beta_g2 * beta).into_affine(),
        contributions: before.contributions.clone(),
        lagrange: None,
    };
    let mut hash = response(&challenge, &after);
    let partial = hash.state();
    hash.update(&key_bytes(&key));
    let next = after.hash(&hash.finish());
    after.contributions.push(Powers { after: after.first(), key, partial, next, share });
    Ok(after)
}

/// The hash over a response's points.
pub(super) fn response<E: Engine>(challenge: &[u8; 64], after: &Ptau<E>) -> Blake2b {
    let mut hash = Blake2b::new();
    hash.update(challenge);
    hash.update(&compressed(&after.tau_g1));
    hash.update(&compressed(&after.tau_g2));
    hash.update(&compressed(&after.alpha_g1));
    hash.update(&compressed(&after.beta_g1));
    hash.update(&compressed(&[after.beta_g2]));
    hash
}

/// pᵢ · first · stepⁱ.
fn times_powers<G: CurveGroup>(
    points: &[G::Affine],
    first: &G::ScalarField,
    step: &G::ScalarField,
) -> Vec<G::Affine> {
    const PIECE: usize = 256;
    let pieces: Vec<Vec<G::Affine>> = (points.par_chunks(PIECE).enumerate())
        .map(|(index, piece)| {
            let mut factor = Zeroizing::new(step.pow([(index * PIECE) as u64]));
            *factor *= first;
            let times = piece.iter().map(|point| {
                let product = *point * *factor;
                *factor *= step;
                product
            });
            let points: Vec<G> = times.collect();
            G::normalize_batch(&points)
        })
        .collect();
    pieces.concat()
}

/// Checks everything that a file alone can show: that every contribution's key answers the
/// challenge before it and moved the secrets by what it knows, that beacons are what they say, and
/// that the points are powers of the last secrets, with none of them zero.
pub(crate) fn verify<E: Engine>(powers: &Ptau<E>, entropy: &mut dyn Entropy) -> Result<(), Error> {
    let bad = |found: String| Error::caller(WHAT, "powers of contributed secrets", found);
    let mut coins = Coins::new(entropy)?;
    let mut challenge = Ptau::<E>::new(powers.power)?.challenge();
    let mut last = (First::<E>::ones(), challenge);
    for (index, made) in powers.contributions.iter().enumerate() {
        let mut claims = Claims::<E>::new();
        let key = key_points(made, &challenge);
        for (shown, sp) in made.key.iter().zip(key) {
            claims.same(&mut coins, (shown.s, shown.sx), (sp, shown.spx));
        }
        follows(&mut claims, &mut coins, (&last.0, &made.after), &made.key, &key);
        if !claims.hold() {
            return Err(bad(format!("contribution {} that does not follow", index + 1)));
        }
        if let Some(of) = &made.share.beacon
            && !is_of_beacon(made, of)?
        {
            return Err(bad(format!("contribution {} not of its beacon", index + 1)));
        }
        last = (made.after.clone(), challenge);
        challenge = made.next;
    }
    if let Some(made) = powers.contributions.last() {
        let response = response(&last.1, powers);
        let resumed = Blake2b::resume(&made.partial).map(Blake2b::finish);
        let hash = made.response().map(|response| powers.hash(&response));
        if resumed != Some(response.finish()) || hash != Some(made.next) {
            return Err(bad("points that are not those of the last response".into()));
        }
    }
    if powers.first() != last.0 || !are_powers(powers, &mut coins) {
        return Err(bad("points that are no powers".into()));
    }
    Ok(())
}

fn key_points<E: Engine>(made: &Powers<E>, challenge: &[u8; 64]) -> [E::G2Affine; 3] {
    [0, 1, 2].map(|index| {
        let shown = &made.key[index];
        challenge_point::<E>(index as u8, challenge, shown.s, shown.sx)
    })
}

/// Claims that the secrets moved by what the key knows.
fn follows<E: Engine>(
    claims: &mut Claims<E>,
    coins: &mut Coins,
    (before, after): (&First<E>, &First<E>),
    [tau, alpha, beta]: &[Shown<E>; 3],
    [sp_tau, sp_alpha, sp_beta]: &[E::G2Affine; 3],
) {
    claims.same(coins, (before.tau_g1, after.tau_g1), (*sp_tau, tau.spx));
    claims.same(coins, (before.alpha_g1, after.alpha_g1), (*sp_alpha, alpha.spx));
    claims.same(coins, (before.beta_g1, after.beta_g1), (*sp_beta, beta.spx));
    claims.same(coins, (tau.s, tau.sx), (before.tau_g2, after.tau_g2));
    claims.same(coins, (beta.s, beta.sx), (before.beta_g2, after.beta_g2));
}

fn is_of_beacon<E: Engine>(made: &Powers<E>, of: &Beacon) -> Result<bool, Error> {
    let Draw { secrets, mut stream } = Draw::<E::ScalarField>::beacon(SECRETS, of)?;
    let expected = secrets.iter().map(|secret| base::<E>(&mut stream, secret));
    Ok(made.key.iter().zip(expected).all(|(shown, pair)| (shown.s, shown.sx) == pair))
}

/// Whether every section is a sequence of powers of the same τ, from a generator or one point.
fn are_powers<E: Engine>(powers: &Ptau<E>, coins: &mut Coins) -> bool {
    use ark_ec::AffineRepr;
    let (one, two) = generators::<E>();
    let sections = [&powers.tau_g1, &powers.alpha_g1, &powers.beta_g1];
    if sections.iter().any(|points| points.par_iter().any(AffineRepr::is_zero))
        || powers.tau_g2.par_iter().any(AffineRepr::is_zero)
        || powers.tau_g1[0] != one
        || powers.tau_g2[0] != two
    {
        return false;
    }
    let mut claims = Claims::<E>::new();
    let step = (two, powers.tau_g2[1]);
    for points in sections {
        claims.powers(coins, points, step);
    }
    claims.powers_two(coins, (one, powers.tau_g1[1]), &powers.tau_g2);
    claims.same(coins, (one, powers.beta_g1[0]), (two, powers.beta_g2));
    claims.hold()
}
