//! Range proofs as they come from the wire: never a panic, and none accepted but the one that an
//! honest prover made, byte for byte.

use std::sync::OnceLock;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Context, Entropy};
use tacit_zk::pedersen::Blindings;
use tacit_zk::range::interval::Interval;
use tacit_zk::range::terms::Terms;
use tacit_zk::range::update::{Shown, prove, verify};
use tacit_zk::transcript::Occasion;

/// Always the same.
struct Still;

impl Entropy for Still {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }
}

struct World {
    participant: ParticipantId,
    /// Terms, and an honest proof.
    worlds: [(Terms, Vec<u8>); 2],
}

fn occasion(participant: &ParticipantId) -> Occasion<'_> {
    let digest = Digest([1; 32]);
    Occasion {
        statement: "",
        key: digest,
        context: Context { plan: digest, round: 1, model: digest },
        participant,
        signer: b"",
        nonce: digest,
        parameters: b"",
        dataset: b"",
        update: b"",
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let participant = ParticipantId::numbered(0, 1);
        let worlds = [None, Some(100)].map(|squares| {
            let interval = Interval::new(-10, 10).expect("an interval");
            let terms = Terms::new(interval, 3, squares).expect("terms");
            let values = (&[1, -2, 3][..], &Blindings::derive(&[9; 32], 3));
            let proof = prove(&terms, values, &occasion(&participant), &mut Still);
            (terms, proof.expect("a proof"))
        });
        World { participant, worlds }
    })
}

/// The first byte chooses the terms, and whether what follows is a proof or changes to the honest
/// one: a place of two bytes and what is added there, again and again.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let world = world();
    let (terms, honest) = &world.worlds[usize::from(choice & 1)];
    let proof = if choice & 2 == 0 {
        rest.to_vec()
    } else {
        let mut proof = honest.clone();
        for change in rest.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % proof.len();
            proof[place] = proof[place].wrapping_add(change[2]);
        }
        proof
    };
    let shown = Shown { occasion: occasion(&world.participant), proof: &proof, opening: None };
    let verdicts = verify(terms, &[shown]);
    assert_eq!(verdicts[0].is_ok(), proof == *honest, "a proof that nobody made");
}
