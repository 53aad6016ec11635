//! Writes `vectors/zk/range.json`: proofs of `tari_bulletproofs_plus`, and what it says of them
//! when they are changed. `cargo run -p tacit-zk --example range_vectors > vectors/zk/range.json`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::SeedableRng;
use tari_bulletproofs_plus::commitment_opening::CommitmentOpening;
use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
use tari_bulletproofs_plus::range_parameters::RangeParameters;
use tari_bulletproofs_plus::range_proof::VerifyAction;
use tari_bulletproofs_plus::range_statement::RangeStatement;
use tari_bulletproofs_plus::range_witness::RangeWitness;
use tari_bulletproofs_plus::ristretto::{
    RistrettoRangeProof, create_pedersen_gens_with_extension_degree,
};
use tari_merlin::Transcript;

/// The transcript's label, which the test has too.
const LABEL: &[u8] = b"test";

type Parameters = RangeParameters<RistrettoPoint>;

fn main() {
    let mut rng = rand_chacha::ChaCha20Rng::from_seed([1; 32]);
    let mut lines = Vec::new();
    for (digits, values) in
        [(8, vec![0]), (8, vec![255, 0]), (16, vec![65_535, 1, 2, 40_000]), (64, vec![u64::MAX])]
    {
        let pedersen = create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen);
        let parameters = RangeParameters::init(digits, values.len(), pedersen).unwrap();
        let blindings: Vec<Scalar> = values.iter().map(|_| Scalar::random(&mut rng)).collect();
        let pairs = || values.iter().zip(&blindings);
        let commit = |(v, r): (&u64, &Scalar)| {
            parameters.pc_gens().commit(&Scalar::from(*v), &[*r]).unwrap()
        };
        let commitments: Vec<RistrettoPoint> = pairs().map(commit).collect();
        let openings = pairs().map(|(v, r)| CommitmentOpening::new(*v, vec![*r])).collect();
        let witness = RangeWitness::init(openings).unwrap();
        let none = vec![None; values.len()];
        let statement =
            RangeStatement::init(parameters.clone(), commitments.clone(), none, None).unwrap();
        let mut transcript = Transcript::new(LABEL);
        let proof =
            RistrettoRangeProof::prove_with_rng(&mut transcript, &statement, &witness, &mut rng);
        let proof = proof.unwrap().to_bytes();
        let name = format!("{} of {digits} bits", values.len());
        lines.push(line(&name, &parameters, &commitments, &proof));
        for byte in [1, 33, 65, 129, proof.len() - 1] {
            let mut bad = proof.clone();
            bad[byte] ^= 1;
            lines.push(line(
                &format!("{name}, byte {byte} flipped"),
                &parameters,
                &commitments,
                &bad,
            ));
        }
        let mut moved = commitments.clone();
        moved[0] += parameters.h_base();
        lines.push(line(&format!("{name}, one more"), &parameters, &moved, &proof));
    }
    println!("[\n{}\n]", lines.join(",\n"));
}

/// A proof with the library's verdict; without its first byte, which is always 1.
fn line(
    what: &str,
    parameters: &Parameters,
    commitments: &[RistrettoPoint],
    proof: &[u8],
) -> String {
    let none = vec![None; commitments.len()];
    let statement =
        RangeStatement::init(parameters.clone(), commitments.to_vec(), none, None).unwrap();
    let holds = RistrettoRangeProof::from_bytes(proof).is_ok_and(|proof| {
        let mut transcripts = [Transcript::new(LABEL)];
        let action = VerifyAction::VerifyOnly;
        RistrettoRangeProof::verify_batch(&mut transcripts, &[statement], &[proof], action).is_ok()
    });
    let points: Vec<String> = commitments
        .iter()
        .map(|point| format!("\"{}\"", hex(point.compress().as_bytes())))
        .collect();
    format!(
        "{{\"what\": \"{what}\", \"digits\": {}, \"commitments\": [{}], \"proof\": \"{}\", \
         \"holds\": {holds}}}",
        parameters.bit_length(),
        points.join(", "),
        hex(&proof[1..])
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
