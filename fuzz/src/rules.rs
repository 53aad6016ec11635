//! The rules under test.

use std::sync::OnceLock;
use tacit_core::registry::Registry;

/// Every rule of the build.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| tacit_learn::registry().expect("the registry is sound"))
}
