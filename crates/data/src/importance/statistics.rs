//! The scores themselves, on plain slices: zeros are not listed, they are what is missing.

/// A class and a value > 0.
pub type Expressed = (u32, f64);

/// One-way analysis of variance: `F = (SSB / (k − 1)) / (SSW / (n − k))` for k classes of n cells,
/// SSB and SSW the sums of squares between and within classes. `sizes` are the numbers of cells of
/// each class, `expressed` those with a value > 0; all others are 0.
///
/// Range: 0 to ∞; infinite when classes differ and do not vary within. Nothing when the values are all
/// the same, with fewer than two classes, or with no more cells than classes. Equals scikit-learn's
/// `f_classif`.
pub fn anova_f(sizes: &[usize], expressed: &[Expressed]) -> Option<f64> {
    let n: usize = sizes.iter().sum();
    let classes = sizes.iter().filter(|size| **size > 0).count();
    let first = expressed.first()?.1;
    let constant = expressed.len() == n && expressed.iter().all(|&(_, value)| value == first);
    if classes < 2 || n <= classes || constant {
        return None;
    }
    let mut means = vec![0.0; sizes.len()];
    let mut zeros = sizes.to_vec();
    for &(class, value) in expressed {
        means[class as usize] += value;
        zeros[class as usize] -= 1;
    }
    let grand = means.iter().sum::<f64>() / n as f64;
    let (mut between, mut within) = (0.0, 0.0);
    for ((mean, &size), &zeros) in means.iter_mut().zip(sizes).zip(&zeros).filter(|((_, size), _)| **size > 0)
    {
        *mean /= size as f64;
        between += size as f64 * (*mean - grand).powi(2);
        within += zeros as f64 * mean.powi(2);
    }
    // Deviations from the mean instead of Σx² − (Σx)²/n, which loses digits.
    within += expressed.iter().map(|&(class, value)| (value - means[class as usize]).powi(2)).sum::<f64>();
    Some(between / (classes - 1) as f64 / (within / (n - classes) as f64))
}

/// Wilcoxon's rank-sum test of every class against the rest: its normal approximation, corrected for
/// ties, without continuity correction. For class c with `n_c` of n cells and rank sum `R_c`:
///
/// `z_c = (R_c − n_c (n + 1) / 2) / √(n_c (n − n_c) / 12 · ((n + 1) − Σ (t³ − t) / (n (n − 1))))`
///
/// over the sizes t of the groups of equal values. Positive where the class ranks higher than the
/// rest; 0 where it is empty or everyone, or where all values are the same. Arguments as for
/// [`anova_f`]. Equals the z of SciPy's `mannwhitneyu(method="asymptotic", use_continuity=False)`.
pub fn rank_sums(sizes: &[usize], expressed: &[Expressed]) -> Vec<f64> {
    let n = sizes.iter().sum::<usize>() as f64;
    let mut sorted = expressed.to_vec();
    sorted.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    // The zeros are the lowest block of ties: 1 to `zeros`, on average (zeros + 1) / 2.
    let zeros = n - sorted.len() as f64;
    let mut sums: Vec<f64> = sizes.iter().map(|&size| size as f64 * (zeros + 1.0) / 2.0).collect();
    let cubic = |t: f64| t * t * t - t;
    let mut ties = cubic(zeros);
    let mut before = zeros;
    for block in sorted.chunk_by(|a, b| a.1 == b.1) {
        let t = block.len() as f64;
        let rank = before + (t + 1.0) / 2.0;
        for &(class, _) in block {
            sums[class as usize] += rank - (zeros + 1.0) / 2.0;
        }
        ties += cubic(t);
        before += t;
    }
    let spread = (n + 1.0) - ties / (n * (n - 1.0));
    let z = |(sum, &size): (f64, &usize)| {
        let size = size as f64;
        let deviation = (size * (n - size) / 12.0 * spread).sqrt();
        if deviation > 0.0 { (sum - size * (n + 1.0) / 2.0) / deviation } else { 0.0 }
    };
    sums.into_iter().zip(sizes).map(z).collect()
}

/// The mean of a gene's counts, and the logarithm of variance / mean; nothing without variance.
pub fn dispersion(cells: usize, counts: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let n = cells as f64;
    let mean = counts.clone().sum::<f64>() / n;
    let expressed = counts.clone().count() as f64;
    let squares = counts.map(|count| (count - mean).powi(2)).sum::<f64>() + (n - expressed) * mean * mean;
    let variance = squares / (n - 1.0);
    (mean > 0.0 && variance > 0.0).then(|| (mean, (variance / mean).ln()))
}

/// Bins of genes with a similar mean.
const BINS: usize = 20;

/// Dispersions standardised among genes of similar mean (Satija et al., Nature Biotechnology 2015,
/// as scanpy's flavour `seurat`, on counts without library-size scaling): genes are put into 20 equal
/// bins of `ln(1 + mean)`, and from each [`dispersion`] the bin's mean is subtracted, divided by the
/// bin's standard deviation. A gene alone in its bin gets 1.
pub fn normalised_dispersions(dispersions: &[Option<(f64, f64)>]) -> Vec<Option<f64>> {
    let means = || dispersions.iter().flatten().map(|(mean, _)| mean.ln_1p());
    let (low, high) =
        means().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let width = (high - low) / BINS as f64;
    // Bins are open below and closed above; the lowest mean belongs to the first.
    let bin = |mean: f64| {
        let place = ((mean.ln_1p() - low) / width).ceil() as usize;
        place.saturating_sub(1).min(BINS - 1)
    };
    let mut bins: Vec<Vec<f64>> = vec![Vec::new(); BINS];
    for &(mean, dispersion) in dispersions.iter().flatten() {
        bins[bin(mean)].push(dispersion);
    }
    let centre_and_spread = |bin: &Vec<f64>| {
        let n = bin.len() as f64;
        let mean = bin.iter().sum::<f64>() / n;
        (mean, (bin.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
    };
    let bins: Vec<(usize, (f64, f64))> = bins.iter().map(|bin| (bin.len(), centre_and_spread(bin))).collect();
    let normalised = |&(mean, dispersion): &(f64, f64)| match bins[bin(mean)] {
        (1, _) => 1.0,
        (_, (centre, spread)) if spread > 0.0 => (dispersion - centre) / spread,
        _ => 0.0,
    };
    dispersions.iter().map(|of_gene| of_gene.as_ref().map(normalised)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Class and count of twelve cells, for four genes; the golden values below are of these.
    const LABELS: [u32; 12] = [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2];
    const COUNTS: [[u32; 12]; 4] = [
        [5, 0, 3, 4, 0, 0, 1, 0, 0, 0, 2, 0],
        [1, 2, 1, 0, 3, 0, 1, 2, 1, 0, 1, 2],
        [0, 0, 0, 0, 9, 7, 0, 8, 12, 1, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ];
    const SIZES: [usize; 3] = [4, 5, 3];

    fn logs(gene: usize) -> Vec<Expressed> {
        let cells = LABELS.iter().zip(COUNTS[gene]).filter(|(_, count)| *count > 0);
        cells.map(|(&label, count)| (label, f64::from(count).ln_1p())).collect()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn anova_is_that_of_scikit_learn() {
        // sklearn 1.9.1: f_classif(log1p(counts), labels)
        close(anova_f(&SIZES, &logs(0)).unwrap(), 3.70753935462797);
        close(anova_f(&SIZES, &logs(1)).unwrap(), 0.15184485879144105);
        close(anova_f(&SIZES, &logs(2)).unwrap(), 8.571812730359103);
    }

    #[test]
    fn rank_sums_are_those_of_scipy() {
        // scipy 1.17.1: mannwhitneyu(class, rest, method="asymptotic", use_continuity=False)
        let golden = [
            [2.0833188405293, -1.5392988643498768, -0.5154614273559055],
            [-0.3576408488192953, 0.5984476041256419, -0.2920125302610444],
            [-1.8939262186630001, 2.4447687845556865, -0.7216459982982677],
            [0.0, 0.0, 0.0],
        ];
        for (gene, golden) in golden.iter().enumerate() {
            rank_sums(&SIZES, &logs(gene)).iter().zip(golden).for_each(|(&z, &golden)| close(z, golden));
        }
    }

    #[test]
    fn a_gene_without_information_has_no_score() {
        assert_eq!(anova_f(&SIZES, &logs(3)), None, "constant and > 0");
        assert_eq!(anova_f(&SIZES, &[]), None, "constant zero");
        assert_eq!(anova_f(&[3, 0], &[(0, 1.0)]), None, "one class");
        assert_eq!(anova_f(&[1, 1], &[(0, 1.0)]), None, "a cell a class");
        assert_eq!(anova_f(&[2, 2], &[(0, 1.0), (0, 1.0)]), Some(f64::INFINITY));
        assert_eq!(rank_sums(&[0, 0], &[]), [0.0, 0.0]);
        assert_eq!(dispersion(5, [].into_iter()), None);
        assert_eq!(dispersion(1, [3.0].into_iter()), None);
        assert_eq!(normalised_dispersions(&[None]), [None]);
    }

    /// The count of gene `g` in cell `c` of a made-up table of 40 cells and 60 genes.
    fn count(c: usize, g: usize) -> f64 {
        if (c + g).is_multiple_of(3) {
            0.0
        } else {
            ((c * 7 + g * 13) * (c + 3 * g + 1) % (2 + g / 3)) as f64
        }
    }

    #[test]
    fn highly_variable_genes_are_those_of_scanpy() {
        let counts = |g: usize| (0..40).map(move |c| count(c, g)).filter(|count| *count > 0.0);
        let dispersions: Vec<_> = (0..60).map(|g| dispersion(40, counts(g))).collect();
        let normalised = normalised_dispersions(&dispersions);
        // scanpy 1.11.5: highly_variable_genes(log1p(counts), flavor="seurat") of the genes that vary; its
        // bins of the mean would otherwise begin at genes that nobody expresses
        for (gene, golden) in
            [(10, 0.57735026), (20, 0.42336661), (30, 0.39560404), (40, -1.37388599), (59, 0.89487040)]
        {
            let score: f64 = normalised[gene].unwrap();
            assert!((score - golden).abs() < 2e-5, "{gene}: {score} is not {golden}");
        }
        assert_eq!(normalised.iter().filter(|score| score.is_none()).count(), 3);
    }

    proptest! {
        #[test]
        fn scores_depend_neither_on_the_order_of_cells_nor_on_the_names_of_classes(
            cells in proptest::collection::vec((0u32..3, 0u32..4), 6..40), shift in 0u32..3,
        ) {
            let of = |cells: &[(u32, u32)]| {
                let mut sizes = [0; 3];
                cells.iter().for_each(|(class, _)| sizes[*class as usize] += 1);
                let expressed: Vec<Expressed> = cells.iter().filter(|(_, count)| *count > 0)
                    .map(|&(class, count)| (class, f64::from(count))).collect();
                let z = rank_sums(&sizes, &expressed);
                (anova_f(&sizes, &expressed), z.iter().fold(0.0, |best: f64, z| best.max(z.abs())))
            };
            let renamed: Vec<(u32, u32)> =
                cells.iter().rev().map(|&(class, count)| ((class + shift) % 3, count)).collect();
            let (one, other) = (of(&cells), of(&renamed));
            prop_assert_eq!(one.0.is_some(), other.0.is_some());
            if let (Some(a), Some(b)) = (one.0, other.0) {
                prop_assert!(a == b || (a - b).abs() < 1e-9 * a.max(1.0), "{} {}", a, b);
            }
            prop_assert!((one.1 - other.1).abs() < 1e-9);
            prop_assert!(one.1.is_finite());
        }
    }
}
