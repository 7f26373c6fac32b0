//! Classification by the nearest training cells.

use super::{Cells, sum_pairs};
use genil_base::{Error, Result};
use rayon::prelude::*;

/// The majority label among the `k` nearest training cells (Euclidean) of each test cell.
///
/// `x` is N × d, `labels` has N entries below `classes`; `train` and `test` index cells. A tie of the vote goes to the
/// class of the nearer cell, a tie of distances to the cell that comes first in `train`. With fewer than `k`
/// training cells all of them vote. Every pair is compared: O(train · test · d).
///
/// # Errors
/// A shape, label or index that does not fit, an embedding that is not finite, no training cell, `k` = 0.
pub fn knn(
    x: &[f32],
    labels: &[u32],
    classes: usize,
    train: &[usize],
    test: &[usize],
    k: usize,
) -> Result<Vec<u32>> {
    let cells = Cells::new(x, labels, classes, &[train, test])?;
    let k = k.min(train.len());
    if k == 0 {
        return Err(Error::new("nearest neighbours need at least one training cell and k of at least 1"));
    }
    Ok(test.par_iter().map(|&cell| vote(&cells, classes, train, cell, k)).collect())
}

fn vote(cells: &Cells, classes: usize, train: &[usize], cell: usize, k: usize) -> u32 {
    let from = cells.embedding(cell);
    let distance = |&to: &usize| sum_pairs(from, cells.embedding(to), |a, b| (a - b) * (a - b));
    let mut order: Vec<(f32, usize)> = train.iter().map(distance).zip(0..).collect();
    let nearer = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    order.select_nth_unstable_by(k - 1, nearer);
    order.truncate(k);
    order.sort_unstable_by(nearer);
    let nearest = order.iter().map(|&(_, place)| cells.labels[train[place]]);
    let mut votes = vec![0usize; classes];
    nearest.clone().for_each(|label| votes[label as usize] += 1);
    let most = votes.iter().max().copied().unwrap_or(0);
    // The nearest first, so a tie goes to the nearer; k ≥ 1 cells have voted, so one is found.
    nearest.into_iter().find(|&label| votes[label as usize] == most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::three_classes;
    use super::*;

    #[test]
    fn neighbours_agree_with_scikit_learn_and_ties_go_to_the_nearer() {
        let (x, labels, train, test) = three_classes();
        let golden = [
            (1, [0, 2, 1, 1, 1, 0, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 2]),
            (5, [2, 1, 0, 0, 1, 0, 1, 2, 1, 0, 1, 0, 1, 1, 0, 2, 2, 1, 1, 0]),
            (10, [2, 2, 0, 0, 1, 0, 2, 2, 1, 0, 1, 0, 0, 1, 0, 2, 2, 1, 1, 2]),
        ];
        for (k, expected) in golden {
            assert_eq!(knn(&x, &labels, 3, &train, &test, k).unwrap(), expected, "k = {k}");
        }
    }

    #[test]
    fn the_order_of_the_training_cells_does_not_matter() {
        let (x, labels, mut train, test) = three_classes();
        let forwards = knn(&x, &labels, 3, &train, &test, 10).unwrap();
        train.reverse();
        assert_eq!(knn(&x, &labels, 3, &train, &test, 10).unwrap(), forwards);
    }

    #[test]
    fn more_neighbours_than_cells_is_all_cells() {
        let vote = knn(&[0.0, 1.0, 2.0, 9.0], &[0, 1, 1, 0], 2, &[0, 1, 2], &[3], 100).unwrap();
        assert_eq!(vote, [1]);
    }

    #[test]
    fn nobody_to_ask_is_an_error() {
        assert!(knn(&[0.0, 1.0], &[0, 1], 2, &[], &[1], 10).is_err());
        assert!(knn(&[0.0, 1.0], &[0, 1], 2, &[0], &[1], 0).is_err());
    }
}
