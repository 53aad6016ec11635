//! Every size limit of the system, with its unit and its reason.

/// Body of one member's message in bytes: shares for 4,000 neighbours with post-quantum keys.
pub const EXCHANGE_BYTES: usize = 8 << 20;

/// What one member is handed before it speaks, in bytes: the certificates of a cohort of 100,000.
pub const MAIL_BYTES: usize = 64 << 20;

/// Length of a participant's name in bytes: fits a certificate's common name (X.520 allows 64).
pub const NAME_BYTES: usize = 64;

/// Parameters of a model: 2³² values are 16 GiB, more than one machine trains.
pub const MODEL_VALUES: u64 = 1 << 32;

/// Tensors in a layout: the largest published models have a few thousand.
pub const LAYOUT_TENSORS: usize = 65_536;

/// Dimensions of one tensor: as in safetensors and NumPy practice.
pub const TENSOR_DIMENSIONS: usize = 8;

/// Values in one frame of an update: 64 KiB of f32, so that 64 rows of it stay in a shared cache.
pub const CHUNK_VALUES: usize = 16_384;

/// Rows of one chunk that a sum holds at a time: 4 MiB of f32, however large the cohort.
pub const ROWS_PER_FOLD: usize = 64;

/// Rows that a rule compares pairwise: their distances are 64 MiB of f64.
pub const PAIRWISE_ROWS: usize = 4_096;

/// Largest magnitude of one coordinate of an update: sums are exact in units of 2⁻³⁶ and one
/// scaled term must stay below 2⁵⁰, where adding 1.5·2⁵² rounds a double to an integer.
pub const UPDATE_MAGNITUDE: f64 = 16_384.0;

/// Examples one participant may claim: products with an f32 stay exact in f64 (24 + 28 bits).
pub const EXAMPLES: u64 = 1 << 28;

/// Largest magnitude of a loss that a participant reports, in nats: times [`EXAMPLES`] and summed
/// over a cohort it stays finite, so that a history can be written and read.
pub const LOSS: f64 = f32::MAX as f64;

/// Participants in one cohort: bounds the round's state and its log.
pub const COHORT: usize = 100_000;

/// What shows that a member's key is its own, in bytes: a certificate has under 1 KiB.
pub const CREDENTIAL_BYTES: usize = 4 * 1024;

/// One proof in bytes: commitments to two million values.
pub const PROOF_BYTES: u64 = 64 << 20;

/// Proofs that are verified together: as many updates are held in memory.
pub const PROOFS_PER_BATCH: usize = 64;

/// Payloads and proofs that are verified together, in bytes.
pub const PROOF_BATCH_BYTES: u64 = 256 << 20;

/// Proofs of one participant that are refused in one round before nothing more is verified.
pub const BAD_PROOFS: u32 = 3;

/// A commitment to a participant's data in bytes: a root and a few numbers.
pub const COMMITMENT_BYTES: usize = 1_024;

/// A key of proofs in bytes: five million constraints.
pub const KEY_BYTES: u64 = 4 << 30;

/// A plan file in bytes: the largest example is under 4 KiB.
pub const PLAN_BYTES: usize = 256 * 1024;

/// Errors listed for one plan: whoever made more reads the first ones.
pub const PLAN_ERRORS: usize = 64;

/// Rules in one list of a plan: the longest chain of compression that makes sense has four.
pub const PLAN_LIST: usize = 8;

/// Steps between models that a task names: whoever holds an older model fetches the whole one.
pub const DELTAS: usize = 64;

/// Rounds of one run.
pub const ROUNDS: u32 = 1_000_000;

/// Refusals recorded per participant and round: more are counted in memory, not on disk, so that
/// a hostile participant cannot fill the log. Its first bad proof is recorded besides.
pub const REFUSALS_RECORDED: u32 = 8;

/// One chunk of an upload in bytes: the most that one request carries.
pub const TRANSFER_CHUNK_BYTES: usize = 1 << 20;

/// What of a transfer is held at a time, in bytes: eight of the spool's sealed blocks.
pub const TRANSFER_PIECE_BYTES: usize = 128 * 1024;

/// One protobuf message in bytes (transfers excepted).
pub const MESSAGE_BYTES: usize = 1 << 20;

/// A participant's own words in an error report, in bytes.
pub const REASON_BYTES: usize = 256;

/// Open connections of the coordinator in all: each costs at most a TLS session and one chunk.
pub const CONNECTIONS: usize = 4_096;

/// Open connections of one address: a cohort behind one proxy, or all participants of a test.
pub const CONNECTIONS_PER_ADDRESS: usize = 1_024;

/// Requests of one participant served at a time: a poll, a heartbeat, a transfer, and a spare.
pub const REQUESTS_PER_PARTICIPANT: usize = 4;

/// Time for a TLS handshake in milliseconds: three round trips on a bad line.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;

/// Time for one request body or header in milliseconds: 1 MiB at 64 KiB/s.
pub const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// A long poll is answered after this many milliseconds: below the 60 s of common proxies.
pub const POLL_MS: u64 = 25_000;

/// One transparency-log entry in bytes.
pub const LOG_ENTRY_BYTES: usize = 64 * 1024;

/// A publisher to a base that is not ours refuses longer URLs, in bytes: browsers and archives
/// cut them.
pub const URL_BYTES: usize = 2_000;

/// Classes of a data set.
pub const CLASSES: usize = 65_536;

/// Features of one example: a 4-megapixel colour picture.
pub const FEATURES: usize = 12_582_912;

/// Values of one data set: 2³⁰ are 4 GiB in memory.
pub const DATA_VALUES: usize = 1 << 30;

/// One record of a table in bytes: [`FEATURES`] numbers of twenty characters.
pub const DATA_RECORD_BYTES: usize = 1 << 28;

/// Header of a NumPy array in bytes: NumPy writes 128 for anything but records.
pub const NPY_HEADER_BYTES: usize = 4_096;

/// Wires or constraints of a circuit: the domain of 2²⁵ that they fill costs a prover 10 GiB.
pub const CIRCUIT_WIRES: usize = 1 << 24;

/// A circuit's file, or a ceremony's, in bytes: 2²⁴ constraints of five coefficients.
pub const CIRCUIT_BYTES: usize = 4 << 30;

/// A verification key in bytes: 10,000 public inputs.
pub const VERIFICATION_KEY_BYTES: usize = 1 << 20;

/// Logarithm of the powers of a ceremony: prepared for circuits, twice as many would be more than
/// [`CIRCUIT_BYTES`].
pub const POWERS_LOG: u32 = 21;

/// Contributions to one phase of a ceremony: each costs whoever verifies a few pairings.
pub const CONTRIBUTORS: usize = 4_096;

/// Logarithm of the hashes of a beacon: some minutes, which whoever verifies spends as well.
pub const BEACON_EXPONENT: u8 = 30;

/// Transcript of a ceremony in bytes: [`CONTRIBUTORS`] records of 2 KiB.
pub const TRANSCRIPT_BYTES: usize = 8 << 20;
