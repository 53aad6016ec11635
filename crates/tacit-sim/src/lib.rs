//! DESC-sim
