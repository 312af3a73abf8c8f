//! Which events sound when.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::bank::Bank;
use super::clip::{Clip, FRAME};
use super::error::SceneError;
use super::plan::{RecordingPlan, SynthConfig};

/// Events shorter than this are not cut at a recording's end but left out, in samples: 0.5 s.
const LEAST_CUT: usize = SAMPLE_RATE as usize / 2;
/// Classes that are tried for one place in time.
const TRIES: usize = 6;

/// An event and when it begins.
pub(super) struct Scheduled {
    /// Its class.
    pub(super) class: usize,
    /// Its first sample.
    pub(super) start: usize,
    /// Its sound.
    pub(super) clip: Clip,
}

impl Scheduled {
    /// Whether it sounds, or nearly so, anywhere in `from..to`.
    fn meets(&self, from: usize, to: usize) -> bool {
        self.start < to + FRAME && from < self.start + self.clip.samples.len() + FRAME
    }
}

/// The events of a recording. Each of `polyphony` layers holds one event at a time; their pauses are such that all
/// are silent together for the share of the time that the settings ask for.
pub(super) fn schedule(
    plan: &RecordingPlan,
    config: &SynthConfig,
    bank: &Bank,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Scheduled>, SceneError> {
    let total = plan.frames * FRAME;
    let pause_share = config.silence.powf(1.0 / config.polyphony as f64);
    let pause_per_sound = pause_share / (1.0 - pause_share);
    let mut scheduler = Scheduler { plan, config, bank, deck: Vec::new(), events: Vec::new() };
    for _ in 0..config.polyphony {
        let mut time = (rng.random_range(0.0..2.0) * pause_share * f64::from(SAMPLE_RATE)) as usize;
        while time + LEAST_CUT < total {
            let Some(event) = scheduler.draw(time, total, rng)? else {
                // Whatever could sound here already does.
                time += LEAST_CUT;
                continue;
            };
            let length = event.clip.samples.len();
            let pause = length as f64 * pause_per_sound * rng.random_range(0.3..1.7);
            scheduler.events.push(event);
            // At least a frame, so that a bank of nearly empty files comes to an end.
            time += (length + pause as usize).max(FRAME);
        }
    }
    Ok(scheduler.events)
}

struct Scheduler<'a> {
    plan: &'a RecordingPlan,
    config: &'a SynthConfig,
    bank: &'a Bank,
    /// Classes to come, from the end: all in turn, so that none is rare.
    deck: Vec<usize>,
    events: Vec<Scheduled>,
}

impl Scheduler<'_> {
    /// An event at `time`, or none where every class would overlap with itself and must not.
    fn draw(
        &mut self,
        time: usize,
        total: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Scheduled>, SceneError> {
        let sounding: Vec<usize> =
            self.events.iter().filter(|event| event.meets(time, time + 1)).map(|event| event.class).collect();
        if let Some(class) = sounding.choose(rng).filter(|_| rng.random_bool(self.config.same_class)) {
            return Ok(Some(self.event(*class, time, total, rng)?));
        }
        let mut refused = Vec::new();
        let mut found = None;
        for _ in 0..TRIES {
            let Some(class) = self.next_class(&sounding, &refused, rng) else { break };
            let event = self.event(class, time, total, rng)?;
            let end = time + event.clip.samples.len();
            if self.events.iter().any(|other| other.class == class && other.meets(time, end)) {
                refused.push(class);
                continue;
            }
            found = Some(event);
            break;
        }
        // Refused here, they are the first to be tried next.
        self.deck.extend(refused);
        Ok(found)
    }

    /// Takes the next class of the deck that is neither `sounding` nor `refused`.
    fn next_class(&mut self, sounding: &[usize], refused: &[usize], rng: &mut ChaCha8Rng) -> Option<usize> {
        let allowed = |class: &usize| !sounding.contains(class) && !refused.contains(class);
        if let Some(place) = self.deck.iter().rposition(allowed) {
            return Some(self.deck.remove(place));
        }
        let mut fresh: Vec<usize> = (0..self.bank.len()).collect();
        fresh.shuffle(rng);
        let place = fresh.iter().rposition(allowed)?;
        let class = fresh.remove(place);
        // Below what is left, which comes first.
        self.deck.splice(0..0, fresh);
        Some(class)
    }

    fn event(
        &self,
        class: usize,
        start: usize,
        total: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Scheduled, SceneError> {
        let samples = self.bank.draw(self.plan.subset, class, rng)?;
        Ok(Scheduled { class, start, clip: Clip::new(samples, total - start) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds in which two events of one class sound, and seconds in which any two do.
    fn overlaps(config: &SynthConfig, bank: &Bank) -> (f64, f64) {
        let (mut same, mut any) = (0.0, 0.0);
        for (number, plan) in config.recordings([4, 0, 2]).iter().enumerate() {
            let mut rng = crate::rng::stream(7, &["schedule", &number.to_string()]);
            let events = schedule(plan, config, bank, &mut rng).unwrap();
            for (i, a) in events.iter().enumerate() {
                for b in &events[..i] {
                    let from = a.start.max(b.start);
                    let to = (a.start + a.clip.samples.len()).min(b.start + b.clip.samples.len());
                    let seconds = to.saturating_sub(from) as f64 / f64::from(SAMPLE_RATE);
                    any += seconds;
                    same += if a.class == b.class { seconds } else { 0.0 };
                }
            }
        }
        (same, any)
    }

    #[test]
    fn overlap_of_one_class_with_itself_is_what_was_asked_for() {
        let bank = Bank::builtin();
        let share = |same_class: f64| {
            let config = SynthConfig { same_class, polyphony: 3, ..SynthConfig::new(3.0) };
            let (same, any) = overlaps(&config, &bank);
            assert!(any > 60.0, "{any}");
            same / any
        };
        assert_eq!(share(0.0), 0.0);
        assert!((0.2..0.6).contains(&share(0.5)), "{}", share(0.5));
        assert!(share(1.0) > 0.6, "{}", share(1.0));
    }

    #[test]
    fn a_bank_of_one_class_that_must_not_overlap_leaves_gaps() {
        let bank = Bank::builtin().select(&["knock".to_owned()]).unwrap();
        let config = SynthConfig { same_class: 0.0, polyphony: 3, ..SynthConfig::new(1.0) };
        assert_eq!(overlaps(&config, &bank), (0.0, 0.0));
    }

    #[test]
    fn no_class_is_rare() {
        let bank = Bank::builtin();
        let config = SynthConfig::new(6.0);
        let mut counts = vec![0; bank.len()];
        for (number, plan) in config.recordings([4, 0, 2]).iter().enumerate() {
            let mut rng = crate::rng::stream(7, &["rare", &number.to_string()]);
            for event in schedule(plan, &config, &bank, &mut rng).unwrap() {
                counts[event.class] += 1;
            }
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*least > 0 && most - least <= most / 2 + 2, "{counts:?}");
    }
}
