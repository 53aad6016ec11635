//! Chores of the repository: `cargo xtask test` runs every check.
fn main() {}
