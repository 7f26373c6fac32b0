//! Points in many dimensions laid out in two by t-SNE (van der Maaten and Hinton 2008), the same bytes every time.
//!
//! The exact algorithm, not the tree: a map holds a few hundred points. It runs in a pool of one thread, for its sums
//! depend on how threads divide them; several maps can be laid out side by side. It starts from given places or from the
//! first two principal components, never from chance (Kobak and Berens 2019).

use bhtsne::tSNE;
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};

/// Neighbours that a point listens to; fewer for small maps.
const PERPLEXITY: usize = 30;
/// Steps, a half of them with exaggerated attraction.
const STEPS: usize = 500;
/// A map of fewer points says nothing.
pub const FEWEST: usize = 16;

/// Places of the `N` rows of `x` (`N × d`, row after row), about the origin. `start`: places of the same points in another
/// map, so that the two can be compared.
///
/// # Errors
/// When no thread can be started. Rows that are not finite, or fewer than [`FEWEST`], give an empty map.
pub fn layout(x: &[f32], d: usize, start: Option<&[[f32; 2]]>) -> Result<Vec<[f32; 2]>> {
    let n = x.len() / d.max(1);
    let start = start.filter(|places| places.len() == n);
    if n < FEWEST || x.iter().any(|v| !v.is_finite()) {
        return Ok(Vec::new());
    }
    let x = centred(x, d);
    let places = start.map_or_else(|| principal(&x, d), <[_]>::to_vec);
    let rows: Vec<&[f32]> = x.chunks_exact(d).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|e| Error::new(format!("cannot start a thread: {e}")))?;
    let flat = pool.install(|| {
        let mut map: tSNE<f32, &[f32]> = tSNE::new(&rows);
        map.perplexity(PERPLEXITY.min((n - 1) / 3) as f32).epochs(STEPS).initial_embedding(small(&places));
        map.exact(|a, b| a.iter().zip(*b).map(|(a, b)| (a - b) * (a - b)).sum());
        map.embedding()
    });
    Ok(flat.chunks_exact(2).map(|place| [place[0], place[1]]).collect())
}

/// The rows about their mean, at a mean square of 1: distances of a size that the search for the perplexity is made for.
fn centred(x: &[f32], d: usize) -> Vec<f32> {
    let n = (x.len() / d) as f32;
    let mut mean = vec![0.0; d];
    for row in x.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
    }
    let mut x: Vec<f32> = x.iter().enumerate().map(|(i, v)| v - mean[i % d]).collect();
    let square = x.iter().map(|v| f64::from(v * v)).sum::<f64>() / x.len() as f64;
    let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 0.0 };
    x.iter_mut().for_each(|v| *v *= scale);
    x
}

/// The first two principal components of centred rows, by orthogonal iteration from a fixed start.
fn principal(x: &[f32], d: usize) -> Vec<[f32; 2]> {
    let key = Key::new(0, Purpose::Init);
    let mut axes: [Vec<f32>; 2] =
        [0, 1].map(|a| (0..d as u64).map(|i| key.with(a).uniform(i) as f32 - 0.5).collect());
    let along = |row: &[f32], axis: &[f32]| row.iter().zip(axis).map(|(v, a)| v * a).sum::<f32>();
    for _ in 0..50 {
        let mut next = [vec![0.0f32; d], vec![0.0f32; d]];
        for row in x.chunks_exact(d) {
            for (axis, next) in axes.iter().zip(&mut next) {
                let share = along(row, axis);
                next.iter_mut().zip(row).for_each(|(n, v)| *n += share * v);
            }
        }
        unit(&mut next[0]);
        let shared = along(&next[1], &next[0]);
        let [first, second] = &mut next;
        second.iter_mut().zip(first.iter()).for_each(|(s, f)| *s -= shared * f);
        unit(second);
        axes = next;
    }
    x.chunks_exact(d).map(|row| [along(row, &axes[0]), along(row, &axes[1])]).collect()
}

fn unit(axis: &mut [f32]) {
    let length = axis.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 {
        axis.iter_mut().for_each(|v| *v /= length);
    }
}

/// The places shrunk to a spread of 1e-4, as t-SNE starts. Equal places are moved apart by their number: points in one
/// place would never part.
fn small(places: &[[f32; 2]]) -> Vec<f32> {
    let square = places.iter().flatten().map(|v| f64::from(v * v)).sum::<f64>() / (2 * places.len()) as f64;
    let scale = if square > 0.0 { (1e-4 / square.sqrt()) as f32 } else { 0.0 };
    let key = Key::new(1, Purpose::Init);
    let apart = |i: usize| (key.uniform(i as u64) as f32 - 0.5) * 1e-6;
    places.iter().flatten().enumerate().map(|(i, v)| v * scale + apart(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups of points, far apart in five dimensions.
    fn groups(n: usize) -> Vec<f32> {
        let key = Key::new(3, Purpose::Synthetic);
        let at =
            |i: usize, f: usize| key.uniform((i * 5 + f) as u64) as f32 + if i % 3 == f { 6.0 } else { 0.0 };
        (0..n).flat_map(|i| (0..5).map(move |f| at(i, f))).collect()
    }

    fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn what_is_near_stays_near() {
        let map = layout(&groups(90), 5, None).unwrap();
        for i in 0..90 {
            let nearest = (0..90)
                .filter(|&j| j != i)
                .min_by(|&a, &b| distance(map[i], map[a]).total_cmp(&distance(map[i], map[b])));
            assert_eq!(nearest.unwrap() % 3, i % 3);
        }
    }

    #[test]
    fn the_map_is_the_same_bytes_for_any_number_of_threads() {
        let lay = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| layout(&groups(60), 5, None).unwrap())
        };
        assert_eq!(lay(1), lay(3));
    }

    #[test]
    fn a_map_that_starts_from_another_resembles_it() {
        let before = layout(&groups(60), 5, None).unwrap();
        let turned: Vec<f32> =
            groups(60).chunks_exact(5).flat_map(|r| [r[3], r[2], r[0], r[4], r[1]]).collect();
        let after = layout(&turned, 5, Some(&before)).unwrap();
        for i in 0..60 {
            let same_side = after[i][0] * before[i][0] + after[i][1] * before[i][1];
            assert!(same_side > 0.0, "{:?} {:?}", before[i], after[i]);
        }
    }

    #[test]
    fn equal_points_few_points_and_no_numbers_make_no_trouble() {
        assert_eq!(layout(&[1.0; 40], 2, None).unwrap().len(), 20);
        assert!(layout(&[1.0; 40], 2, None).unwrap().iter().flatten().all(|v| v.is_finite()));
        assert!(layout(&[1.0; 10], 2, None).unwrap().is_empty());
        assert!(layout(&[f32::NAN; 80], 2, None).unwrap().is_empty());
        assert!(layout(&[], 0, None).unwrap().is_empty());
    }
}
