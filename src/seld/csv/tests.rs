use proptest::prelude::*;

use super::*;

fn first_problem(content: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, content).unwrap();
    let error = read(&path, Some(13)).unwrap_err();
    error.to_string().replace(path.to_str().unwrap(), "a.csv")
}

#[test]
fn reads_five_and_six_columns_and_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "\u{feff}frame,class,source,azi,ele\n3,1.0,0, -170 ,20\r\n\n4,2,1,10.5,-90,250\n")
        .unwrap();
    let events = read(&path, Some(13)).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].frame, events[0].class, events[0].distance_m), (3, 1, None));
    assert_eq!(events[1].distance_m, Some(2.5));
    assert_eq!(events[1].direction, Direction { azimuth_deg: 10.5, elevation_deg: -90.0 });
}

#[test]
fn names_line_column_and_value() {
    let good = "0,0,0,0,0\n";
    for (row, expected) in [
        (
            "1,2,0,5",
            "a.csv:2: 4 columns where 5 or 6 are expected: frame,class,source,azimuth,elevation[,distance in cm]",
        ),
        ("1,2,0,x,5", "a.csv:2: azimuth \"x\" is not a finite number"),
        ("1,2,0,0,NaN", "a.csv:2: elevation \"NaN\" is not a finite number"),
        ("1,13,0,0,0", "a.csv:2: class 13 is out of range: there are 13 classes, 0 to 12"),
        ("1,2,0,361,0", "a.csv:2: azimuth 361 is outside [-360, 360]"),
        ("1,2,0,0,-91", "a.csv:2: elevation -91 is outside [-90, 90]"),
        ("-1,2,0,0,0", "a.csv:2: frame \"-1\" is not a whole number from 0"),
        ("1,2.5,0,0,0", "a.csv:2: class \"2.5\" is not a whole number from 0"),
        ("1,2,0,0,0,-1", &format!("a.csv:2: distance -1 is outside [0, {}]", f64::MAX)),
    ] {
        assert_eq!(first_problem(&format!("{good}{row}\n{good}")), expected);
    }
}

#[test]
fn rows_of_whole_events_are_told_apart() {
    for (content, line) in [
        ("sound_event_recording,start_time,end_time,ele,azi,dist\nknock,0.5,1.25,-10,30,1\n", 1),
        ("knock,0.5,1.25,-10,30,1\n", 1),
        ("0,0,0,0,0\nknock,0.5,1.25,-10,30,1\n", 2),
    ] {
        let message = first_problem(content);
        assert!(message.starts_with(&format!("a.csv:{line}: rows with the onset and offset")), "{message}");
    }
}

#[test]
fn distances_are_in_the_unit_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    // Plain, and not plain.
    for content in ["0,1,0,0,0,250\n", "0, 1,0,0,0,250\n"] {
        std::fs::write(&path, content).unwrap();
        let distance = |unit| read_in(&path, None, unit).unwrap()[0].distance_m;
        assert_eq!(distance(DistanceUnit::Centimetres), Some(2.5));
        assert_eq!(distance(DistanceUnit::Metres), Some(250.0));
    }
}

#[test]
fn plain_files_are_read_without_the_general_reader() {
    let content =
        b"\r\nframe,class,source,azi,ele\r\n0,1,0,-108.6,-18.0\n\n007,2,1000,10,.5,250.25\r\n1,0,0,-0,5.";
    let events = plain::parse(content, Some(3), DistanceUnit::Centimetres).unwrap();
    assert_eq!(events, parse_any(Path::new("a.csv"), content, Some(3), DistanceUnit::Centimetres).0);
    assert_eq!(events.len(), 3);
}

/// A row as label and prediction files have them.
fn row() -> impl Strategy<Value = String> {
    let number =
        |low: f64, high: f64| (low..high, 0usize..8).prop_map(|(value, digits)| format!("{value:.digits$}"));
    let distance = prop::option::of(number(0.0, 900.0));
    (0u32..9999, 0u32..14, 0u32..1100, number(-360.0, 360.0), number(-90.0, 90.0), distance).prop_map(
        |(frame, class, source, azimuth, elevation, distance)| {
            let distance = distance.map(|distance| format!(",{distance}")).unwrap_or_default();
            format!("{frame},{class},{source},{azimuth},{elevation}{distance}")
        },
    )
}

/// Fields that may be anything near a number, any number of them.
fn odd_row() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        8 => "-?[0-9]{1,3}(\\.[0-9]{0,3})?",
        1 => "[0-9]{8,22}\\.?[0-9]{0,22}",
        1 => "[-+.0-9eEinfNa \"\t]{0,6}",
        1 => any::<f64>().prop_map(|value| value.to_string()),
    ];
    prop::collection::vec(field, 4..8).prop_map(|fields| fields.join(","))
}

/// Text that is a label file or nearly one.
fn nearly_rows() -> impl Strategy<Value = Vec<u8>> {
    let line_end =
        prop_oneof![20 => Just("\n"), 4 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\n\n"), 1 => Just("")];
    let row = (prop_oneof![8 => row(), 1 => odd_row()], line_end)
        .prop_map(|(row, line_end)| (row + line_end).into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..12);
    let header = prop_oneof![
        6 => Just(""),
        2 => Just("frame,class,source,azimuth,elevation\n"),
        1 => Just("\u{feff}"),
        1 => Just("onset,offset\r\n"),
        1 => Just(" a , b\r"),
    ];
    let rows = prop::collection::vec(prop_oneof![30 => row, 1 => bytes], 0..7);
    (header, rows).prop_map(|(header, rows)| [header.as_bytes(), &rows.concat()].concat())
}

fn problems(found: &[CsvError]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

proptest! {
    // As many cases as PROPTEST_CASES says: `PROPTEST_CASES=1000000 cargo test --lib seld::csv`.
    #[test]
    fn any_bytes_are_read_the_same_both_ways(
        content in nearly_rows(), classes in prop_oneof![Just(None), Just(Some(13))])
    {
        let path = Path::new("a.csv");
        let (events, found) = parse(path, &content, classes, DistanceUnit::Centimetres);
        let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let (expected, expected_found) = parse_any(path, text, classes, DistanceUnit::Centimetres);
        prop_assert_eq!(problems(&found), problems(&expected_found));
        prop_assert_eq!(format!("{events:?}"), format!("{expected:?}"));
        for event in events {
            prop_assert!(classes.is_none_or(|classes| (event.class as usize) < classes));
            prop_assert!(event.direction.elevation_deg.abs() <= 90.0);
        }
    }
}

#[test]
fn goes_on_after_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, b"0,0,0,0,0\n1,2\n2,\xff,0,0,0\n3,99,0,0,0\n4,0,0,0,0\n").unwrap();
    let (events, problems) = read_all(&path, Some(13));
    assert_eq!(events.len(), 2);
    assert_eq!(problems.iter().map(|p| p.line().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
}

proptest! {
    // Each case writes and syncs two files.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn written_files_read_back(rows in prop::collection::vec(
        (0u32..6000, 0u32..13, 0u32..9, -180.0f64..180.0, -90.0f64..90.0, 0u32..2000), 0..40))
    {
        let events: Vec<FrameEvent> = rows.into_iter().map(|(frame, class, source, azimuth, elevation, cm)| {
            let direction = Direction { azimuth_deg: azimuth, elevation_deg: elevation };
            FrameEvent { frame, class, source, direction, distance_m: Some(f64::from(cm) / 100.0) }
        }).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.csv");
        write_predictions(&path, &events).unwrap();
        prop_assert_eq!(&read_in(&path, Some(13), DistanceUnit::Metres).unwrap(), &events);
        let without: Vec<_> = events.iter().map(|e| FrameEvent { distance_m: None, ..*e }).collect();
        write_predictions(&path, &without).unwrap();
        prop_assert_eq!(read(&path, Some(13)).unwrap(), without);
        write_labels(&path, &events).unwrap();
        let labels = read(&path, Some(13)).unwrap();
        prop_assert_eq!(labels.len(), events.len());
        for (label, event) in labels.iter().zip(&events) {
            prop_assert!(label.direction.angle_to(event.direction) < 0.8);
            prop_assert_eq!(label.distance_m, event.distance_m);
            prop_assert!(label.direction.azimuth_deg > -180.0 && label.direction.azimuth_deg <= 180.0);
        }
    }
}

#[test]
fn many_of_those_files_are_plain() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut content = || nearly_rows().new_tree(&mut runner).unwrap().current();
    let is_plain = |content: Vec<u8>| plain::parse(&content, Some(13), DistanceUnit::Centimetres).is_some();
    let plain = (0..1000).filter(|_| is_plain(content())).count();
    assert!((250..750).contains(&plain), "{plain} of 1000");
}
