//! Metrics in the text format of Prometheus, on a port that the operator opens. (Logs are
//! structured `tracing` events; the binary chooses where they go.)

mod exposition;
mod registry;

pub use exposition::Exposition;
pub use registry::{Family, Kind, Metrics};

/// Requests answered, by path and status.
pub const REQUESTS: Family =
    Family::counter("tacit_requests_total", "Requests answered, by path and status.");
/// Time from a request's header to its answer's, by path.
pub const REQUEST_SECONDS: Family =
    Family::histogram("tacit_request_seconds", "Time from request to answer, by path.");
/// Requests refused, by reason.
pub const REFUSALS: Family =
    Family::counter("tacit_refusals_total", "Requests refused by fault of the peer, by reason.");
/// Requests that failed by our fault.
pub const FAILURES: Family =
    Family::counter("tacit_failures_total", "Requests that failed by our fault, by kind.");
/// Connections open now.
pub const CONNECTIONS: Family = Family::gauge("tacit_connections", "Connections open now.");
/// Connections closed before their first request, by cause.
pub const DROPPED: Family =
    Family::counter("tacit_connections_dropped_total", "Connections we closed, by cause.");
/// Payload bytes received.
pub const RECEIVED: Family =
    Family::counter("tacit_received_bytes_total", "Bytes of contributions received.");
/// Proofs of contributions, by verdict.
pub const PROOFS: Family =
    Family::counter("tacit_proofs_total", "Proofs of contributions, by verdict.");
/// Bytes of the proofs that were verified.
pub const PROOF_BYTES: Family =
    Family::counter("tacit_proof_bytes_total", "Bytes of proofs that a verdict was given on.");
/// Time spent verifying what waited, as one batch.
pub const PROOF_SECONDS: Family =
    Family::histogram("tacit_proof_seconds", "Time to verify the proofs that waited, as a batch.");
/// Blob bytes sent.
pub const SENT: Family = Family::counter("tacit_sent_bytes_total", "Bytes of blobs sent.");
