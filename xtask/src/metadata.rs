//! The part of `cargo metadata` that the checks read.

use crate::command::{self, Workspace};

/// Every package of the lock file.
#[derive(Debug, serde::Deserialize)]
pub struct Metadata {
    /// In the order of their ids.
    pub packages: Vec<Package>,
}

/// One package.
#[derive(Debug, serde::Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// Where it comes from; none for a path.
    pub source: Option<String>,
    /// What it declares to depend on.
    pub dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug, serde::Deserialize)]
pub struct Dependency {
    /// The package's name, whatever it is renamed to.
    pub name: String,
    /// `dev`, `build`, or none for a normal one.
    pub kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, which fails if the lock file does not fit the manifests.
    pub fn load(workspace: &Workspace) -> Result<Self, Vec<String>> {
        let json = command::output(&mut workspace.cargo("metadata --format-version 1 --locked"))?;
        serde_json::from_slice(&json).map_err(|error| vec![format!("cargo metadata: {error}")])
    }

    /// Packages of this repository.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }
}
