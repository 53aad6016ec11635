//! Each condition on keys, with a key that breaks it alone.

use super::{Keyed, ProvingKey, VerifyingKey, head_for_tests, setup_for_tests};
use crate::curve::Point;
use crate::r1cs::tests::cubic;
use crate::testing::Seeded;
use ark_bls12_381::{Bls12_381, Fq};
use ark_bn254::Bn254;
use ark_ec::{AffineRepr, CurveGroup};
use ark_groth16 as ark;

fn sane<E: Keyed>() -> ark::ProvingKey<E> {
    let cubic = cubic::<E::ScalarField>();
    let key = setup_for_tests::<E>(&cubic, &mut Seeded::new(1)).unwrap();
    E::proving(&key).unwrap().clone()
}

/// A way to spoil a key, and what it is called.
type Spoil<T> = (&'static str, fn(&mut T));

fn refused<E: Keyed>() {
    let spoils: [Spoil<ark::VerifyingKey<E>>; 16] = [
        ("delta is gamma", |k| k.delta_g2 = k.gamma_g2),
        ("delta is minus gamma", |k| k.delta_g2 = -k.gamma_g2),
        ("delta is minus the generator", |k| {
            k.delta_g2 = -E::G2Affine::generator();
            k.gamma_g2 = (k.gamma_g2 + k.gamma_g2).into_affine();
        }),
        ("delta as at the beginning", |k| {
            k.delta_g2 = E::G2Affine::generator();
            k.gamma_g2 = (k.gamma_g2 + k.gamma_g2).into_affine();
        }),
        ("beta as at the beginning", |k| k.beta_g2 = E::G2Affine::generator()),
        ("beta is minus the generator", |k| k.beta_g2 = -E::G2Affine::generator()),
        ("alpha as at the beginning", |k| k.alpha_g1 = E::G1Affine::generator()),
        ("alpha is minus the generator", |k| k.alpha_g1 = -E::G1Affine::generator()),
        ("alpha is the identity", |k| k.alpha_g1 = E::G1Affine::zero()),
        ("beta is the identity", |k| k.beta_g2 = E::G2Affine::zero()),
        ("gamma is the identity", |k| k.gamma_g2 = E::G2Affine::zero()),
        ("delta is the identity", |k| k.delta_g2 = E::G2Affine::zero()),
        ("an input's point is the identity", |k| k.gamma_abc_g1[1] = E::G1Affine::zero()),
        ("two inputs' points are one", |k| k.gamma_abc_g1[1] = k.gamma_abc_g1[0]),
        ("a point too few", |k| k.gamma_abc_g1.truncate(k.gamma_abc_g1.len() - 1)),
        ("a point too many", |k| k.gamma_abc_g1.push(k.alpha_g1)),
    ];
    let key = sane::<E>().vk;
    let public = key.gamma_abc_g1.len() - 1;
    let new = |key| VerifyingKey::new::<E>(key, public, head_for_tests());
    assert!(new(key.clone()).is_ok());
    for (what, spoil) in spoils {
        let mut spoiled = key.clone();
        spoil(&mut spoiled);
        assert!(new(spoiled).is_err(), "{what}");
    }
    let spoils: [Spoil<ark::ProvingKey<E>>; 8] = [
        ("beta differs between groups", |k| k.beta_g1 = k.delta_g1),
        ("delta differs between groups", |k| k.delta_g1 = k.beta_g1),
        ("delta is gamma", |k| k.vk.delta_g2 = k.vk.gamma_g2),
        ("a wire too few", |k| k.a_query.truncate(k.a_query.len() - 1)),
        ("a wire too many", |k| k.b_g2_query.push(k.vk.beta_g2)),
        ("a private wire too few", |k| k.l_query.truncate(k.l_query.len() - 1)),
        ("a quotient too few", |k| k.h_query.truncate(k.h_query.len() - 1)),
        ("no wires", |k| k.b_g1_query.clear()),
    ];
    for (what, spoil) in spoils {
        let mut spoiled = sane::<E>();
        spoil(&mut spoiled);
        assert!(ProvingKey::new::<E>(spoiled, head_for_tests()).is_err(), "{what}");
    }
}

#[test]
fn insane_keys_are_refused() {
    refused::<Bn254>();
    refused::<Bls12_381>();
}

/// On the curve of BLS12-381, but not of its subgroup.
fn outside() -> ark_bls12_381::G1Affine {
    let lifted = |x: u64| <ark_bls12_381::G1Affine as Point>::lift(Fq::from(x), true);
    (1..).filter_map(lifted).find(|point| !point.is_sound()).unwrap()
}

#[test]
fn points_outside_the_subgroup_are_refused() {
    assert!(outside().is_on_curve());
    let mut key = sane::<Bls12_381>();
    key.vk.gamma_abc_g1[1] = outside();
    assert!(VerifyingKey::new::<Bls12_381>(key.vk, 1, head_for_tests()).is_err());
    let spoils: [Spoil<ark::ProvingKey<Bls12_381>>; 3] = [
        ("a wire", |k| k.a_query[1] = outside()),
        ("a private wire", |k| k.l_query[1] = outside()),
        ("a quotient", |k| k.h_query[1] = outside()),
    ];
    for (what, spoil) in spoils {
        let mut spoiled = sane::<Bls12_381>();
        spoil(&mut spoiled);
        assert!(ProvingKey::new::<Bls12_381>(spoiled, head_for_tests()).is_err(), "{what}");
    }
}
