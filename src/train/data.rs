//! Recordings to batches: which chunks an epoch sees in which order, and their tensors.

use std::collections::BTreeMap;

use tch::{Device, Tensor};

use super::descriptors::Descriptors;
use super::prefix::Prefixes;
use super::slots::{self, Scope};
use super::{Error, vary};
use crate::dataset::augment::{Rotation, Variation, Variations};
use crate::dataset::sampler::{ChunkSampler, Place};
use crate::dataset::{self, Recording};
use crate::features::FrontEnd;
use crate::loss::Target;
use crate::model::arch::TrainConfig;
use crate::model::prior::Heard;
use crate::rng;
use crate::seld::doa::Direction;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// Recordings of one side of the validation split, ready to be cut.
pub(super) struct Side<'a> {
    recordings: Vec<Source<'a>>,
    sampler: ChunkSampler,
    shape: Shape,
}

/// Sizes that all chunks share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Samples in a label frame.
    pub(super) samples_per_frame: usize,
    /// Label frames in a chunk.
    pub(super) frames: u32,
    /// Slots for events.
    pub(super) tracks: usize,
    /// What shares them.
    pub(super) scope: Scope,
    /// Whether targets say distances.
    pub(super) distance: bool,
    /// Classes.
    pub(super) classes: usize,
    /// Where batches go.
    pub(super) device: Device,
}

struct Source<'a> {
    recording: &'a Recording,
    /// Position in the caches.
    cached: usize,
    /// By frame.
    events: Vec<FrameEvent>,
}

/// A piece of a recording, and what is done to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Chunk {
    place: Place,
    variation: Variation,
    /// Another piece that is mixed in.
    partner: Option<(Place, Rotation)>,
}

/// Tensors of some chunks.
pub(super) struct Batch {
    /// Waveforms `[B, 4, S]`, where anything is computed from them.
    pub(super) sound: Option<Tensor>,
    /// Cached descriptors `[B, C, T, F]`, not normalised.
    described: Option<Tensor>,
    /// What is cached of the tagger.
    pub(super) prefix: Option<Heard>,
    /// Rows whose sound is a mixture, so that `prefix` is not what the tagger would say.
    pub(super) mixed: Vec<i64>,
    pub(super) target: Target,
}

impl<'a> Side<'a> {
    /// `recordings`: each with its position in the caches.
    ///
    /// # Errors
    /// Labels cannot be read any more, or do not say the distances that are asked for.
    pub(super) fn new(recordings: Vec<(&'a Recording, usize)>, shape: Shape) -> Result<Self, Error> {
        let all: Vec<&Recording> = recordings.iter().map(|(recording, _)| *recording).collect();
        let sampler = ChunkSampler::new(&all, shape.frames)?;
        let source = |(recording, cached): (&'a Recording, usize)| -> Result<Source<'a>, Error> {
            let mut events = recording.events()?.to_vec();
            events.sort_by_key(|event| event.frame);
            let nowhere = events.iter().find(|event| shape.distance && event.distance_m.is_none());
            if let Some(event) = nowhere {
                return Err(Error::NoDistance { recording: recording.name.clone(), frame: event.frame });
            }
            Ok(Source { recording, cached, events })
        };
        let recordings = recordings.into_iter().map(source).collect::<Result<_, _>>()?;
        Ok(Self { recordings, sampler, shape })
    }

    /// Label frames with each class.
    pub(super) fn class_frames(&self) -> Vec<u64> {
        self.sampler.class_frames(self.shape.classes)
    }

    /// The chunks of one epoch of training in random order, with their variations. `beta`: of
    /// [`Sampling::EffectiveNumber`](crate::dataset::sampler::Sampling::EffectiveNumber).
    pub(super) fn draw(&self, config: &TrainConfig, beta: f64, seed: u64, epoch: u32) -> Vec<Chunk> {
        let mut rng = rng::stream(seed, &["chunks", &epoch.to_string()]);
        let places = self.sampler.draw(config.sampling, config.chunk_overlap, beta, &mut rng);
        let mut variations = Variations::new(&config.augment, seed, epoch);
        let chunk = |&place: &Place| {
            let variation = variations.draw();
            let fits = |index: usize| places[index] != place && self.fits_with(place, places[index]);
            let partner = variations.draw_partner(places.len(), fits).map(|index| places[index]);
            Chunk { place, variation, partner: partner.map(|other| (other, variations.draw_rotation())) }
        };
        places.iter().map(chunk).collect()
    }

    /// Whether two chunks together never have more events at once than there are slots for them.
    fn fits_with(&self, a: Place, b: Place) -> bool {
        let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for place in [a, b] {
            for event in self.recordings[place.recording].events(place.first_frame, self.shape.frames) {
                let scope = self.shape.scope.of(event.class);
                *counts.entry((event.frame - place.first_frame, scope)).or_default() += 1;
            }
        }
        counts.into_values().all(|count| count <= self.shape.tracks)
    }

    /// All of every recording, cut end to end: for validation. The last chunk of a recording reaches past its
    /// end when lengths do not divide.
    pub(super) fn cover(&self) -> Vec<Chunk> {
        let step = self.shape.frames as usize;
        let of = |(index, source): (usize, &Source)| {
            let firsts = (0..source.recording.frames.max(1)).step_by(step);
            let chunk = |first_frame| Chunk {
                place: Place { recording: index, first_frame },
                variation: Variation::NONE,
                partner: None,
            };
            firsts.map(chunk).collect::<Vec<_>>()
        };
        self.recordings.iter().enumerate().flat_map(of).collect()
    }

    /// About `seconds` of sound, evenly spread over all recordings, as it is: whole chunks where there are any.
    pub(super) fn sample(&self, seconds: f64) -> Vec<Chunk> {
        let mut chunks = self.cover();
        let is_whole = |chunk: &Chunk| {
            chunk.place.first_frame + self.shape.frames <= self.recordings[chunk.source()].recording.frames
        };
        if chunks.iter().any(is_whole) {
            chunks.retain(is_whole);
        }
        let chunk_s = f64::from(self.shape.frames) / FRAMES_PER_SECOND as f64;
        let most = ((seconds / chunk_s) as usize).max(1);
        let (all, kept) = (chunks.len(), chunks.len().min(most));
        (0..kept).map(|index| chunks[index * all / kept]).collect()
    }

    /// The recordings, in the order that [`Chunk::source`] counts.
    pub(super) fn recordings(&self) -> impl Iterator<Item = &'a Recording> + '_ {
        self.recordings.iter().map(|source| source.recording)
    }

    /// Reads chunks into tensors on the device.
    pub(super) fn load(
        &self,
        chunks: &[Chunk],
        prefixes: Option<&Prefixes>,
        descriptors: &Descriptors,
    ) -> Result<Batch, Error> {
        let Shape { frames, device, .. } = self.shape;
        let place = |chunk: &Chunk| (self.recordings[chunk.place.recording].cached, chunk.place.first_frame);
        let described = match descriptors {
            Descriptors::Computed => None,
            Descriptors::Cached(cached) => {
                let places: Vec<_> = chunks.iter().map(place).collect();
                Some(cached.read(&places, frames, device))
            }
        };
        let turned = |chunk: &Chunk| {
            let (recording, first_frame) = place(chunk);
            (recording, first_frame, chunk.variation.rotation)
        };
        let turned: Vec<_> = chunks.iter().map(turned).collect();
        let needs_sound = described.is_none() || prefixes.is_some_and(Prefixes::needs_sound);
        let mixed = (0i64..).zip(chunks).filter(|(_, chunk)| chunk.partner.is_some()).map(|(row, _)| row);
        Ok(Batch {
            sound: if needs_sound { Some(self.sound(chunks)?) } else { None },
            described,
            prefix: match prefixes {
                Some(prefixes) => prefixes.read(&turned, device)?,
                None => None,
            },
            mixed: mixed.collect(),
            target: self.target(chunks),
        })
    }

    /// Waveforms `[B, 4, S]`, turned and mixed.
    fn sound(&self, chunks: &[Chunk]) -> Result<Tensor, dataset::Error> {
        let pieces: Vec<_> = chunks.iter().map(|c| Some((c.place, c.variation.rotation))).collect();
        let mut waveform = self.waveform(&pieces)?;
        let partners: Vec<_> = chunks.iter().map(|chunk| chunk.partner).collect();
        if partners.iter().any(Option::is_some) {
            waveform += self.waveform(&partners)?;
        }
        Ok(waveform)
    }

    /// Turned pieces of recordings, `[B, 4, S]`; silence where there is none.
    fn waveform(&self, pieces: &[Option<(Place, Rotation)>]) -> Result<Tensor, dataset::Error> {
        let samples = self.shape.samples_per_frame * self.shape.frames as usize;
        let mut waveform = Vec::with_capacity(pieces.len() * dataset::CHANNELS * samples);
        let mut turns = Vec::with_capacity(pieces.len() * dataset::CHANNELS * dataset::CHANNELS);
        for piece in pieces {
            let rotation = match *piece {
                None => {
                    waveform.resize(waveform.len() + dataset::CHANNELS * samples, 0.0);
                    Rotation::NONE
                }
                Some((Place { recording, first_frame }, rotation)) => {
                    let start = first_frame as usize * self.shape.samples_per_frame;
                    let from = waveform.len();
                    waveform.resize(from + dataset::CHANNELS * samples, 0.0);
                    self.recordings[recording].recording.read_into(start as u64, &mut waveform[from..])?;
                    rotation
                }
            };
            turns.extend(rotation.channel_matrix().concat());
        }
        let device = self.shape.device;
        let turns = Tensor::from_slice(&turns).view([-1, 4, 4]).to(device);
        Ok(turns.bmm(&Tensor::from_slice(&waveform).view([-1, 4, samples as i64]).to(device)))
    }

    fn target(&self, chunks: &[Chunk]) -> Target {
        let Shape { frames, tracks, classes, scope, device, .. } = self.shape;
        // Slots are for all classes or for each: [B, T, N] or [B, T, N, K].
        let own = if scope == Scope::Class { classes } else { 1 };
        let slots = chunks.len() * frames as usize * tracks;
        let mut activity = vec![0f32; slots * classes];
        let mut direction = vec![0f32; slots * own * 3];
        let mut distance = vec![0f32; slots * own];
        for (row, chunk) in chunks.iter().enumerate() {
            for event in slots::assign(&self.labels(chunk), tracks, scope) {
                let slot = (row * frames as usize + event.frame as usize) * tracks + event.slot;
                let class = event.class as usize;
                activity[slot * classes + class] = 1.0;
                let place = if own > 1 { slot * own + class } else { slot };
                direction[place * 3..place * 3 + 3].copy_from_slice(&event.direction);
                distance[place] = event.distance.unwrap_or(0.0);
            }
        }
        let cells = [chunks.len() as i64, i64::from(frames), tracks as i64];
        let class_axis = (scope == Scope::Class).then_some(classes as i64);
        let of = |values: &[f32], last: Option<i64>, and: Option<i64>| {
            let shape: Vec<i64> = cells.into_iter().chain(last).chain(and).collect();
            Tensor::from_slice(values).view(shape.as_slice()).to(device)
        };
        Target {
            activity: of(&activity, Some(classes as i64), None),
            direction: of(&direction, class_axis, Some(3)),
            distance: self.shape.distance.then(|| of(&distance, class_axis, None)),
        }
    }

    /// What sounds in a chunk, turned as its sound is; frames count from its beginning.
    fn labels(&self, chunk: &Chunk) -> Vec<FrameEvent> {
        let own = Some((chunk.place, chunk.variation.rotation));
        let mut labels = Vec::new();
        for (Place { recording, first_frame }, rotation) in own.into_iter().chain(chunk.partner) {
            // Sources of two recordings are never the same, whatever their numbers.
            let first_source = labels.iter().map(|event: &FrameEvent| event.source + 1).max().unwrap_or(0);
            for event in self.recordings[recording].events(first_frame, self.shape.frames) {
                let vector = rotation.apply(event.direction.to_vector().map(|v| v as f32));
                labels.push(FrameEvent {
                    frame: event.frame - first_frame,
                    source: first_source.saturating_add(event.source),
                    direction: Direction::from_vector(vector.map(f64::from)),
                    ..*event
                });
            }
        }
        labels
    }
}

impl Source<'_> {
    /// Its events from label frame `first` on.
    fn events(&self, first: u32, frames: u32) -> &[FrameEvent] {
        let begin = self.events.partition_point(|event| event.frame < first);
        let end = self.events.partition_point(|event| event.frame < first.saturating_add(frames));
        &self.events[begin..end]
    }
}

impl Chunk {
    /// Which of the side's recordings it is cut from.
    pub(super) fn source(&self) -> usize {
        self.place.recording
    }

    /// What is done to it.
    pub(super) fn variation(&self) -> &Variation {
        &self.variation
    }
}

impl Batch {
    /// Descriptors `[B, C, T, F]`, not normalised.
    ///
    /// # Errors
    /// A bug: there is neither sound nor descriptors.
    pub(super) fn describe(&self, front_end: &FrontEnd, variations: &[&Variation]) -> Result<Tensor, Error> {
        match (&self.described, &self.sound) {
            (Some(descriptors), _) => Ok(descriptors.shallow_clone()),
            (None, Some(sound)) => Ok(front_end.describe(&vary::level(sound, variations))),
            (None, None) => Err(Error::Bug("a batch has no sound to describe".into())),
        }
    }

    /// Descriptors `[B, C, T, F]` as the network gets them.
    ///
    /// # Errors
    /// As for [`Batch::describe`].
    pub(super) fn descriptors(
        &self,
        front_end: &FrontEnd,
        variations: &[&Variation],
    ) -> Result<Tensor, Error> {
        let described = self.describe(front_end, variations)?;
        Ok(vary::descriptors(front_end.normalise(&described), variations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio;
    use crate::dataset::augment::{AugmentConfig, RotationKind};

    const RATE: usize = 24_000;
    const FRAME: usize = RATE / 10;

    /// Noise from one direction, for one second from second `begin` of two.
    fn recording(folder: &std::path::Path, name: &str, begin: u32, direction: Direction) -> Recording {
        let [x, y, z] = direction.to_vector().map(|v| v as f32);
        let mut rng = rng::stream(1, &["noise", name]);
        let omni: Vec<f32> = (0..2 * RATE)
            .map(|n| {
                let noise = rand::RngExt::random_range(&mut rng, -0.3f32..0.3);
                if (n / RATE) as u32 == begin { noise } else { 0.0 }
            })
            .collect();
        let channels = [1.0, y, z, x].map(|gain| omni.iter().map(|v| v * gain).collect::<Vec<f32>>());
        let audio = folder.join(name).with_extension("wav");
        audio::write_wav(&audio, RATE as u32, &channels).unwrap();
        let event = |frame| FrameEvent { frame, class: begin, source: 0, direction, distance_m: None };
        Recording::of_file(&audio).with_events((begin * 10..begin * 10 + 10).map(event).collect())
    }

    fn shape(tracks: usize) -> Shape {
        Shape {
            samples_per_frame: FRAME,
            frames: 20,
            tracks,
            scope: Scope::All,
            distance: false,
            classes: 2,
            device: Device::Cpu,
        }
    }

    fn always_mixed() -> TrainConfig {
        let augment = AugmentConfig { rotation: RotationKind::Yaw, mixup: 1.0, ..AugmentConfig::default() };
        TrainConfig { augment, ..TrainConfig::default() }
    }

    #[test]
    fn in_a_mixture_every_event_is_heard_where_its_label_says() {
        let folder = tempfile::tempdir().unwrap();
        let direction = |azimuth_deg, elevation_deg| Direction { azimuth_deg, elevation_deg };
        let first = recording(folder.path(), "first", 0, direction(30.0, 20.0));
        let second = recording(folder.path(), "second", 1, direction(-120.0, -50.0));
        let side = Side::new(vec![(&first, 0), (&second, 1)], shape(1)).unwrap();
        let chunks = side.draw(&always_mixed(), 0.0, 3, 1);
        assert!(chunks.iter().any(|chunk| chunk.partner.is_some()));
        for chunk in chunks.iter().filter(|chunk| chunk.partner.is_some()) {
            let own = side.waveform(&[Some((chunk.place, chunk.variation.rotation))]).unwrap();
            let mixture = (own + side.waveform(&[chunk.partner]).unwrap()).get(0);
            let target = side.target(std::slice::from_ref(chunk));
            for frame in 1..19 {
                let along = |channel| {
                    let piece = |c: i64| mixture.get(c).narrow(0, frame * FRAME as i64, FRAME as i64);
                    (piece(0) * piece(channel)).sum(tch::Kind::Double).double_value(&[])
                };
                let heard = Direction::from_vector([along(3), along(1), along(2)]);
                let label = [0, 1, 2].map(|axis| target.direction.double_value(&[0, frame, 0, axis]));
                assert_eq!(target.activity.get(0).get(frame).sum(tch::Kind::Float).double_value(&[]), 1.0);
                assert!(heard.angle_to(Direction::from_vector(label)) < 0.5, "frame {frame} of {chunk:?}");
            }
        }
    }

    #[test]
    fn labels_without_distances_are_refused_where_these_are_learned() {
        let folder = tempfile::tempdir().unwrap();
        let ahead = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        let recording = recording(folder.path(), "a", 1, ahead);
        let error = Side::new(vec![(&recording, 0)], Shape { distance: true, ..shape(1) }).err().unwrap();
        assert!(error.is_input());
        let text = error.to_string();
        let expected =
            format!("output.distance is true, and the labels of {} say no distance", recording.name);
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn of_class_wise_targets_every_class_has_its_own_slots() {
        let ahead = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        let left = Direction { azimuth_deg: 90.0, elevation_deg: 0.0 };
        let event = |class, source, direction, distance_m| FrameEvent {
            frame: 0,
            class,
            source,
            direction,
            distance_m,
        };
        let recording = Recording::named("a", 2 * RATE as u64).with_events(vec![
            event(0, 0, ahead, Some(2.0)),
            event(1, 1, left, Some(3.0)),
            event(1, 2, ahead, Some(4.0)),
        ]);
        let shape = Shape { scope: Scope::Class, distance: true, ..shape(2) };
        let side = Side::new(vec![(&recording, 0)], shape).unwrap();
        let target = side.target(&side.cover()[..1]);
        assert_eq!(target.direction.size(), [1, 20, 2, 2, 3]);
        let distance = target.distance.unwrap().get(0).get(0);
        assert_eq!(distance, Tensor::from_slice(&[2f32, 3.0, 0.0, 4.0]).view([2, 2]));
        assert_eq!(target.activity.get(0).get(0), distance.gt(0.0).to_kind(tch::Kind::Float));
        let of_second = target.direction.get(0).get(0).get(0).get(1);
        assert!((of_second - Tensor::from_slice(&[0f32, 1.0, 0.0])).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(side.class_frames(), [1, 1]);
    }

    #[test]
    fn no_more_events_are_mixed_than_there_are_tracks() {
        let folder = tempfile::tempdir().unwrap();
        let direction = Direction { azimuth_deg: 0.0, elevation_deg: 0.0 };
        let both: Vec<Recording> =
            ["a", "b"].iter().map(|name| recording(folder.path(), name, 1, direction)).collect();
        let mixed = |tracks| {
            let side = Side::new(both.iter().zip(0..).collect(), shape(tracks)).unwrap();
            (1..9).any(|epoch| side.draw(&always_mixed(), 0.0, 3, epoch).iter().any(|c| c.partner.is_some()))
        };
        assert!(!mixed(1));
        assert!(mixed(2));
    }
}
