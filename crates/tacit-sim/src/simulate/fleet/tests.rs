//! Devices.

use super::*;

fn device(windows: &[(u64, u64)], period_ms: u64) -> Device {
    Device {
        examples_per_s: 100.0,
        megabits_per_s: 8.0,
        availability: 1.0,
        windows: windows.to_vec(),
        period_ms,
    }
}

#[test]
fn durations() {
    let of = device(&[], 0);
    assert_eq!((of.fit_ms(250), of.fit_ms(0), of.fit_ms(1)), (2_500, 0, 10));
    assert_eq!((of.transfer_ms(1_000_000), of.transfer_ms(1)), (1_000, 1));
    let slow = Device { examples_per_s: 1e-6, ..of };
    assert_eq!(slow.fit_ms(u64::MAX), u64::MAX);
}

#[test]
fn windows_of_time() {
    assert_eq!(device(&[], 0).reachable(7), Some((7, u64::MAX)));
    let once = device(&[(10, 20), (30, 40)], 0);
    let cases = [(0, Some((10, 20))), (15, Some((15, 20))), (20, Some((30, 40))), (40, None)];
    for (now, expected) in cases {
        assert_eq!(once.reachable(now), expected, "{now}");
    }
    let daily = device(&[(0, 10), (80, 100)], 100);
    let cases =
        [(5, (5, 10)), (10, (80, 110)), (90, (90, 110)), (203, (203, 210)), (250, (280, 310))];
    for (now, expected) in cases {
        assert_eq!(daily.reachable(now), Some(expected), "{now}");
    }
    assert!(daily.reachable(u64::MAX).is_some());
}

fn names(count: usize) -> Vec<ParticipantId> {
    (0..count).map(|i| ParticipantId::numbered(i, count)).collect()
}

#[test]
fn a_trace_is_dealt_by_name_or_by_seed() {
    let text = "participant,examples_per_s,windows_s\np1,5,\np0, 50 ,0-1 2-3.5\n\n";
    let rows = trace::parse(text, 0).unwrap();
    let names = names(2);
    let dealt = trace::deal(rows, names.iter(), &Seed::root(1)).unwrap();
    let of = &dealt[&names[0]];
    assert_eq!((of.examples_per_s, &of.windows[..]), (50.0, &[(0, 1_000), (2_000, 3_500)][..]));
    assert_eq!((of.availability, of.transfer_ms(1_000_000)), (1.0, 1));

    let unnamed = trace::parse("examples_per_s,availability\n1,0.5\n2,1\n", 0).unwrap();
    let many = self::names(5);
    let dealt = trace::deal(unnamed, many.iter(), &Seed::root(1)).unwrap();
    let fast = dealt.values().filter(|device| device.examples_per_s == 2.0).count();
    assert!(dealt.len() == 5 && (2..=3).contains(&fast));
    let day = trace::parse("examples_per_s,windows_s\n1,0-86400\n", 86_400_000).unwrap();
    assert!(day[0].1.windows.is_empty());
}

#[test]
fn bad_traces_are_refused() {
    let cases = [
        ("", "an empty file"),
        ("speed\n1\n", "found speed"),
        ("participant\np0\n", "a column examples_per_s"),
        ("examples_per_s,examples_per_s\n1,1\n", "each once"),
        ("examples_per_s\n", "at least one device"),
        ("examples_per_s\n0\n", "\"0\" in line 2"),
        ("examples_per_s\nNaN\n", "\"NaN\" in line 2"),
        ("examples_per_s,availability\n\n1,2\n", "\"2\" in line 3"),
        ("examples_per_s,availability\n,1\n", "a speed"),
        ("examples_per_s\n1,2\n", "1 cells"),
        ("examples_per_s,windows_s\n1,5\n", "windows like"),
        ("examples_per_s,windows_s\n1,5-4\n", "windows like"),
        ("examples_per_s,windows_s\n1,0-4 3-5\n", "\"3-5\" in line 2"),
        ("examples_per_s,windows_s\n1,0-11\n", "up to 10"),
    ];
    for (text, expected) in cases {
        let error = trace::parse(text, 10_000).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let rows = || trace::parse("participant,examples_per_s\np0,1\np0,2\n", 0).unwrap();
    let error = trace::deal(rows(), names(1).iter(), &Seed::root(1)).unwrap_err().to_string();
    assert!(error.contains("\"p0\" twice"), "{error}");
    let error = trace::deal(vec![rows().remove(0)], names(2).iter(), &Seed::root(1)).unwrap_err();
    assert!(error.to_string().contains("the participant p1"), "{error}");
    assert!(trace::read("no such file", 0).is_err());
}
