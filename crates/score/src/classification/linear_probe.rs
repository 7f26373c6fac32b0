//! A linear classifier on frozen embeddings.

use super::{Cells, accuracy, macro_f1, sum_pairs};
use genil_base::random::Key;
use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};

/// Adam's decay rates and the number that keeps its division finite, as in PyTorch.
const BETA: (f32, f32) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// The authors' code looks at the test part ten times in a training.
const PAPER_LOOKS: usize = 10;

/// Settings of [`linear_probe`]; the defaults are those of Qi et al., AAAI 2026, arXiv 2511.13762.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearProbe {
    /// Adam's learning rate, above 0.
    pub learning_rate: f64,
    /// Cells per step, at least 1.
    pub batch: usize,
    /// Passes over the training cells, at least 1.
    pub epochs: usize,
    /// Which epoch's classifier is kept.
    pub choose: Choose,
    /// Whether every feature is brought to mean 0 and variance 1 of the training cells; the paper does not.
    pub standardise: bool,
}

impl Default for LinearProbe {
    fn default() -> Self {
        Self { learning_rate: 5e-3, batch: 64, epochs: 50, choose: Choose::Validation, standardise: false }
    }
}

/// Which epoch's classifier is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choose {
    /// The best accuracy on the validation cells (ties: the lower cross-entropy, then the earlier
    /// epoch); the last epoch where there are no validation cells.
    Validation,
    /// The best of ten accuracies on the test cells, as the authors' code does. It flatters: for comparison only.
    PaperBestOfTest,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeResult {
    /// The predicted class of every test cell, in the order of `test`.
    pub predictions: Vec<u32>,
    /// Accuracy on the test cells, in 0..=1; NaN without a test cell.
    pub accuracy: f64,
    /// Macro F1 on the test cells, in 0..=1; NaN without a test cell.
    pub macro_f1: f64,
    /// The epoch whose classifier was kept, from 1.
    pub epoch: usize,
}

/// Softmax regression on embeddings `x` (N × d) with N `labels` below `classes`.
///
/// Cross-entropy, Adam, shuffled mini-batches, PyTorch's initial weights (uniform in ±1/√d). Trained on the cells of
/// `train`, the epoch chosen as [`Choose`] says, measured on `test`. Everything random is a function of `key`.
///
/// # Errors
/// A shape, label or index that does not fit, an embedding that is not finite, no training cell, a setting out
/// of range.
#[expect(
    clippy::too_many_arguments,
    reason = "data, its three parts, settings, key: each is one plain thing"
)]
pub fn linear_probe(
    x: &[f32],
    labels: &[u32],
    classes: usize,
    train: &[usize],
    validation: &[usize],
    test: &[usize],
    settings: &LinearProbe,
    key: Key,
) -> Result<ProbeResult> {
    settings.check()?;
    let cells = Cells::new(x, labels, classes, &[train, validation, test])?;
    if train.is_empty() || cells.d == 0 {
        return Err(Error::new("a probe needs training cells and embeddings of at least one number"));
    }
    let scaled = settings.standardise.then(|| standardise(&cells, train));
    let cells = Cells { x: scaled.as_deref().unwrap_or(x), ..cells };
    let look = match settings.choose {
        Choose::Validation => validation,
        Choose::PaperBestOfTest => test,
    };
    let every = match settings.choose {
        Choose::Validation => 1,
        Choose::PaperBestOfTest => settings.epochs.div_ceil(PAPER_LOOKS),
    };
    let truth = cells.labels_of(look);

    let mut model = Softmax::new(classes, cells.d, key);
    let mut order = train.to_vec();
    let mut best: Option<(f64, f64)> = None;
    let mut kept = (Vec::new(), settings.epochs);
    for epoch in 1..=settings.epochs {
        key.with(epoch as u64).shuffle(&mut order);
        for batch in order.chunks(settings.batch) {
            model.step(&cells, batch, settings.learning_rate as f32);
        }
        if look.is_empty() || (epoch % every != 0 && epoch != settings.epochs) {
            continue;
        }
        let (predictions, loss) = model.predict(&cells, look);
        let score = (accuracy(&predictions, &truth), -loss);
        if best.is_none_or(|best| score > best) {
            best = Some(score);
            kept = (model.weights.clone(), epoch);
        }
    }
    if best.is_some() {
        model.weights = kept.0;
    }
    let (predictions, _) = model.predict(&cells, test);
    let truth = cells.labels_of(test);
    Ok(ProbeResult {
        accuracy: accuracy(&predictions, &truth),
        macro_f1: macro_f1(&predictions, &truth),
        predictions,
        epoch: kept.1,
    })
}

impl LinearProbe {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A learning rate that is not above 0, a batch or a number of epochs of 0.
    pub fn check(&self) -> Result<()> {
        let bad = |key: &str, value: &dyn std::fmt::Display| {
            Err(Error::new(format!("probe: {key} = {value} must be above 0")))
        };
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return bad("learning_rate", &self.learning_rate);
        }
        if self.batch == 0 {
            return bad("batch", &self.batch);
        }
        if self.epochs == 0 {
            return bad("epochs", &self.epochs);
        }
        Ok(())
    }
}

/// All embeddings, each feature with mean 0 and variance 1 over `train`; a constant feature becomes 0.
fn standardise(cells: &Cells, train: &[usize]) -> Vec<f32> {
    let d = cells.d;
    let n = train.len() as f64;
    let (mut mean, mut variance) = (vec![0.0f64; d], vec![0.0f64; d]);
    for &cell in train {
        for (m, &v) in mean.iter_mut().zip(cells.embedding(cell)) {
            *m += f64::from(v) / n;
        }
    }
    for &cell in train {
        for ((s, m), &v) in variance.iter_mut().zip(&mean).zip(cells.embedding(cell)) {
            *s += (f64::from(v) - m).powi(2) / n;
        }
    }
    let scale = |i: usize, v: f32| {
        if variance[i] > 0.0 { ((f64::from(v) - mean[i]) / variance[i].sqrt()) as f32 } else { 0.0 }
    };
    cells.x.iter().enumerate().map(|(at, &v)| scale(at % d, v)).collect()
}

/// Softmax regression with Adam's state. One flat array of `classes` × (d + 1): each class's weights, then its bias.
struct Softmax {
    classes: usize,
    d: usize,
    weights: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Softmax {
    fn new(classes: usize, d: usize, key: Key) -> Self {
        let bound = 1.0 / (d as f64).sqrt();
        let init = key.with(0);
        let size = classes * (d + 1);
        let weights = (0..size as u64).map(|i| ((2.0 * init.uniform(i) - 1.0) * bound) as f32).collect();
        Self { classes, d, weights, first: vec![0.0; size], second: vec![0.0; size], steps: 0 }
    }

    /// Writes the class probabilities of one embedding.
    fn probabilities(&self, embedding: &[f32], out: &mut [f32]) {
        for (logit, row) in out.iter_mut().zip(self.weights.chunks_exact(self.d + 1)) {
            *logit = sum_pairs(embedding, &row[..self.d], |a, b| a * b) + row[self.d];
        }
        let most = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        out.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
        let sum: f32 = out.iter().sum();
        out.iter_mut().for_each(|p| *p /= sum);
    }

    /// One step of Adam on the mean cross-entropy of `batch`.
    fn step(&mut self, cells: &Cells, batch: &[usize], learning_rate: f32) {
        let d = self.d;
        let mut gradient = vec![0.0f32; self.weights.len()];
        let mut p = vec![0.0f32; self.classes];
        for &cell in batch {
            let embedding = cells.embedding(cell);
            self.probabilities(embedding, &mut p);
            p[cells.labels[cell] as usize] -= 1.0;
            for (&error, row) in p.iter().zip(gradient.chunks_exact_mut(d + 1)) {
                let error = error / batch.len() as f32;
                row[..d].iter_mut().zip(embedding).for_each(|(g, &v)| *g += error * v);
                row[d] += error;
            }
        }
        self.steps = self.steps.saturating_add(1);
        let correct_first = 1.0 - BETA.0.powi(self.steps);
        let correct_second = 1.0 - BETA.1.powi(self.steps);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (m, v)) in self.weights.iter_mut().zip(gradient).zip(moments) {
            *m = BETA.0 * *m + (1.0 - BETA.0) * g;
            *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
            *w -= learning_rate * (*m / correct_first) / ((*v / correct_second).sqrt() + EPSILON);
        }
    }

    /// The most probable class of each cell (the first of equals) and the mean cross-entropy.
    fn predict(&self, cells: &Cells, which: &[usize]) -> (Vec<u32>, f64) {
        let mut p = vec![0.0f32; self.classes];
        let mut loss = 0.0;
        let predictions = which
            .iter()
            .map(|&cell| {
                self.probabilities(cells.embedding(cell), &mut p);
                loss -= f64::from(p[cells.labels[cell] as usize].max(f32::MIN_POSITIVE)).ln();
                (0..self.classes).fold(0, |best, c| if p[c] > p[best] { c } else { best }) as u32
            })
            .collect();
        (predictions, loss / which.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::three_classes;
    use super::*;
    use genil_base::random::Purpose;

    fn key(seed: u64) -> Key {
        Key::new(seed, Purpose::Probe)
    }

    #[test]
    fn nine_steps_of_adam_agree_with_pytorch() {
        let (x, labels, train, _) = three_classes();
        let cells = Cells::new(&x, &labels, 3, &[]).unwrap();
        let mut model = Softmax::new(3, 3, key(0));
        for (c, bias) in [0.1, -0.2, 0.05].into_iter().enumerate() {
            for k in 0..3 {
                model.weights[c * 4 + k] = (((c * 3 + k) % 5) as f32 - 2.0) * 0.1;
            }
            model.weights[c * 4 + 3] = bias;
        }
        for _ in 0..3 {
            train.chunks(16).for_each(|batch| model.step(&cells, batch, 5e-3));
        }
        let golden = [
            [-0.244_502_47, -0.055_175_073, 0.044_227_283, 0.108_276_15],
            [0.097_927_21, 0.175_159_17, -0.243_641_8, -0.177_728_38],
            [-0.055_569_455, -0.043_732_427, 0.106_161_04, 0.017_120_678],
        ];
        for (w, g) in model.weights.iter().zip(golden.as_flattened()) {
            assert!((w - g).abs() < 1e-5, "{w} is not {g}");
        }
    }

    #[test]
    fn long_training_ends_where_scikit_learn_ends() {
        let (x, labels, train, test) = three_classes();
        let settings = LinearProbe { epochs: 1_500, batch: 40, learning_rate: 0.02, ..Default::default() };
        let result = linear_probe(&x, &labels, 3, &train, &[], &test, &settings, key(1)).unwrap();
        let golden = [1, 2, 0, 0, 1, 0, 2, 2, 1, 0, 2, 0, 0, 1, 0, 2, 2, 1, 1, 2];
        assert_eq!(result.predictions, golden);
        assert_eq!(result.accuracy, 0.55);
        assert_eq!(result.epoch, 1_500);
    }

    #[test]
    fn the_choice_by_validation_never_sees_the_test_labels() {
        let (x, labels, train, test) = three_classes();
        let (train, validation) = train.split_at(30);
        let run = |labels: &[u32]| {
            linear_probe(&x, labels, 3, train, validation, &test, &LinearProbe::default(), key(2)).unwrap()
        };
        let mut other = labels.clone();
        test.iter().for_each(|&cell| other[cell] = 0);
        assert_eq!(run(&labels).epoch, run(&other).epoch);
        assert_eq!(run(&labels).predictions, run(&other).predictions);
    }

    #[test]
    fn the_papers_choice_is_never_below_the_honest_last_epoch() {
        let (x, labels, train, test) = three_classes();
        let last = LinearProbe::default();
        let paper = LinearProbe { choose: Choose::PaperBestOfTest, ..last.clone() };
        for seed in 0..5 {
            let run =
                |settings| linear_probe(&x, &labels, 3, &train, &[], &test, settings, key(seed)).unwrap();
            assert!(run(&paper).accuracy >= run(&last).accuracy);
            assert_eq!(run(&paper).epoch % 5, 0);
        }
    }

    #[test]
    fn standardised_features_ignore_scale_and_shift() {
        let (x, labels, train, test) = three_classes();
        let moved: Vec<f32> = x.iter().map(|v| v * 1_024.0 + 512.0).collect();
        let settings = LinearProbe { standardise: true, ..Default::default() };
        let run = |x: &[f32]| linear_probe(x, &labels, 3, &train, &[], &test, &settings, key(3)).unwrap();
        assert_eq!(run(&x).predictions, run(&moved).predictions);
    }

    #[test]
    fn the_same_key_gives_the_same_result() {
        let (x, labels, train, test) = three_classes();
        let run =
            || linear_probe(&x, &labels, 3, &train, &[], &test, &LinearProbe::default(), key(4)).unwrap();
        assert_eq!(run(), run());
    }

    #[test]
    fn what_cannot_be_trained_is_an_error() {
        let good = LinearProbe::default();
        let run = |train: &[usize], settings: &LinearProbe| {
            linear_probe(&[0.0, 1.0], &[0, 1], 2, train, &[], &[], settings, key(5))
        };
        assert!(run(&[], &good).is_err());
        assert!(run(&[0], &LinearProbe { batch: 0, ..good.clone() }).is_err());
        assert!(run(&[0], &LinearProbe { epochs: 0, ..good.clone() }).is_err());
        assert!(run(&[0], &LinearProbe { learning_rate: f64::NAN, ..good.clone() }).is_err());
        let none = run(&[0, 1], &good).unwrap();
        assert!(none.predictions.is_empty() && none.accuracy.is_nan());
    }
}
