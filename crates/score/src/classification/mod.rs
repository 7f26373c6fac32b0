//! Gene-based classification: what frozen cell embeddings say of the cells' labels.

mod linear_probe;
mod neighbours;

pub use linear_probe::{Choose, LinearProbe, ProbeResult, linear_probe};
pub use neighbours::knn;

use genil_base::{Error, Result};

/// The share of labels that are right, in 0..=1; NaN of none. Labels beyond the shorter list are not compared.
pub fn accuracy(predictions: &[u32], truth: &[u32]) -> f64 {
    let pairs = predictions.len().min(truth.len());
    let right = predictions.iter().zip(truth).filter(|(p, t)| p == t).count();
    right as f64 / pairs as f64
}

/// The unweighted mean of every class's F1, `2·TP / (2·TP + FP + FN)`, in 0..=1; NaN of no label.
///
/// The classes are those that occur among predictions or truth, as in scikit-learn.
pub fn macro_f1(predictions: &[u32], truth: &[u32]) -> f64 {
    let classes = predictions.iter().chain(truth).max().map_or(0, |&m| m as usize + 1);
    let table = confusion(predictions, truth, classes);
    let mut scores = Vec::new();
    for class in 0..classes {
        let of_truth: usize = table[class].iter().sum();
        let of_predictions: usize = table.iter().map(|row| row[class]).sum();
        if of_truth + of_predictions > 0 {
            scores.push(2.0 * table[class][class] as f64 / (of_truth + of_predictions) as f64);
        }
    }
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// Counts `[truth][prediction]`, `classes` × `classes`; pairs with a label outside are left out.
pub fn confusion(predictions: &[u32], truth: &[u32], classes: usize) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; classes]; classes];
    for (&p, &t) in predictions.iter().zip(truth) {
        if let Some(count) = table.get_mut(t as usize).and_then(|row| row.get_mut(p as usize)) {
            *count += 1;
        }
    }
    table
}

/// Embeddings whose shape, labels and indices have been checked.
struct Cells<'a> {
    x: &'a [f32],
    labels: &'a [u32],
    /// Length of one embedding.
    d: usize,
}

impl<'a> Cells<'a> {
    /// `x` is N × d for N labels; `parts` are lists of cells.
    fn new(x: &'a [f32], labels: &'a [u32], classes: usize, parts: &[&[usize]]) -> Result<Self> {
        let n = labels.len();
        if n == 0 || !x.len().is_multiple_of(n) {
            let numbers = x.len();
            return Err(Error::new(format!(
                "{numbers} numbers are no whole embeddings of {n} labelled cells"
            )));
        }
        if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(Error::new(format!("label {label} is none of the {classes} classes")));
        }
        if let Some(cell) = parts.iter().copied().flatten().find(|&&cell| cell >= n) {
            return Err(Error::new(format!("cell {cell} is none of the {n} labelled cells")));
        }
        if let Some(at) = x.iter().position(|v| !v.is_finite()) {
            let cell = at / (x.len() / n);
            return Err(Error::new(format!("the embedding of cell {cell} is not finite"))
                .help("the model has diverged: train with a smaller learning rate"));
        }
        Ok(Self { x, labels, d: x.len() / n })
    }

    fn embedding(&self, cell: usize) -> &'a [f32] {
        &self.x[cell * self.d..(cell + 1) * self.d]
    }

    fn labels_of(&self, cells: &[usize]) -> Vec<u32> {
        cells.iter().map(|&cell| self.labels[cell]).collect()
    }
}

/// `Σ f(a, b)` over two embeddings, in eight partial sums of fixed order: compilers make SIMD of it, and the bits are
/// the same on every machine.
fn sum_pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(&a, &b)| f(a, b)).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Sixty cells of three overlapping classes in three dimensions; the first forty are for training.
#[cfg(test)]
fn three_classes() -> (Vec<f32>, Vec<u32>, Vec<usize>, Vec<usize>) {
    let mut x = Vec::new();
    for i in 0..60 {
        let (t, class) = (f64::from(i), f64::from(i % 3));
        x.push(((t * 0.7).sin() + class * 0.8) as f32);
        x.push(((t * 1.3).cos() - class * 0.5) as f32);
        x.push((t * t * 0.1).sin() as f32);
    }
    (x, (0..60).map(|i| i % 3).collect(), (0..40).collect(), (40..60).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_measures_agree_with_scikit_learn() {
        let truth = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3];
        let predictions = [0, 0, 1, 1, 2, 2, 2, 2, 0, 2];
        assert_eq!(accuracy(&predictions, &truth), 0.6);
        assert!((macro_f1(&predictions, &truth) - 0.458_333_333_333_333_3).abs() < 1e-12);
        let table = vec![vec![2, 1, 0, 0], vec![0, 1, 1, 0], vec![1, 0, 3, 0], vec![0, 0, 1, 0]];
        assert_eq!(confusion(&predictions, &truth, 4), table);
        // A class that is only predicted counts with 0.
        assert!((macro_f1(&[0, 2, 1, 1], &[0, 0, 1, 1]) - 0.555_555_555_555_555_5).abs() < 1e-12);
    }

    #[test]
    fn no_label_has_no_score() {
        assert!(accuracy(&[], &[]).is_nan());
        assert!(macro_f1(&[], &[]).is_nan());
        assert_eq!(confusion(&[5], &[0], 2), vec![vec![0, 0], vec![0, 0]]);
    }

    #[test]
    fn wrong_shapes_are_errors() {
        let message = |x: &[f32], labels: &[u32], part: &[usize]| {
            Cells::new(x, labels, 2, &[part]).err().map(|e| e.what().to_owned()).unwrap()
        };
        assert!(message(&[1.0; 5], &[0, 1], &[]).contains("no whole embeddings"));
        assert!(message(&[], &[], &[]).contains("no whole embeddings"));
        assert!(message(&[1.0; 4], &[0, 2], &[]).contains("label 2"));
        assert!(message(&[1.0; 4], &[0, 1], &[2]).contains("cell 2"));
        assert!(message(&[1.0, 1.0, f32::NAN, 1.0], &[0, 1], &[0]).contains("cell 1 is not finite"));
    }

    proptest! {
        #[test]
        fn scores_do_not_depend_on_the_order_of_cells(
            pairs in prop::collection::vec((0..4u32, 0..4u32), 1..40)
        ) {
            let (p, t): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let (pr, tr): (Vec<u32>, Vec<u32>) = pairs.iter().rev().copied().unzip();
            prop_assert_eq!(accuracy(&p, &t), accuracy(&pr, &tr));
            prop_assert_eq!(macro_f1(&p, &t), macro_f1(&pr, &tr));
            prop_assert!((0.0..=1.0).contains(&macro_f1(&p, &t)));
        }
    }
}
