//! Truncated, garbled and oversized files: never accepted, never a panic.

use super::{Person, World};
use crate::ceremony::{State, Transcript};
use crate::curve::Curve;
use crate::testing::Seeded;
use tacit_core::digest::Digest;

fn files() -> Vec<World> {
    let mut worlds = vec![
        World::powers(Curve::Bn254, 1),
        World::powers(Curve::Bls12_381, 1),
        World::key::<ark_bn254::Bn254>(),
    ];
    worlds.iter_mut().for_each(|world| world.add(&Person::new(0)));
    worlds
}

#[test]
fn truncated_files_are_refused() {
    for world in files() {
        for end in (0..world.file.len()).step_by(7).chain([world.file.len() - 1]) {
            assert!(State::read(&world.file[..end]).is_err(), "{end}");
        }
        let longer = [&world.file[..], &[0]].concat();
        assert!(State::read(&longer).is_err());
    }
}

/// Counts, lengths and flags in the first bytes of every section, and bytes of points elsewhere.
#[test]
fn garbled_files_are_refused() {
    for mut world in files() {
        let made = world.made(&Person::new(1));
        let places = (0..200).chain((200..made.0.len()).step_by(97));
        for place in places {
            for value in [0, 0x7f, 0xff] {
                let mut garbled = made.clone();
                if garbled.0[place] == value {
                    continue;
                }
                garbled.0[place] = value;
                let _ = State::read(&garbled.0);
                assert!(!world.accepts(garbled), "{place}");
            }
        }
        assert!(world.accepts(made));
    }
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    let mut file = State::begin_powers(Curve::Bn254, 1).unwrap().write();
    // the power stands behind magic, version, count, section, width and modulus
    let power = 12 + 12 + 4 + 32;
    for wrong in [0_u32, 22, 63, u32::MAX] {
        file[power..power + 4].copy_from_slice(&wrong.to_le_bytes());
        file[power + 4..power + 8].copy_from_slice(&wrong.to_le_bytes());
        assert!(State::read(&file).is_err(), "2^{wrong}");
    }
    assert!(State::begin_powers(Curve::Bn254, 22).is_err());
}

#[test]
fn garbled_transcripts_are_refused() {
    let mut world = World::powers(Curve::Bn254, 1);
    world.add(&Person::new(0));
    world.add(&Person::new(1));
    let json = world.transcript.write();
    assert!(Transcript::read(&json).is_ok());
    for end in 0..json.len() {
        assert!(Transcript::read(&json[..end]).is_err(), "{end}");
    }
    let text = String::from_utf8(json.clone()).unwrap();
    let second = world.transcript.records[1].clone();
    for (from, to) in [
        ("\"p00\"", "\"p77\""),
        ("\"number\": 2", "\"number\": 3"),
        ("\"a block\"", "\"a clock\""),
        (&*second.after.to_string(), &*Digest::default().to_string()),
        (&*second.head.to_string(), &*Digest::default().to_string()),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(Transcript::read(changed.as_bytes()).is_err(), "{from}");
    }
    let mut shorter = world.transcript.clone();
    shorter.records.pop();
    assert!(shorter.verify(&world.first, &world.file, &mut Seeded::new(1)).is_err());
}
