//! Range proofs: `cargo bench -p tacit-zk --bench range [-- long]`.
//!
//! Milliseconds, best of several runs: wall clock, and CPU time of all threads. The two libraries
//! prove the same of the same values in the same run. `long` adds 10,240 and 102,400 coordinates.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use rand_core::SeedableRng;
use std::time::Instant;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Context, Entropy};
use tacit_zk::pedersen::Blindings;
use tacit_zk::range::interval::Interval;
use tacit_zk::range::terms::Terms;
use tacit_zk::range::update::{Shown, prove, verify};
use tacit_zk::transcript::Occasion;

/// Coordinates of a chunk.
const CHUNK: usize = 1_024;

/// Bits of a value.
const BITS: usize = 16;

struct Source(rand_chacha::ChaCha20Rng);

impl Entropy for Source {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        rand_core::Rng::fill_bytes(&mut self.0, bytes);
        Ok(())
    }
}

fn source() -> Source {
    Source(rand_chacha::ChaCha20Rng::from_seed([1; 32]))
}

/// CPU time of all threads of this process, in ms.
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 * 1e-6
}

/// Best of `runs`: wall clock and CPU time.
fn timed<T>(name: &str, runs: usize, mut work: impl FnMut() -> T) -> T {
    let (mut best, mut last) = ((f64::MAX, f64::MAX), None);
    for _ in 0..runs {
        let (start, cpu) = (Instant::now(), cpu_ms());
        last = Some(work());
        let spent = (start.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
        best = (best.0.min(spent.0), best.1.min(spent.1));
    }
    println!("{name:<60} {:>9.1} {:>9.0}", best.0, best.1);
    last.unwrap()
}

fn values(count: usize) -> Vec<i64> {
    (0..count as i64).map(|i| (i * 40_503) & 0xffff).collect()
}

fn main() {
    println!("{:<60} {:>9} {:>9}", "ms", "wall", "CPU");
    let digits = Interval::new(0, 65_535).unwrap();
    ours("16 bits", digits, CHUNK, None, &[1, 10, 100]);
    ours("0 to 50,000", Interval::new(0, 50_000).unwrap(), CHUNK, None, &[1]);
    ours("16 bits, norm", digits, CHUNK, Some(1 << 50), &[1, 10]);
    if std::env::args().any(|argument| argument == "long") {
        ours("16 bits", digits, 10 * CHUNK, None, &[1]);
        ours("16 bits", digits, 100 * CHUNK, None, &[1]);
    }
    tari();
    zkcrypto();
}

fn ours(what: &str, of: Interval, count: usize, squares: Option<u128>, batches: &[usize]) {
    let terms = Terms::new(of, count, squares).unwrap();
    let values: Vec<i64> = values(count).iter().map(|value| (*value).min(of.max())).collect();
    let blindings = Blindings::derive(&[1; 32], count);
    let ann = ParticipantId::parse("ann").unwrap();
    let digest = Digest([1; 32]);
    let occasion = Occasion {
        statement: "",
        key: digest,
        context: Context { plan: digest, round: 1, model: digest },
        participant: &ann,
        signer: b"",
        nonce: digest,
        parameters: b"",
        dataset: b"",
        update: b"",
    };
    let runs = if count > CHUNK { 1 } else { 5 };
    let name = format!("tacit, {count} coordinates, {what}");
    let prove = || prove(&terms, (&values, &blindings), &occasion, &mut source()).unwrap();
    let proof = timed(&format!("{name}: prove"), runs, prove);
    println!("{name}: {} bytes, of which commitments {}", proof.len(), 32 * count);
    let shown = Shown { occasion, proof: &proof, opening: None };
    for batch in batches {
        let shown = vec![shown.clone(); *batch];
        let verdicts =
            timed(&format!("{name}: verify {batch}"), 3.min(runs), || verify(&terms, &shown));
        assert!(verdicts.iter().all(Result::is_ok));
    }
}

fn tari() {
    use curve25519_dalek::scalar::Scalar;
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

    let pedersen = create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen);
    let parameters = RangeParameters::init(BITS, CHUNK, pedersen).unwrap();
    let mut rng = source().0;
    let openings: Vec<(u64, Scalar)> =
        values(CHUNK).iter().map(|v| (*v as u64, Scalar::random(&mut rng))).collect();
    let pairs = openings.iter().map(|(v, r)| CommitmentOpening::new(*v, vec![*r]));
    let witness = RangeWitness::init(pairs.collect()).unwrap();
    let (proof, statement) = timed("tari_bulletproofs_plus, 16 bits: prove", 2, || {
        let commit =
            |(v, r): &(u64, Scalar)| parameters.pc_gens().commit(&Scalar::from(*v), &[*r]).unwrap();
        let commitments = openings.iter().map(commit).collect();
        let none = vec![None; CHUNK];
        let statement = RangeStatement::init(parameters.clone(), commitments, none, None).unwrap();
        let mut transcript = Transcript::new(b"bench");
        let proof =
            RistrettoRangeProof::prove_with_rng(&mut transcript, &statement, &witness, &mut rng);
        (proof.unwrap(), statement)
    });
    println!("tari_bulletproofs_plus, 16 bits: {} bytes", proof.to_bytes().len());
    for batch in [1, 10, 100] {
        timed(&format!("tari_bulletproofs_plus, 16 bits: verify {batch}"), 2, || {
            RistrettoRangeProof::verify_batch(
                &mut vec![Transcript::new(b"bench"); batch],
                &vec![statement.clone(); batch],
                &vec![proof.clone(); batch],
                VerifyAction::VerifyOnly,
            )
            .unwrap()
        });
    }
}

fn zkcrypto() {
    use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
    let bases = BulletproofGens::new(BITS, CHUNK);
    let pedersen = PedersenGens::default();
    let values: Vec<u64> = values(CHUNK).iter().map(|v| *v as u64).collect();
    let blindings: Vec<_> = (1..=CHUNK as u64).map(|x| x.into()).collect();
    let (proof, commitments) = timed("bulletproofs, 16 bits: prove", 1, || {
        let mut transcript = merlin::Transcript::new(b"bench");
        RangeProof::prove_multiple(&bases, &pedersen, &mut transcript, &values, &blindings, BITS)
            .unwrap()
    });
    println!("bulletproofs, 16 bits: {} bytes", proof.to_bytes().len());
    timed("bulletproofs, 16 bits: verify 1", 2, || {
        let mut transcript = merlin::Transcript::new(b"bench");
        proof.verify_multiple(&bases, &pedersen, &mut transcript, &commitments, BITS).unwrap()
    });
}
