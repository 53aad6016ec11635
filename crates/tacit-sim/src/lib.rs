//! Virtual participants and seeded worlds: the same rounds in one process
