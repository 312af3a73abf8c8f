//! What the frozen blocks of the tagger make of the chunks of a batch: read from the cache, or computed.

use tch::{Device, Kind, Tensor};

use super::Error;
use super::data::Batch;
use super::descriptors::Subject;
use crate::backbone::prefix_cache::{ALLOWANCE, FOLDER};
use crate::backbone::{PrefixCache, PrefixKey, Tap};
use crate::cache::Room;
use crate::dataset::Recording;
use crate::dataset::augment::Rotation;
use crate::model::align::{LABEL_FRAME_S, Starts};
use crate::model::arch::{Architecture, TaggerInput};
use crate::model::prior::{self, Heard, Prior};
use crate::model::signals::Signals;

/// Bytes of a value.
const BYTES: f64 = 4.0;
/// Bytes that a recording takes beside its sound: silence after it, and the header of its file.
const BYTES_BESIDE: u64 = 4096;

/// Where batches take from what the frozen blocks make of their sound.
pub(super) struct Prefixes {
    cache: Option<PrefixCache>,
    signals: Signals,
    /// Whether signals of a scene that is turned by any angle are taken as those of the scene as it was.
    all_around: bool,
    tap: Tap,
    /// Frames that are read for a chunk.
    frames: i64,
}

impl Prefixes {
    /// What the architecture asks for, with files in the folder `cache`. What is not there is computed first, together
    /// with other processes that want the same. Where it takes more room than there is, batches compute it.
    ///
    /// # Errors
    /// Recordings that cannot be read, the disk.
    pub(super) fn open(
        cache: &std::path::Path,
        arch: &Architecture,
        prior: &Prior,
        subject: Subject,
    ) -> Result<Self, Error> {
        let tap = prior.prefix_tap();
        let frames = prior.prefix_frames(f64::from(arch.train.chunk_frames()) * LABEL_FRAME_S);
        let signals = Signals::new(arch.backbone.input, subject.device);
        let cache = match arch.caches_prefix() {
            true => Self::open_cache(&cache.join(FOLDER), prior, tap, subject)?,
            false => {
                if let Some((key, why)) = arch.why_prefix_not_cached() {
                    tracing::warn!("the tagger hears every batch anew, because of {key}: {why}");
                }
                None
            }
        };
        Ok(Self { cache, signals, all_around: arch.hears_all_around(), tap, frames })
    }

    fn open_cache(
        folder: &std::path::Path,
        prior: &Prior,
        tap: Tap,
        subject: Subject,
    ) -> Result<Option<PrefixCache>, Error> {
        let Subject { recordings, sample_rate, fingerprint, device, .. } = subject;
        let input = prior.signals().input();
        let key = PrefixKey {
            weights_sha256: prior.tagger().weights_sha256().to_owned(),
            tagger: prior.tagger().name().to_owned(),
            tap: tap.name.to_owned(),
            bands: tap.bands,
            input: input.name().to_owned(),
            level: prior.gain(),
            sample_rate,
            data: fingerprint.to_owned(),
            device: if device.is_cuda() { "cuda" } else { "cpu" }.to_owned(),
        };
        let names: Vec<String> = recordings.iter().map(|recording| recording.name.clone()).collect();
        let compute = |index: usize| -> Result<Tensor, Error> {
            let sound = heard(recordings[index], input)?;
            Ok(prior.prefix_of_heard(&sound, device).to(Device::Cpu))
        };
        let room = Room::of(folder, ALLOWANCE)?;
        let seconds = |recording: &&Recording| f64::from(recording.frames) * LABEL_FRAME_S;
        let values = recordings.iter().map(seconds).sum::<f64>() * prior.prefix_values_per_second();
        let bytes = (values * BYTES) as u64 + recordings.len() as u64 * BYTES_BESIDE;
        let cache = PrefixCache::open(&room, &key, &names, bytes, &compute)?;
        if cache.is_none() {
            tracing::warn!(
                "what the frozen blocks of {} make of this dataset takes {:.1} GB, and the cache {} may take {:.1} GB, some \
                 of which may be in use: it is computed for every batch instead. {} sets how much it may take",
                key.tagger,
                bytes as f64 / 1e9,
                room.folder().display(),
                room.limit() as f64 / 1e9,
                ALLOWANCE.variable,
            );
        }
        Ok(cache)
    }

    /// Whether batches need their sound for it.
    pub(super) fn needs_sound(&self) -> bool {
        self.cache.is_none()
    }

    /// What the cache has of chunks: each is a recording, its first label frame, and how the scene is turned. `None` when
    /// nothing is cached.
    pub(super) fn read(
        &self,
        chunks: &[(usize, u32, Rotation)],
        device: Device,
    ) -> Result<Option<Heard>, Error> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let mut first_s = Vec::with_capacity(chunks.len());
        let mut rows = Vec::with_capacity(chunks.len());
        for &(recording, first_frame, rotation) in chunks {
            let begin_s = f64::from(first_frame) * LABEL_FRAME_S;
            let (first, at_s) = prior::first_frame(&self.tap, begin_s);
            first_s.push(at_s);
            // [T, N, C, F]
            let frames = cache.frames(recording, first, self.frames);
            rows.push(match self.signals.turned(rotation) {
                Some(places) if places.iter().zip(0..).all(|(place, index)| *place == index) => frames,
                Some(places) => frames.index_select(1, &Tensor::from_slice(&places)),
                None if self.all_around => frames,
                None => {
                    let what = format!("{rotation:?} turns what the tagger hears, and it is cached");
                    return Err(Error::Bug(what));
                }
            });
        }
        let frames = Tensor::stack(&rows, 0).to(device).permute([0, 2, 3, 1, 4]);
        Ok(Some(Heard { frames, starts: Starts::Each(first_s) }))
    }

    /// What the prefix made of the chunks of a batch.
    pub(super) fn heard(&self, prior: &Prior, batch: &Batch) -> Result<Heard, Error> {
        match (&batch.prefix, &batch.sound) {
            (Some(Heard { frames, starts }), _) if batch.mixed.is_empty() => {
                Ok(Heard { frames: frames.shallow_clone(), starts: starts.clone() })
            }
            (Some(Heard { frames, starts: Starts::Each(first_s) }), Some(sound)) => {
                let rows = Tensor::from_slice(&batch.mixed).to(sound.device());
                let mixed = self.compute(prior, &sound.index_select(0, &rows));
                let mut first_s = first_s.clone();
                batch.mixed.iter().for_each(|row| first_s[*row as usize] = self.tap.first_s);
                Ok(Heard { frames: frames.index_copy(0, &rows, &mixed), starts: Starts::Each(first_s) })
            }
            (None, Some(sound)) => {
                Ok(Heard { frames: self.compute(prior, sound), starts: Starts::All(self.tap.first_s) })
            }
            _ => Err(Error::Bug("a batch has no sound for the tagger".into())),
        }
    }

    /// What the frozen blocks make of chunks `[B, 4, S]`, each on its own: `[B, N, C, T, F]`, as many frames as are read
    /// for a chunk; what lies after the end is the last frame.
    fn compute(&self, prior: &Prior, sound: &Tensor) -> Tensor {
        let _guard = tch::no_grad_guard();
        let frames = prior.hear(sound).frames;
        let count = frames.size()[3];
        let last = Tensor::arange(self.frames, (Kind::Int64, frames.device())).clamp_max(count - 1);
        frames.index_select(3, &last)
    }
}

/// The channels of a recording that the tagger's input is made of, one after the other.
fn heard(recording: &Recording, input: TaggerInput) -> Result<Vec<f32>, Error> {
    Ok(match input {
        TaggerInput::Omni => recording.read_channel0()?,
        TaggerInput::Channels | TaggerInput::Beams => recording.read(0, recording.samples as usize)?,
    })
}
