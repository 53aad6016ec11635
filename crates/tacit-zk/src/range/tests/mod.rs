mod agreement;
mod forged;
mod libraries;
mod reference;
mod simulated;
pub(super) mod whole;
