use std::path::Path;

use super::super::response::Responses;
use super::super::room::tests::plain;
use super::super::source::{Renderer, Source};
use super::*;
use crate::audio::write_wav;
use crate::seld::doa::Direction;

/// Responses of two rooms as if measured: late, at another level, and one of them along an arc.
fn folder_of_responses(folder: &Path) {
    let mut rng = crate::rng::stream(1, &["measured"]);
    let mut table = String::from("file,azimuth,elevation,distance,room,trajectory,position\n");
    for (name, rt60_s) in [("hall", 0.8), ("office", 0.3)] {
        let room = plain([7.0, 6.0, 3.2], rt60_s);
        for number in 0..13 {
            let azimuth_deg = -60.0 + 10.0 * f64::from(number);
            let direction = Direction { azimuth_deg, elevation_deg: 10.0 };
            let offset = direction.to_vector().map(|x| 1.5 * x);
            let response = Responses::new().complete(&room, [3.5, 3.0, 1.5], offset, &mut rng);
            let late = response.map(|channel| {
                let mut late = vec![0.0; 1_000];
                late.extend(channel.iter().map(|x| 0.3 * x));
                late
            });
            let file = format!("{name}_{number}.wav");
            write_wav(&folder.join(&file), SAMPLE_RATE, &late).unwrap();
            table += &format!("{file},{azimuth_deg},10,1.5,{name},arc,{number}\n");
        }
    }
    std::fs::write(folder.join("rirs.csv"), table).unwrap();
}

use super::super::SAMPLE_RATE;

fn noise(length: usize) -> Vec<f32> {
    let mut rng = crate::rng::stream(1, &["white"]);
    (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn direction(heard: &[Vec<f32>; 4], from: usize, to: usize) -> Direction {
    let along = |channel: usize| -> f64 {
        heard[0][from..to].iter().zip(&heard[channel][from..to]).map(|(w, v)| f64::from(w * v)).sum()
    };
    Direction::from_vector([along(3), along(1), along(2)])
}

#[test]
fn sources_are_heard_where_they_were_measured() {
    let folder = tempfile::tempdir().unwrap();
    folder_of_responses(folder.path());
    let rooms = MeasuredRooms::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap();
    assert_eq!((rooms.counts(), rooms.has_trajectories()), ([1, 0, 1], true));
    assert_ne!(rooms.room(1), rooms.room(2));
    let mut rng = crate::rng::stream(2, &["measured"]);
    for number in [1, 2, 1, 2] {
        let source = rooms.room(number).draw_source(None, &mut rng).unwrap();
        let place = source.at(0.0);
        assert!((place.distance_m - 1.5).abs() < 1e-9);
        // The delay and level of the measurement are gone.
        assert_eq!(source.delay_samples(), 105);
        let click = source.render(&[1.0], &mut Renderer::new(), &mut rng).unwrap();
        let peak = (0..400).max_by(|a, b| click[0][*a].abs().total_cmp(&click[0][*b].abs())).unwrap();
        assert!(peak.abs_diff(105) <= 9 && (0.4..0.9).contains(&click[0][peak].abs()), "{peak}");
        let heard = direction(&click, 80, 160);
        assert!(heard.angle_to(place.direction) < 10.0, "{heard:?} {place:?}");
    }
}

#[test]
fn a_source_moves_along_a_trajectory_without_clicks() {
    let folder = tempfile::tempdir().unwrap();
    folder_of_responses(folder.path());
    let rooms = MeasuredRooms::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap();
    let mut rng = crate::rng::stream(3, &["measured"]);
    let source = rooms.room(1).draw_source(Some(4.0), &mut rng).unwrap();
    assert!(source.at(0.0).direction.angle_to(source.at(4.0).direction) > 20.0);
    let tone: Vec<f32> = (0..96_000).map(|n| (0.08 * n as f32).sin()).collect();
    let heard = source.render(&tone, &mut Renderer::new(), &mut rng).unwrap();
    for channel in &heard {
        let inner = &channel[30_000..90_000];
        let peak = inner.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let jump = inner.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 1.15 * 0.08 * peak, "{jump} {peak}");
    }
    let heard = source.render(&noise(96_000), &mut Renderer::new(), &mut rng).unwrap();
    for start in (4_800..90_000).step_by(9_600) {
        let place = source.at((start + 2_400) as f64 / f64::from(SAMPLE_RATE));
        let error = direction(&heard, start, start + 4_800).angle_to(place.direction);
        assert!(error < 30.0, "{error}");
    }
}

#[test]
fn a_source_that_moves_on_to_longer_responses_is_heard_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::from("file,azimuth,elevation,distance,room,trajectory\n");
    for (room, number, taps) in [("a", 0, 600), ("a", 1, 9_000), ("b", 0, 600), ("b", 1, 9_000)] {
        // The direct sound from the front, and one echo at the end.
        let mut pressure = vec![0.0; taps];
        (pressure[20], pressure[taps - 1]) = (0.5, 0.25);
        let silent = vec![0.0; taps];
        let file = format!("{room}{number}.wav");
        let channels = [pressure.clone(), silent.clone(), silent, pressure];
        write_wav(&folder.path().join(&file), SAMPLE_RATE, &channels).unwrap();
        table += &format!("{file},0,0,{},{room},away\n", 1.0 + f64::from(number));
    }
    std::fs::write(folder.path().join("rirs.csv"), table).unwrap();
    let rooms = MeasuredRooms::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap();
    // The whole way in either direction: one begins with the short response, the other with the long one.
    for stream in 0..6 {
        let mut rng = crate::rng::stream(stream, &["longer"]);
        let source = rooms.room(1).draw_source(Some(10.0), &mut rng).unwrap();
        let mut clicks = vec![0.0; 10 * SAMPLE_RATE as usize];
        let (first, last) = (100, clicks.len() - 1);
        (clicks[first], clicks[last]) = (1.0, 1.0);
        let heard = source.render(&clicks, &mut Renderer::new(), &mut rng).unwrap();
        let click = if source.at(0.0).distance_m > 1.5 { first } else { last };
        let loudest = |from: usize, to: usize| heard[0][from..to].iter().fold(0.0_f32, |p, x| p.max(x.abs()));
        let direct = loudest(click, (click + 300).min(heard[0].len()));
        let echo = loudest(click + 8_800, (click + 9_300).min(heard[0].len()));
        assert!(echo > 0.4 * direct && direct > 0.1, "{stream}: {direct} {echo}");
    }
}

#[test]
fn bad_tables_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let message = || MeasuredRooms::open(folder.path(), &Subset::TRAIN_TEST, 0).unwrap_err().to_string();
    assert!(message().contains("a table rirs.csv"));
    write_wav(&folder.path().join("a/1.wav"), 24_000, &[[0.5], [0.5], [0.0], [0.0]]).unwrap();
    write_wav(&folder.path().join("b/1.wav"), 24_000, &[[0.5], [0.5], [0.0], [0.0]]).unwrap();
    write_wav(&folder.path().join("mono.wav"), 24_000, &[[0.5]]).unwrap();
    let with = |rows: &str| std::fs::write(folder.path().join("list.csv"), rows).unwrap();
    with("file,azimuth,elevation\n");
    assert!(message().contains("line 1: no column \"distance\""), "{}", message());
    for (row, says) in [
        ("c.wav,0,0,1", "line 2: c.wav: "),
        ("mono.wav,0,0,1", "expected 4 channels"),
        ("a/1.wav,0,95,1", "elevation \"95\": expected a number from -90 to 90"),
        ("a/1.wav,0,0,180", "distance in metres \"180\""),
        ("a/1.wav,0,0,1", "at least two rooms"),
    ] {
        with(&format!("file,azimuth,elevation,distance\n{row}\n"));
        assert!(message().contains(says), "{}", message());
    }
    // Without a column `room`, the folder is the room; the direct sound comes from the left.
    with("file,azimuth,elevation,distance\na/1.wav,90,0,1\nb/1.wav,-90,0,1\n");
    let rooms = MeasuredRooms::open(folder.path(), &Subset::TRAIN_TEST, 0).unwrap();
    let mut rng = crate::rng::stream(3, &[]);
    let sources = [1, 2].map(|number| rooms.room(number).draw_source(None, &mut rng));
    assert_eq!(sources.iter().filter(|source| source.is_ok()).count(), 1);
    let error = sources.into_iter().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("comes from azimuth 90, elevation 0, the table says -90, 0"), "{error}");
}
