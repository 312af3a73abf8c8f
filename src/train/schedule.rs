//! Learning rate by step: linear warm-up, then a cosine to zero.

/// The learning rate at `step` (from 0) of `total` steps, of which the first `warmup` climb to `peak`.
pub(super) fn learning_rate(peak: f64, step: u64, warmup: u64, total: u64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
    peak * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::learning_rate;

    #[test]
    fn climbs_then_falls_to_zero() {
        let rates: Vec<f64> = (0..=100).map(|step| learning_rate(2.0, step, 10, 100)).collect();
        assert!(rates[..10].is_sorted());
        assert!((rates[9] - 2.0).abs() < 1e-12);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b));
        assert!(rates[100].abs() < 1e-12);
    }

    #[test]
    fn warm_up_longer_than_training_still_trains() {
        assert!(learning_rate(1.0, 0, 50, 5) > 0.0);
    }
}
