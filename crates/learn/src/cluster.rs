//! Groups of similar cells: k-means with a least size of a group.
//!
//! Lloyd (1982), seeded by k-means++ (Arthur and Vassilvitskii, SODA 2007). Every choice is a function of the key and
//! every sum runs in the order of the cells, so the groups do not depend on threads.

use genil_base::random::Key;
use rayon::prelude::*;

/// Rounds of Lloyd's iteration; the groups of cells hardly change after ten.
const ROUNDS: usize = 20;

/// The group of each row of `N × d` numbers: at most `groups` of them, numbered from 0, each with at least `least`
/// rows (all rows are one group where that cannot be).
pub fn k_means(rows: &[f32], d: usize, groups: usize, least: usize, key: Key) -> Vec<u32> {
    let n = rows.len() / d.max(1);
    let groups = groups.min(n / least.max(1)).max(1);
    let mut centres = seeds(rows, d, groups, key);
    let mut of = nearest(rows, d, &centres);
    for _ in 0..ROUNDS {
        move_centres(rows, d, &of, &mut centres);
        let again = nearest(rows, d, &centres);
        if again == of {
            break;
        }
        of = again;
    }
    // The smallest group dissolves into its neighbours until none is too small.
    loop {
        let sizes = sizes(&of, centres.len() / d.max(1));
        let smallest = (0..sizes.len()).min_by_key(|&g| (sizes[g], g));
        match smallest {
            Some(g) if sizes[g] < least && sizes.len() > 1 => {
                centres.drain(g * d..(g + 1) * d);
                of = nearest(rows, d, &centres);
            }
            _ => return of,
        }
    }
}

fn sizes(of: &[u32], groups: usize) -> Vec<usize> {
    let mut sizes = vec![0; groups];
    of.iter().for_each(|&g| sizes[g as usize] += 1);
    sizes
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The nearest centre of every row, the first among equals.
fn nearest(rows: &[f32], d: usize, centres: &[f32]) -> Vec<u32> {
    let one = |row: &[f32]| {
        let mut best = (f32::INFINITY, 0);
        for (g, centre) in centres.chunks_exact(d).enumerate() {
            let far = distance(row, centre);
            if far < best.0 {
                best = (far, g as u32);
            }
        }
        best.1
    };
    rows.par_chunks_exact(d).map(one).collect()
}

/// k-means++: the next centre is a row drawn by its squared distance to the nearest centre so far.
fn seeds(rows: &[f32], d: usize, groups: usize, key: Key) -> Vec<f32> {
    let n = rows.len() / d.max(1);
    let row = |i: usize| &rows[i * d..(i + 1) * d];
    if n == 0 {
        return Vec::new();
    }
    let mut centres = row(key.below(0, n)).to_vec();
    let mut far: Vec<f32> = rows.par_chunks_exact(d).map(|r| distance(r, &centres)).collect();
    for g in 1..groups {
        let all: f64 = far.iter().map(|&f| f64::from(f)).sum();
        let mut left = key.uniform(g as u64) * all;
        let drawn = far.iter().position(|&f| {
            left -= f64::from(f);
            left < 0.0
        });
        let centre = row(drawn.unwrap_or(n - 1));
        centres.extend_from_slice(centre);
        far.par_iter_mut().zip(rows.par_chunks_exact(d)).for_each(|(f, r)| *f = f.min(distance(r, centre)));
    }
    centres
}

/// Each centre becomes the mean of its rows; one without rows stays.
fn move_centres(rows: &[f32], d: usize, of: &[u32], centres: &mut [f32]) {
    let mut sums = vec![0.0f64; centres.len()];
    for (row, &g) in rows.chunks_exact(d).zip(of) {
        let sum = &mut sums[g as usize * d..][..d];
        sum.iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
    }
    let sizes = sizes(of, centres.len() / d);
    for ((centre, sum), &size) in centres.chunks_exact_mut(d).zip(sums.chunks_exact(d)).zip(&sizes) {
        if size > 0 {
            centre.iter_mut().zip(sum).for_each(|(c, s)| *c = (s / size as f64) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::Purpose;

    /// Three heaps of 30 rows around -10, 0 and 10, and two rows far away.
    fn heaps() -> Vec<f32> {
        let mut rows = Vec::new();
        for i in 0..90u32 {
            let centre = (i / 30) as f32 * 10.0 - 10.0;
            rows.extend([centre + (i % 5) as f32 * 0.1, centre - (i % 7) as f32 * 0.1]);
        }
        rows.extend([100.0, 100.0, 101.0, 100.0]);
        rows
    }

    #[test]
    fn heaps_are_found_and_no_group_is_smaller_than_asked() {
        let rows = heaps();
        for seed in 0..5 {
            let of = k_means(&rows, 2, 4, 10, Key::new(seed, Purpose::Method));
            for heap in 0..3 {
                assert!(of[heap * 30..(heap + 1) * 30].windows(2).all(|w| w[0] == w[1]), "{of:?}");
            }
            let groups = *of.iter().max().unwrap() as usize + 1;
            assert!(sizes(&of, groups).iter().all(|&size| size >= 10), "{of:?}");
        }
    }

    #[test]
    fn few_rows_are_one_group_and_no_rows_are_none() {
        let key = Key::new(0, Purpose::Method);
        assert_eq!(k_means(&[1.0, 2.0, 3.0], 1, 8, 10, key), [0, 0, 0]);
        assert!(k_means(&[], 2, 8, 10, key).is_empty());
    }
}
