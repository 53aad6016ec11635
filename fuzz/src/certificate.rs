//! What a certificate says of its holder.

use tacit_node::pki::Subject;

/// DER of a certificate whose chain was verified before: so only a dishonest authority's matters.
pub fn run(data: &[u8]) {
    if let Ok(subject) = Subject::of_certificate(data) {
        assert!(!subject.name.as_str().is_empty());
    }
}
