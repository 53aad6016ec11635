use super::*;
use aws_lc_rs::kem::{EncapsulationKey, ML_KEM_768};
use serde_json::Value;
use tacit_core::codec::{hex, unhex};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;

const BOTH: [Agreement; 2] = [Agreement::X25519, Agreement::X25519MlKem768];

fn vectors(name: &str) -> Vec<Value> {
    let text = include_str!("../../../../vectors/secagg/keys.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all[name].as_array().unwrap().clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32]).unwrap()
}

/// RFC 5869, appendix A: the first 32 bytes of test cases 1 to 3.
#[test]
fn derivation_is_the_published_one() {
    let counting = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    for (salt, input, info, found) in [
        (
            counting(0x00, 0x0c),
            vec![0x0b; 22],
            counting(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
        ),
        (
            counting(0x60, 0xaf),
            counting(0x00, 0x4f),
            counting(0xb0, 0xff),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
        ),
        (
            vec![],
            vec![0x0b; 22],
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
        ),
    ] {
        let (one, other) = info.split_at(info.len() / 2);
        assert_eq!(hex(hkdf(&salt, &input, &[one, other]).as_bytes()), found);
    }
}

#[test]
fn derivations_are_those_of_another_implementation() {
    for vector in vectors("derive") {
        let (label, info) = (vector["label"].as_str().unwrap(), bytes(&vector["info"]));
        let found = derive(&array(&vector["secret"]), label, &info);
        assert_eq!(found.as_bytes(), &array(&vector["found"]), "{vector}");
    }
    let same = derive(&[1; 32], "ab", b"c") == derive(&[1; 32], "a", b"bc");
    assert!(!same && derive(&[1; 32], "a", b"") != derive(&[2; 32], "a", b""));
}

#[test]
fn agreements_are_those_of_another_implementation() {
    for vector in vectors("agreement") {
        let [first, second] = ["initiator", "responder"]
            .map(|side| SecretKey::from_seed(&array(&vector[side])).unwrap());
        let ciphertext = bytes(&vector["ciphertext"]);
        let agreement = BOTH[usize::from(!ciphertext.is_empty())];
        let public = [&first, &second].map(|side| side.public(agreement));
        for (side, public) in ["initiator_public", "responder_public"].iter().zip(&public) {
            let found = Digest::of_bytes(&public.to_bytes());
            assert_eq!(found.0, array(&vector[side]), "{vector}");
        }
        let ciphertext = (!ciphertext.is_empty()).then_some(&ciphertext[..]);
        let found = respond(&second, &public[0], ciphertext, &bytes(&vector["info"])).unwrap();
        assert_eq!(found.as_bytes(), &array(&vector["found"]), "{vector}");
    }
}

#[test]
fn encapsulation_is_the_published_one() {
    for vector in vectors("kem") {
        let pair = kem::Pair::new(&array(&vector["d"]), &array(&vector["z"]));
        let public = pair.public();
        assert_eq!(Digest::of_bytes(&public).0, array(&vector["public"]));
        let (ciphertext, secret) = kem::encapsulate(&public, &array(&vector["m"])).unwrap();
        assert_eq!(Digest::of_bytes(&ciphertext).0, array(&vector["ciphertext"]));
        assert_eq!(*secret, array(&vector["secret"]));
        assert_eq!(*pair.decapsulate(&ciphertext).unwrap(), *secret);
        let key = EncapsulationKey::new(&ML_KEM_768, &public).unwrap();
        let (ciphertext, secret) = key.encapsulate().unwrap();
        assert_eq!(&pair.decapsulate(ciphertext.as_ref()).unwrap()[..], secret.as_ref());
    }
}

/// RFC 7748, section 6.1: that what the keys are made of is X25519.
#[test]
fn the_curve_is_the_published_one() {
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let bob = PrivateKey::from_private_key(&X25519, &unhex(bob).unwrap()).unwrap();
    let public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    assert_eq!(hex(bob.compute_public_key().unwrap().as_ref()), public);
    let alice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    let alice = UnparsedPublicKey::new(&X25519, unhex(alice).unwrap());
    let shared = agree(&bob, alice, (), |shared| Ok(hex(shared))).unwrap();
    assert_eq!(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

#[test]
fn both_sides_agree_and_nobody_else() {
    for agreement in BOTH {
        let (first, second, third) = (key(1), key(2), key(3));
        let [one, two] = [&first, &second].map(|side| side.public(agreement));
        let (secret, sent) = initiate(&first, &two, b"info").unwrap();
        assert_eq!(sent.is_some(), agreement == Agreement::X25519MlKem768);
        let with = |own: &SecretKey, peer: &PublicKey, info: &[u8]| {
            respond(own, peer, sent.as_deref(), info).unwrap()
        };
        assert!(with(&second, &one, b"info") == secret);
        assert!(with(&second, &one, b"other") != secret);
        assert!(with(&third, &one, b"info") != secret);
        assert!(with(&second, &third.public(agreement), b"info") != secret);
        // Whoever recombines the seed of either side has the same.
        let again = initiate(&SecretKey::from_seed(first.seed()).unwrap(), &two, b"info").unwrap();
        assert!(again.0 == secret && again.1 == sent);
        let again = SecretKey::from_seed(second.seed()).unwrap();
        assert!(with(&again, &one, b"info") == secret);
        // The two sides are not the same side.
        let (other, sent) = initiate(&second, &one, b"info").unwrap();
        assert!(other != secret);
        assert!(respond(&first, &two, sent.as_deref(), b"info").unwrap() == other);
    }
}

#[test]
fn points_of_low_order_are_refused() {
    // Every value below 2^255 whose point has an order that divides eight.
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for agreement in BOTH {
        for point in low {
            let mut bytes = key(2).public(agreement).to_bytes();
            bytes[..32].copy_from_slice(&unhex(point).unwrap());
            let peer = PublicKey::from_bytes(&bytes).unwrap();
            assert!(initiate(&key(1), &peer, b"").is_err(), "{point}");
            let sent = initiate(&key(3), &key(1).public(agreement), b"").unwrap().1;
            assert!(respond(&key(1), &peer, sent.as_deref(), b"").is_err(), "{point}");
        }
    }
}

#[test]
fn other_keys_and_ciphertexts_are_refused() {
    let malformed = |found: Refusal| matches!(found, Refusal::Malformed { .. });
    let plain = key(1).public(Agreement::X25519);
    let hybrid = key(1).public(Agreement::X25519MlKem768);
    for public in [&plain, &hybrid] {
        assert_eq!(PublicKey::from_bytes(&public.to_bytes()).unwrap(), *public);
        let text = serde_json::to_string(public).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&text).unwrap(), *public);
    }
    for length in [0, 31, 33, 1215, 1217] {
        assert!(malformed(PublicKey::from_bytes(&vec![0; length]).unwrap_err()));
    }
    // A coefficient of 3329, in either place of three bytes.
    for (at, low, high) in [(32, 0x01, 0x0d), (33, 0x10, 0xd0)] {
        let mut bytes = vec![0; 1216];
        (bytes[at], bytes[at + 1]) = (low, high);
        assert!(malformed(PublicKey::from_bytes(&bytes).unwrap_err()));
        bytes[at] -= low & 0x11;
        assert!(PublicKey::from_bytes(&bytes).is_ok());
    }
    for text in ["\"0\"", "\"\"", "3", "\"zz\""] {
        assert!(serde_json::from_str::<PublicKey>(text).is_err());
    }
    let two = key(2).public(Agreement::X25519MlKem768);
    let (secret, sent) = initiate(&key(1), &two, b"").unwrap();
    let mut sent = sent.unwrap();
    assert!(malformed(respond(&key(2), &hybrid, None, b"").err().unwrap()));
    assert!(malformed(respond(&key(2), &plain, Some(&sent), b"").err().unwrap()));
    assert!(malformed(respond(&key(2), &hybrid, Some(&sent[1..]), b"").err().unwrap()));
    sent[7] ^= 1;
    assert!(respond(&key(2), &hybrid, Some(&sent), b"").unwrap() != secret);
}

#[test]
fn seals_are_those_of_another_implementation() {
    for vector in vectors("seal") {
        let key = Secret::new(&array(&vector["key"]));
        let (context, message) = (bytes(&vector["context"]), bytes(&vector["message"]));
        let sealed = seal(&key, &context, &message);
        assert_eq!(sealed, bytes(&vector["found"]), "{vector}");
        assert_eq!(sealed.len(), message.len() + SEAL_BYTES);
        assert_eq!(*unseal(&key, &context, &sealed).unwrap(), message);
    }
}

#[test]
fn whatever_is_changed_is_refused() {
    let key = Secret::new(&[1; 32]);
    let sealed = seal(&key, b"context", b"a share");
    for at in 0..sealed.len() {
        let mut other = sealed.clone();
        other[at] ^= 0x40;
        assert!(unseal(&key, b"context", &other).is_err(), "byte {at}");
        assert!(unseal(&key, b"context", &sealed[..at]).is_err(), "{at} bytes");
    }
    assert!(unseal(&key, b"contexT", &sealed).is_err());
    assert!(unseal(&Secret::new(&[2; 32]), b"context", &sealed).is_err());
    let other = seal(&key, b"context", b"a sharE");
    assert_ne!(other[..12], sealed[..12]);
}

struct Drawn(Option<u8>);

impl Entropy for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let byte = self.0.ok_or_else(|| Error::world("reading entropy", "closed"))?;
        bytes.fill(byte);
        Ok(())
    }
}

#[test]
fn keys_come_from_the_port() {
    assert!(SecretKey::generate(&mut Drawn(None)).is_err());
    let found = SecretKey::generate(&mut Drawn(Some(5))).unwrap();
    assert_eq!(found.public(Agreement::X25519), key(5).public(Agreement::X25519));
    assert_ne!(found.public(Agreement::X25519), key(6).public(Agreement::X25519));
}
