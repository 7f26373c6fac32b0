//! 95 % intervals: over the cells of one run, and over the seeds of several.

use genil_base::random::Key;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The probability that an interval leaves out, half of it on either side.
const OUTSIDE: f64 = 0.05;

/// A number with its 95 % interval. A bound that cannot be known (one seed, no cell) is NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    /// A value of which no interval is known.
    pub fn without_bounds(value: f64) -> Self {
        Self { value, low: f64::NAN, high: f64::NAN }
    }

    /// Whether both bounds are known.
    pub fn has_bounds(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// Whether two intervals share a point; `None` when a bound is unknown.
    pub fn overlaps(&self, other: &Self) -> Option<bool> {
        (self.has_bounds() && other.has_bounds()).then_some(self.low <= other.high && other.low <= self.high)
    }
}

/// The ratio `Σ sums / Σ weights` with its percentile bootstrap interval over cells.
///
/// The cell is the unit that is drawn again (Efron 1979): positions of one cell are not independent. A cell
/// brings its summed error (`sums`) and its number of positions (`weights`), so that the ratio is the mean over
/// positions. Draw `i` of resample `r` depends on `key`, `r` and `i` only: the same bits for any number
/// of threads.
///
/// With no cell, no weight or slices of different length, all three numbers are NaN; with one cell or no
/// resamples, the bounds are NaN.
pub fn bootstrap_mean(sums: &[f64], weights: &[f64], key: Key, resamples: usize) -> Interval {
    let cells = sums.len();
    let value = sums.iter().sum::<f64>() / weights.iter().sum::<f64>();
    if weights.len() != cells || !value.is_finite() {
        return Interval::without_bounds(f64::NAN);
    }
    if cells < 2 {
        return Interval::without_bounds(value);
    }
    let mut means: Vec<f64> = (0..resamples as u64)
        .into_par_iter()
        .filter_map(|r| {
            let draw = key.with(r);
            let (mut sum, mut weight) = (0.0, 0.0);
            for i in 0..cells {
                let cell = draw.below(i as u64, cells);
                sum += sums[cell];
                weight += weights[cell];
            }
            // A resample may consist of cells without a position.
            (weight > 0.0).then_some(sum / weight)
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Interval { value, low: quantile(&means, OUTSIDE / 2.0), high: quantile(&means, 1.0 - OUTSIDE / 2.0) }
}

/// The `q`-quantile of ascending numbers, linear between neighbours (type 7 of Hyndman and Fan 1996);
/// NaN of none.
fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    ascending[below] + (place - below as f64) * (ascending[above] - ascending[below])
}

/// The mean over seeds with Student's interval `mean ± t(0.975, n−1) · s/√n`.
///
/// One seed has no interval: its bounds are NaN. No seed: all three are NaN.
pub fn over_seeds(values: &[f64]) -> Interval {
    let n = values.len();
    if n == 0 {
        return Interval::without_bounds(f64::NAN);
    }
    let value = values.iter().sum::<f64>() / n as f64;
    match student(n).filter(|_| value.is_finite()) {
        None => Interval::without_bounds(value),
        Some(t) => {
            let half = t.inverse_cdf(1.0 - OUTSIDE / 2.0) * standard_error(values, value);
            Interval { value, low: value - half, high: value + half }
        }
    }
}

/// Student's distribution for `n` values; `None` below two.
pub(crate) fn student(n: usize) -> Option<StudentsT> {
    if n < 2 { None } else { StudentsT::new(0.0, 1.0, (n - 1) as f64).ok() }
}

/// `s / √n` with the sample standard deviation; 0 where all values are one.
pub(crate) fn standard_error(values: &[f64], mean: f64) -> f64 {
    let n = values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::new(0, Purpose::Bootstrap)
    }

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    /// 200 cells of 1 to 5 positions.
    fn cells() -> (Vec<f64>, Vec<f64>) {
        let weights: Vec<f64> = (0..200).map(|i| (1 + (i * 7) % 5) as f64).collect();
        let sums = (0..200).map(|i| weights[i] * (0.2 + ((i * 37) % 101) as f64 / 250.0)).collect();
        (sums, weights)
    }

    #[test]
    fn the_bootstrap_agrees_with_scipy_of_200_000_resamples() {
        let (sums, weights) = cells();
        let it = bootstrap_mean(&sums, &weights, key(), 20_000);
        close(it.value, 0.395_646_666_666_666_65, 1e-12);
        // The bounds' own sampling error at 20,000 resamples is about 0.0002.
        close(it.low, 0.377_982_8, 6e-4);
        close(it.high, 0.413_411_0, 6e-4);
    }

    #[test]
    fn the_bootstrap_gives_the_same_bits_for_any_number_of_threads() {
        let (sums, weights) = cells();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bootstrap_mean(&sums, &weights, key(), 500))
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn what_cannot_be_known_is_nan_and_never_a_panic() {
        assert!(bootstrap_mean(&[], &[], key(), 10).value.is_nan());
        assert!(bootstrap_mean(&[1.0], &[0.0], key(), 10).value.is_nan());
        assert!(bootstrap_mean(&[1.0, 2.0], &[1.0], key(), 10).value.is_nan());
        let one = bootstrap_mean(&[1.0], &[2.0], key(), 10);
        assert_eq!(one.value, 0.5);
        assert!(!one.has_bounds());
        assert!(!bootstrap_mean(&[1.0, 2.0], &[1.0, 1.0], key(), 0).has_bounds());
        assert!(over_seeds(&[]).value.is_nan());
        let one = over_seeds(&[0.3]);
        assert_eq!(one.value, 0.3);
        assert!(!one.has_bounds());
    }

    #[test]
    fn seeds_agree_with_scipy() {
        let it = over_seeds(&[0.253, 0.241, 0.262, 0.249, 0.270]);
        close(it.value, 0.255, 1e-12);
        close(it.low, 0.240_979_639_474_481_84, 1e-9);
        close(it.high, 0.269_020_360_525_518_2, 1e-9);
        let two = over_seeds(&[0.25, 0.24]);
        close(two.low, 0.181_468_976_319_126_45, 1e-9);
    }

    #[test]
    fn overlap_is_unknown_without_bounds() {
        let a = Interval { value: 1.0, low: 0.5, high: 1.5 };
        assert_eq!(a.overlaps(&Interval { value: 2.0, low: 1.5, high: 2.5 }), Some(true));
        assert_eq!(a.overlaps(&Interval { value: 2.0, low: 1.6, high: 2.5 }), Some(false));
        assert_eq!(a.overlaps(&Interval::without_bounds(1.0)), None);
    }

    proptest! {
        #[test]
        fn an_interval_over_seeds_contains_its_mean_and_ignores_their_order(
            values in prop::collection::vec(-1e3..1e3f64, 2..12)
        ) {
            let it = over_seeds(&values);
            prop_assert!(it.low <= it.value && it.value <= it.high);
            let backwards: Vec<f64> = values.iter().rev().copied().collect();
            let other = over_seeds(&backwards);
            prop_assert!((it.low - other.low).abs() < 1e-6 && (it.value - other.value).abs() < 1e-9);
        }

        #[test]
        fn bootstrap_bounds_lie_between_the_best_and_the_worst_cell(
            cells in prop::collection::vec((0.0..10.0f64, 1u8..9), 2..30)
        ) {
            let sums: Vec<f64> = cells.iter().map(|c| c.0).collect();
            let weights: Vec<f64> = cells.iter().map(|c| f64::from(c.1)).collect();
            let ratios = || cells.iter().map(|c| c.0 / f64::from(c.1));
            let least = ratios().fold(f64::INFINITY, f64::min) - 1e-9;
            let most = ratios().fold(0.0, f64::max) + 1e-9;
            let it = bootstrap_mean(&sums, &weights, key(), 200);
            prop_assert!(least <= it.low && it.low <= it.high && it.high <= most);
        }
    }
}
