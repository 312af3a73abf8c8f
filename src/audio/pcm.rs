//! Stored samples to `f32`, a block at a time.

use serde::{Deserialize, Serialize};

/// How a sample is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// 16 bit integers.
    Int16,
    /// 24 bit integers in three bytes.
    Int24,
    /// 32 bit integers.
    Int32,
    /// 32 bit IEEE floats.
    Float32,
}

/// The largest `f32` below 1.
const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;

impl Encoding {
    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::Int16 => 2,
            Self::Int24 => 3,
            Self::Int32 | Self::Float32 => 4,
        }
    }

    /// Name and width, for people: "16 bit integer".
    pub fn name(self) -> &'static str {
        match self {
            Self::Int16 => "16 bit integer",
            Self::Int24 => "24 bit integer",
            Self::Int32 => "32 bit integer",
            Self::Float32 => "32 bit float",
        }
    }

    /// Decodes interleaved samples, one output slice a channel; as many as the shortest of input and outputs
    /// holds. Integers come out in [-1, 1), floats as they are, also when they are not finite.
    pub fn decode(self, interleaved: &[u8], channels: &mut [&mut [f32]]) {
        match self {
            Self::Int16 => decode(interleaved, channels, int16),
            Self::Int24 => decode(interleaved, channels, int24),
            Self::Int32 => decode(interleaved, channels, int32),
            Self::Float32 => decode(interleaved, channels, f32::from_le_bytes),
        }
    }
}

fn int16(bytes: [u8; 2]) -> f32 {
    f32::from(i16::from_le_bytes(bytes)) * (1.0 / 32_768.0)
}

fn int24([low, middle, high]: [u8; 3]) -> f32 {
    // In the upper bytes first, for the sign. 24 bits fit a float exactly.
    (i32::from_le_bytes([0, low, middle, high]) >> 8) as f32 * (1.0 / 8_388_608.0)
}

fn int32(bytes: [u8; 4]) -> f32 {
    // In double precision and then cut: integers just below full scale would round to 1.
    let value = f64::from(i32::from_le_bytes(bytes)) * (1.0 / 2_147_483_648.0);
    (value as f32).min(BELOW_ONE)
}

fn decode<const W: usize>(interleaved: &[u8], channels: &mut [&mut [f32]], sample: impl Fn([u8; W]) -> f32) {
    let (samples, _) = interleaved.as_chunks::<W>();
    // The usual case, which the compiler turns into shuffles when it sees the number.
    if let [w, y, z, x] = channels {
        let (frames, _) = samples.as_chunks::<4>();
        let outputs = w.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()).zip(x.iter_mut());
        for (frame, (((w, y), z), x)) in frames.iter().zip(outputs) {
            [*w, *y, *z, *x] = frame.map(&sample);
        }
        return;
    }
    let count = channels.len().max(1);
    for (index, channel) in channels.iter_mut().enumerate() {
        for (value, bytes) in channel.iter_mut().zip(samples.iter().skip(index).step_by(count)) {
            *value = sample(*bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(encoding: Encoding, bytes: &[u8]) -> f32 {
        let mut value = [0.0];
        encoding.decode(bytes, &mut [&mut value]);
        value[0]
    }

    #[test]
    fn full_scale_stays_below_one() {
        assert_eq!(one(Encoding::Int16, &i16::MIN.to_le_bytes()), -1.0);
        assert_eq!(one(Encoding::Int16, &16384i16.to_le_bytes()), 0.5);
        assert_eq!(one(Encoding::Int24, &[0, 0, 0xC0]), -0.5);
        assert_eq!(one(Encoding::Int24, &[0xFF, 0xFF, 0x7F]), 8_388_607.0 / 8_388_608.0);
        assert!(one(Encoding::Int32, &i32::MAX.to_le_bytes()) < 1.0);
        assert_eq!(one(Encoding::Int32, &i32::MIN.to_le_bytes()), -1.0);
        assert_eq!(one(Encoding::Float32, &1.5f32.to_le_bytes()), 1.5);
    }

    #[test]
    fn channels_come_apart_whatever_their_number() {
        for count in 1..6 {
            let bytes: Vec<u8> = (0..count * 7).flat_map(|n| (n as f32).to_le_bytes()).collect();
            let mut planes = vec![vec![0.0; 7]; count];
            let mut outputs: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
            Encoding::Float32.decode(&bytes, &mut outputs);
            for (channel, plane) in planes.iter().enumerate() {
                let expected: Vec<f32> = (0..7).map(|n| (n * count + channel) as f32).collect();
                assert_eq!(*plane, expected);
            }
        }
    }
}
