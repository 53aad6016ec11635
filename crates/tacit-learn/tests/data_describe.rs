//! Summaries and the picture of a partition.
#![allow(clippy::unwrap_used)]

use tacit_core::rng::Seed;
use tacit_learn::data::{
    Dataset, PartSummary, Partition, Source, describe, embedded, open, partition, picture_svg,
};

fn digits(spec: &Partition, participants: usize) -> (Dataset, Vec<PartSummary>) {
    let dataset = embedded::digits().unwrap();
    let parts = partition(spec, &dataset, participants, Seed::root(11)).unwrap();
    let summaries = describe(&dataset, &parts);
    (dataset, summaries)
}

#[test]
fn summaries_add_up() {
    let (_, parts) = digits(&Partition::Dirichlet { alpha: 0.3, minimum: 1 }, 12);
    assert_eq!(parts.iter().map(|part| part.examples).sum::<u64>(), 1797);
    let class = |c: usize| parts.iter().map(|part| part.histogram[c]).sum::<u32>();
    assert_eq!((class(0), class(9)), (178, 180));
    assert_eq!((parts[0].name.as_str(), parts[11].name.as_str()), ("p00", "p11"));
    for part in &parts {
        let sum: u32 = part.histogram.iter().sum();
        let largest = *part.histogram.iter().max().unwrap();
        assert_eq!(u64::from(sum), part.examples);
        assert_eq!(part.dominant, f64::from(largest) / f64::from(sum));
        assert_eq!(part.group, None);
    }
}

#[test]
fn natural_participants_are_named() {
    let path = format!("{}/../../vectors/data/clinics.csv", env!("CARGO_MANIFEST_DIR"));
    let dataset = open(&Source { group: Some("clinic".into()), ..Source::new(path) }).unwrap();
    let spec = Partition::ByColumn { column: "clinic".into() };
    let parts = partition(&spec, &dataset, 3, Seed::root(1)).unwrap();
    let names: Vec<_> = describe(&dataset, &parts).into_iter().map(|part| part.group).collect();
    assert_eq!(names, [Some("east".into()), Some("north".into()), Some("south".into())]);
    assert_eq!(describe(&dataset, &[vec![0, 1]])[0].group, None);
    assert_eq!(describe(&dataset, &[vec![], vec![99]])[1].examples, 0);
}

/// Every `<` opens a tag that is closed in order: enough of XML to notice text that escaped.
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag that ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_picture_shows_every_participant_and_class() {
    let (dataset, parts) = digits(&Partition::Shards { per_participant: 2 }, 10);
    let svg = picture_svg(&parts, dataset.classes());
    well_formed(&svg);
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(svg.contains("10 participants, 1,797 examples, 10 classes"));
    assert!(svg.contains("prefers-color-scheme:dark"));
    assert!(parts.iter().all(|part| svg.contains(&format!(">{}</text>", part.name))));
    let bars = svg.matches("</title></rect>").count();
    let held = |part: &PartSummary| part.histogram.iter().filter(|&&count| count > 0).count();
    assert_eq!(bars, parts.iter().map(held).sum::<usize>());
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</text><script>\"'&\u{0}".to_owned();
    let part = PartSummary {
        name: hostile.clone(),
        group: Some(hostile.clone()),
        examples: 3,
        histogram: vec![1, 2],
        dominant: 2.0 / 3.0,
    };
    let svg = picture_svg(&[part], &["ok".into(), hostile]);
    well_formed(&svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{0}'));
}

#[test]
fn pictures_stay_small_however_much_there_is() {
    let part = |name: usize| PartSummary {
        name: name.to_string(),
        group: None,
        examples: 65_536,
        histogram: vec![1; 65_536],
        dominant: 1.0 / 65_536.0,
    };
    let parts: Vec<PartSummary> = (0..300).map(part).collect();
    let classes: Vec<String> = (0..65_536).map(|c| c.to_string()).collect();
    let svg = picture_svg(&parts, &classes);
    well_formed(&svg);
    assert!(svg.contains("and 100 more participants") && svg.contains("and 65,496 more"));
    assert!(svg.len() < 40 << 20, "{}", svg.len());
    well_formed(&picture_svg(&[], &[]));
}
