mod forged;
mod libraries;
mod whole;
