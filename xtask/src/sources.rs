//! What no compiler checks of our source files: their length, and where `unsafe` stands.

use crate::command::{Outcome, Workspace};
use std::path::{Path, PathBuf};

/// Lines of one file, tests and benchmarks in directories of their own excepted.
const FILE_LINES: usize = 700;

/// Lines of the median file.
const MEDIAN_LINES: usize = 200;

/// Characters of one line: rustfmt breaks code there, but not comments and texts.
const LINE_CHARS: usize = 100;

/// Files that may contain unsafe code, each with a safe reference that it is tested against.
const UNSAFE: [(&str, &str); 6] = [
    ("crates/tacit-learn/src/aggregate/mean.rs", "SIMD: exact sums on AVX2 and AVX-512"),
    (
        "crates/tacit-learn/src/aggregate/prefetch.rs",
        "a hint to the cache, no result depends on it",
    ),
    ("crates/tacit-learn/src/train/engine/lanes.rs", "SIMD: tiles of pictures, vector by vector"),
    ("crates/tacit-learn/src/train/engine/product.rs", "SIMD: products on AVX2 and AVX-512"),
    ("crates/tacit-secagg/src/mask/kernel.rs", "SIMD: AES in counter mode on AVX-512"),
    ("crates/tacit-secagg/src/mask/narrow.rs", "SIMD: the same on AVX2 and AES-NI"),
];

/// One file: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// Checks lengths.
pub fn sizes(workspace: &Workspace) -> Outcome {
    judge_sizes(&load(&workspace.root)?)
}

/// Checks where `unsafe` stands.
pub fn unsafety(workspace: &Workspace) -> Outcome {
    judge_unsafety(&load(&workspace.root)?, &UNSAFE)
}

fn judge_sizes(sources: &[Source]) -> Outcome {
    let mut complaints = Vec::new();
    let mut lengths = Vec::new();
    for Source { path, text } in sources {
        for (number, line) in text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_CHARS && !is_unbreakable(line) {
                let line = number + 1;
                complaints.push(format!("{path}:{line}: {chars} characters, limit {LINE_CHARS}"));
            }
        }
        let lines = text.lines().count();
        if is_shipped(path) {
            lengths.push(lines);
            if lines > FILE_LINES {
                complaints.push(format!("{path}: {lines} lines, the limit is {FILE_LINES}"));
            }
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    if median > MEDIAN_LINES {
        complaints.push(format!("the median file has {median} lines, limit {MEDIAN_LINES}"));
    }
    let (files, total) = (lengths.len(), lengths.iter().sum::<usize>());
    let notice = || vec![format!("{files} files, median {median} lines, {total} in all")];
    if complaints.is_empty() { Ok(notice()) } else { Err(complaints) }
}

fn judge_unsafety(sources: &[Source], listed: &[(&str, &str)]) -> Outcome {
    let mut complaints = Vec::new();
    for Source { path, text } in sources {
        let found = text.lines().position(is_unsafe).map(|line| line + 1);
        let may = listed.iter().any(|(file, _)| file == path);
        match (found, may) {
            (Some(line), false) => complaints.push(format!(
                "{path}:{line}: unsafe code in a file that is not listed in xtask/src/sources.rs"
            )),
            (None, true) => complaints.push(format!("{path}: is listed but has no unsafe code")),
            _ => (),
        }
    }
    for (file, _) in listed {
        if !sources.iter().any(|source| source.path == *file) {
            complaints.push(format!("{file}: is listed but does not exist"));
        }
    }
    let notice = |(file, why): &(&str, &str)| format!("{file}: {why}");
    if complaints.is_empty() { Ok(listed.iter().map(notice).collect()) } else { Err(complaints) }
}

/// Texts, addresses and rows of tables have no place to break.
fn is_unbreakable(line: &str) -> bool {
    let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
    line.contains('"') || line.contains("://") || comment.starts_with('|')
}

/// The keyword before what it can stand before: so neither lint names nor prose count.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("unsafe").any(|(at, word)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].trim_start();
        let opens = ["{", "(", "fn ", "impl ", "impl<", "extern ", "trait "];
        let own_word = before.is_none_or(|c| !c.is_alphanumeric() && !"_\"".contains(c));
        own_word && (after.is_empty() || opens.iter().any(|open| after.starts_with(open)))
    })
}

fn is_shipped(path: &str) -> bool {
    !path.split('/').any(|part| part == "tests" || part == "benches")
}

fn load(root: &Path) -> Result<Vec<Source>, Vec<String>> {
    let mut sources = Vec::new();
    for folder in ["crates", "examples", "fuzz", "xtask"] {
        walk(root, &root.join(folder), &mut sources)
            .map_err(|(path, error)| vec![format!("{}: {error}", path.display())])?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn walk(
    root: &Path,
    folder: &Path,
    sources: &mut Vec<Source>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let place = |error| (folder.to_path_buf(), error);
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(place)? {
        let path = entry.map_err(place)?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                walk(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).map_err(|error| (path.clone(), error))?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            let path = path.to_string_lossy().replace('\\', "/");
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: String) -> Source {
        Source { path: path.into(), text }
    }

    #[test]
    fn lengths() {
        let long = "//\n".repeat(FILE_LINES + 1);
        let short = || (0..4).map(|n| source(&format!("crates/a/src/{n}.rs"), "//\n".into()));
        let with = |path: &str, text: &str| {
            judge_sizes(&short().chain([source(path, text.to_owned())]).collect::<Vec<_>>())
        };
        assert!(with("crates/a/tests/b.rs", &long).is_ok());
        assert!(with("crates/a/src/b.rs", &long[3..]).is_ok());
        let complaints = with("crates/a/src/b.rs", &long).unwrap_err();
        assert_eq!(complaints, ["crates/a/src/b.rs: 701 lines, the limit is 700"]);
        assert!(with("crates/a/src/b.rs", &"é".repeat(LINE_CHARS)).is_ok());
        assert!(with("crates/a/src/b.rs", &"é".repeat(LINE_CHARS + 1)).is_err());
        for start in ["//! | ", "/// https://example.org/", "    \""] {
            assert!(with("b.rs", &format!("{start}{}", "x".repeat(LINE_CHARS))).is_ok());
        }
        let all = ["a", "b", "c"].map(|name| source(name, "//\n".repeat(MEDIAN_LINES + 1)));
        assert!(judge_sizes(&all).unwrap_err()[0].starts_with("the median file"));
    }

    #[test]
    fn the_keyword_is_found_and_nothing_else() {
        let word = "unsafe";
        for code in ["{ f() }", "fn f() {}", "impl Send for A {}", "(no_mangle)", ""] {
            assert!(is_unsafe(&format!("    let x = {word} {code}")), "{code}");
        }
        assert!(is_unsafe(&format!("#[{word}(no_mangle)]")));
        for prose in ["#![forbid(unsafe_code)]", "// unsafe { }", "not_unsafe {", "\"unsafe\","] {
            assert!(!is_unsafe(prose), "{prose}");
        }
    }

    #[test]
    fn unsafe_only_where_listed() {
        let code = || source("a.rs", format!("{} {{}}", "unsafe"));
        assert!(judge_unsafety(&[code()], &[("a.rs", "why")]).is_ok());
        assert!(judge_unsafety(&[code()], &[]).unwrap_err()[0].starts_with("a.rs:1: "));
        let none = source("a.rs", String::new());
        assert!(judge_unsafety(&[none], &[("a.rs", "why")]).is_err());
        assert!(judge_unsafety(&[], &[("a.rs", "why")]).is_err());
    }
}
