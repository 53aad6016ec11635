//! Secure aggregation: a sum of updates of which nobody sees one.
