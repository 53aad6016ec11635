mod agreement;
mod forged;
mod libraries;
mod reference;
mod simulated;
mod whole;
