//! Dependencies between the rooms point one way: `cli, py → node, sim → {rooms} → core`.

use crate::command::{Outcome, Workspace};
use crate::metadata::{Metadata, Package};

/// Our crates from the bottom up: each may use what is below it, and nothing beside it.
const LAYERS: [&[&str]; 4] = [
    &["core"],
    &["learn", "privacy", "secagg", "he", "psi", "vertical", "zk", "tee", "audit"],
    &["node", "sim"],
    &["cli", "py"],
];

/// Siblings that may know each other: (who, whom).
const EXCEPTIONS: [(&str, &str); 4] =
    [("vertical", "psi"), ("vertical", "he"), ("tee", "learn"), ("tee", "privacy")];

/// Crates that only some may name, by prefix: (prefix, who may, why).
const RESERVED: [(&str, &[&str], &str); 3] = [
    ("tokio", &["node", "cli", "py"], "the only async crate is tacit-node"),
    ("ark-", &["zk"], "arkworks stays in tacit-zk"),
    ("pyo3", &["py"], "Python stays in tacit-py"),
];

/// Checks the manifests.
pub fn check(workspace: &Workspace) -> Outcome {
    judge(&Metadata::load(workspace)?)
}

fn judge(metadata: &Metadata) -> Outcome {
    let rooms = metadata.ours().filter_map(|package| Some((room(&package.name)?, package)));
    let rooms: Vec<(&str, &Package)> = rooms.collect();
    let complaints: Vec<String> =
        rooms.iter().flat_map(|(room, package)| complaints(room, package)).collect();
    let notice = || vec![format!("{} crates", rooms.len())];
    if complaints.is_empty() { Ok(notice()) } else { Err(complaints) }
}

/// `learn` of `tacit-learn`.
fn room(package: &str) -> Option<&str> {
    package.strip_prefix("tacit-").filter(|room| *room != "fuzz")
}

fn level(room: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&room))
}

fn complaints(from: &str, package: &Package) -> Vec<String> {
    let Some(own) = level(from) else {
        return vec![format!("tacit-{from} has no layer: name it in xtask/src/layers.rs")];
    };
    let mut complaints = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let reserved = RESERVED.iter().find(|(prefix, ..)| name.starts_with(prefix));
        if let Some((_, allowed, why)) = reserved
            && !allowed.contains(&from)
        {
            complaints.push(format!("tacit-{from} names {name}: {why}"));
        }
        // Tests may look at anything that is built by then.
        let shipped = dependency.kind.as_deref() != Some("dev");
        let Some(to) = room(name).filter(|_| shipped) else { continue };
        let below = level(to).is_some_and(|level| level < own);
        if !below && !EXCEPTIONS.contains(&(from, to)) {
            complaints.push(format!("tacit-{from} may not depend on tacit-{to}"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, dependencies: &[(&str, &str)]) -> Outcome {
        let dependencies: Vec<String> = dependencies
            .iter()
            .map(|(name, kind)| format!(r#"{{"name": "{name}", "kind": {kind}}}"#))
            .collect();
        let json = format!(
            r#"{{"packages": [{{"name": "{name}", "version": "0.1.0", "license": "MIT",
                "source": null, "dependencies": [{}]}}]}}"#,
            dependencies.join(",")
        );
        judge(&serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn downwards_is_fine() {
        assert!(judged("tacit-sim", &[("tacit-learn", "null"), ("tacit-audit", "null")]).is_ok());
        assert!(judged("tacit-cli", &[("tacit-node", "null"), ("tokio", "null")]).is_ok());
        assert!(judged("tacit-tee", &[("tacit-learn", "null")]).is_ok());
        assert!(judged("tacit-core", &[("tacit-learn", "\"dev\"")]).is_ok());
        assert!(judged("xtask", &[("tacit-learn", "null")]).is_ok());
    }

    #[test]
    fn sideways_and_upwards_is_not() {
        for (from, to) in [
            ("tacit-core", "tacit-learn"),
            ("tacit-learn", "tacit-audit"),
            ("tacit-learn", "tacit-tee"),
            ("tacit-node", "tacit-sim"),
            ("tacit-sim", "tacit-cli"),
            ("tacit-cli", "tacit-new"),
        ] {
            let complaints = judged(from, &[(to, "null")]).unwrap_err();
            assert_eq!(complaints, [format!("{from} may not depend on {to}")]);
            assert!(judged(from, &[(to, "\"build\"")]).is_err());
        }
        assert!(judged("tacit-new", &[]).unwrap_err()[0].contains("has no layer"));
    }

    #[test]
    fn reserved_crates() {
        assert!(judged("tacit-sim", &[("tokio-rustls", "null")]).is_err());
        assert!(judged("tacit-sim", &[("tokio", "\"dev\"")]).is_err());
        assert!(judged("tacit-node", &[("ark-ff", "null")]).is_err());
        assert!(judged("tacit-cli", &[("pyo3", "null")]).is_err());
    }
}
