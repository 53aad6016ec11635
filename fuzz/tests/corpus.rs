//! Every target over its committed corpus, and over the beginnings of each file.

use std::path::Path;

#[test]
fn no_input_of_the_corpus_panics() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in tacit_fuzz::TARGETS {
        let files = std::fs::read_dir(corpus.join(name)).expect(name);
        let mut count = 0;
        for file in files {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            target(&bytes);
            (0..bytes.len()).step_by(1 + bytes.len() / 8).for_each(|end| target(&bytes[..end]));
            count += 1;
        }
        assert!(count > 0, "{name} has no corpus");
    }
}

#[test]
fn every_target_is_a_program() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(manifest.join("Cargo.toml")).unwrap();
    let mut programs: Vec<String> = std::fs::read_dir(manifest.join("targets"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    let names: Vec<&str> = tacit_fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, names);
    for name in names {
        assert!(text.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml");
    }
}
