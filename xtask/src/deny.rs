//! Licences, banned crates and sources of everything in the lock file, by the lists of
//! `deny.toml`, so that this check and `cargo deny check` (which takes minutes to build, and also
//! asks for advisories) cannot disagree.

use crate::command::{Outcome, Workspace};
use crate::metadata::{Metadata, Package};
use std::collections::{BTreeMap, BTreeSet};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The lists of `deny.toml` that this check knows.
#[derive(Debug, serde::Deserialize)]
pub struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, serde::Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, serde::Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, serde::Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// Checks the lock file.
pub fn check(workspace: &Workspace) -> Outcome {
    let path = workspace.root.join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| vec![format!("deny.toml: {e}")])?;
    let rules: Rules = toml::from_str(&text).map_err(|e| vec![format!("deny.toml: {e}")])?;
    judge(&Metadata::load(workspace)?, &rules)
}

fn judge(metadata: &Metadata, rules: &Rules) -> Outcome {
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        let name = format!("{} {}", package.name, package.version);
        let reasons = [licence(package, rules), banned(package, rules), foreign(package)];
        complaints.extend(reasons.into_iter().flatten().map(|why| format!("{name}: {why}")));
    }
    if complaints.is_empty() { Ok(notices(metadata)) } else { Err(complaints) }
}

/// Why the licence will not do.
fn licence(package: &Package, rules: &Rules) -> Option<String> {
    let allow = &rules.licenses.allow;
    let Some(text) = &package.license else { return Some("states no licence".into()) };
    // Old manifests separate alternatives by a slash.
    let expression = match spdx::Expression::parse_mode(text, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("licence {text:?} is no SPDX expression: {error}")),
    };
    let allowed = expression.evaluate(|required| allow.contains(&required.to_string()));
    (!allowed).then(|| format!("licence {text} is not allowed by deny.toml"))
}

fn banned(package: &Package, rules: &Rules) -> Option<String> {
    let ban = rules.bans.deny.iter().find(|ban| ban.name == package.name)?;
    Some(format!("is banned: {}", ban.reason))
}

fn foreign(package: &Package) -> Option<String> {
    let source = package.source.as_ref().filter(|source| *source != CRATES_IO)?;
    Some(format!("comes from {source}, expected crates.io"))
}

/// Crates that are built in more than one version: not wrong, but worth a look.
fn notices(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let several: Vec<String> = several
        .map(|(name, versions)| {
            format!("{name} {}", versions.iter().copied().collect::<Vec<_>>().join(" and "))
        })
        .collect();
    let mut notices = vec![format!("{} packages in the lock file", metadata.packages.len())];
    if !several.is_empty() {
        notices.push(format!("in several versions: {}", several.join(", ")));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Unicode-3.0"]
        [bans]
        deny = [{ crate = "openssl", reason = "two stacks of TLS" }]
    "#;

    fn package(name: &str, license: &str) -> String {
        format!(
            r#"{{"name": "{name}", "version": "1.0.0", "license": {license},
                "source": "{CRATES_IO}", "dependencies": []}}"#
        )
    }

    fn judged(packages: &[String]) -> Outcome {
        let json = format!(r#"{{"packages": [{}]}}"#, packages.join(","));
        judge(&serde_json::from_str(&json).unwrap(), &toml::from_str(RULES).unwrap())
    }

    #[test]
    fn permissive_licences_pass() {
        for license in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(MIT OR ISC) AND Unicode-3.0"] {
            assert!(judged(&[package("a", &format!("{license:?}"))]).is_ok(), "{license}");
        }
    }

    #[test]
    fn others_do_not() {
        for license in ["\"GPL-3.0\"", "\"MIT AND AGPL-3.0\"", "\"Mine\"", "null", "\"\""] {
            let complaints = judged(&[package("a", license)]).unwrap_err();
            assert!(complaints[0].starts_with("a 1.0.0: "), "{complaints:?}");
        }
    }

    #[test]
    fn banned_crates_and_foreign_sources() {
        let complaints = judged(&[package("openssl", "\"MIT\"")]).unwrap_err();
        assert_eq!(complaints, ["openssl 1.0.0: is banned: two stacks of TLS"]);
        let git = package("a", "\"MIT\"").replace(CRATES_IO, "git+https://example.org/a");
        assert!(judged(&[git]).unwrap_err()[0].contains("expected crates.io"));
    }

    #[test]
    fn duplicates_are_reported() {
        let other = package("a", "\"MIT\"").replace("1.0.0", "2.0.0");
        let notices = judged(&[package("a", "\"MIT\""), other]).unwrap();
        assert_eq!(notices[1], "in several versions: a 1.0.0 and 2.0.0");
    }

    #[test]
    fn the_repository_s_own_lists_are_read() {
        let rules: Rules = toml::from_str(include_str!("../../deny.toml")).unwrap();
        for name in &rules.licenses.allow {
            assert!(spdx::Expression::parse(name).is_ok(), "{name}");
        }
        for copyleft in ["GPL-3.0", "AGPL-3.0-only", "LGPL-2.1-or-later", "SSPL-1.0"] {
            assert!(!rules.licenses.allow.contains(&copyleft.to_string()));
        }
        assert!(rules.bans.deny.iter().all(|ban| !ban.reason.is_empty()));
    }
}
