//! Files of circuits, ceremonies, keys and proofs.

use tacit_audit::OsEntropy;
use tacit_core::digest::Digest;
use tacit_zk::ceremony::{State, Transcript};
use tacit_zk::groth16::{VerifyingKey, json, read_proof};
use tacit_zk::r1cs::{Circuit, read_witness};

type Bn254 = ark_bn254::Bn254;

/// `.r1cs` and `.wtns`: what is read is written again, and read as the same.
pub fn circuit(data: &[u8]) {
    if let Ok(circuit) = Circuit::read(data) {
        let again = Circuit::read(&circuit.write());
        assert!(again.is_ok_and(|again| again == circuit));
    }
    let _ = read_witness::<ark_bn254::Fr>(data);
}

/// `.ptau` and `.zkey`: what is read is written again; whatever is read can be verified without
/// a panic.
pub fn state(data: &[u8]) {
    let Ok(state) = State::read(data) else { return };
    assert!(State::read(&state.write()).is_ok());
    if let Some(power) = state.power().filter(|power| *power <= 2) {
        let Ok(first) = State::begin_powers(state.curve(), power) else { return };
        let _ = state.verify(&first, &mut OsEntropy);
    }
    let _ = state.proving_key(Digest::default());
}

/// Transcripts in JSON: what is accepted is written again and accepted with the same head.
pub fn transcript(data: &[u8]) {
    if let Ok(transcript) = Transcript::read(data) {
        let again = Transcript::read(&transcript.write());
        assert!(again.is_ok_and(|again| again.head() == transcript.head()));
    }
}

/// Keys and proofs, as bytes and in JSON.
pub fn key(data: &[u8]) {
    if let Some(head) = data.get(1..33).and_then(|head| head.try_into().ok())
        && let Ok(key) = VerifyingKey::read(data, Digest(head))
    {
        assert!(key.write() == data);
    }
    let _ = json::read_key::<Bn254>(data, Digest::default());
    let _ = json::read_public::<ark_bn254::Fr>(data);
    if let Ok(proof) = json::read_proof::<Bn254>(data) {
        let again = json::write_proof(&proof).to_string();
        assert!(json::read_proof::<Bn254>(again.as_bytes()).is_ok());
    }
    let _ = read_proof::<Bn254>(data);
}
