//! Where names go: beside what they name, and never on each other.

/// A box: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Area {
    /// The square of half-width `r` around a point.
    pub fn around((x, y): (i32, i32), r: i32) -> Self {
        Self { x: x - r, y: y - r, width: 2 * r, height: 2 * r }
    }

    /// What two boxes share, in square pixels.
    fn shared(&self, other: &Self) -> i64 {
        let along = |a: i32, b: i32, c: i32, d: i32| i64::from((b.min(d) - a.max(c)).max(0));
        along(self.x, self.x + self.width, other.x, other.x + other.width)
            * along(self.y, self.y + self.height, other.y, other.y + other.height)
    }

    fn is_inside(&self, other: &Self) -> bool {
        self.x >= other.x
            && self.y >= other.y
            && self.x + self.width <= other.x + other.width
            && self.y + self.height <= other.y + other.height
    }
}

/// Directions from a point, the most natural first: right, left, slanting, above, below.
const DIRECTIONS: [(i32, i32); 12] = [
    (10, 0),
    (-10, 0),
    (9, -5),
    (9, 5),
    (-9, -5),
    (-9, 5),
    (7, -8),
    (7, 8),
    (-7, -8),
    (-7, 8),
    (0, -10),
    (0, 10),
];
/// Distances from a point, in tenths of a label's height.
const DISTANCES: [i32; 8] = [7, 11, 17, 24, 32, 42, 54, 70];
/// Each label is placed anew, with all others in place, so many times.
const ROUNDS: usize = 4;

/// A box for the label of every point, within `bounds`, off the other labels and the marks as far as that can be, off
/// `bars` where it costs little, and near its point.
///
/// `sizes`: width and height of every label; `r`: half the width of a mark.
pub fn beside(points: &[(i32, i32)], sizes: &[(i32, i32)], r: i32, bounds: Area, bars: &[Area]) -> Vec<Area> {
    let marks: Vec<Area> = points.iter().map(|&point| Area::around(point, r)).collect();
    let mut placed: Vec<Option<Area>> = vec![None; points.len()];
    for _ in 0..ROUNDS {
        for i in 0..points.len() {
            let cost = |(area, price): &(Area, i64)| {
                let labels =
                    placed.iter().enumerate().filter(|(j, _)| *j != i).filter_map(|(_, a)| a.as_ref());
                let on_labels: i64 = labels.map(|other| area.shared(other)).sum();
                let on_marks: i64 = marks.iter().map(|mark| area.shared(mark)).sum();
                let on_bars: i64 = bars.iter().map(|bar| area.shared(bar)).sum();
                let outside = if area.is_inside(&bounds) { 0 } else { 1_000_000 };
                outside + 40 * on_labels + 30 * on_marks + on_bars / 4 + price
            };
            placed[i] = candidates(points[i], sizes[i]).min_by_key(cost).map(|(area, _)| area);
        }
    }
    placed.into_iter().flatten().collect()
}

/// Boxes around a point, each with the price of its distance and direction.
fn candidates((x, y): (i32, i32), (width, height): (i32, i32)) -> impl Iterator<Item = (Area, i64)> {
    DISTANCES.iter().flat_map(move |&far| {
        DIRECTIONS.iter().enumerate().map(move |(rank, &(dx, dy))| {
            let (ax, ay) = (x + dx * far * height / 100, y + dy * far * height / 100);
            let left = match dx {
                0 => ax - width / 2,
                1.. => ax,
                _ => ax - width,
            };
            let area = Area { x: left, y: ay - height / 2, width, height };
            (area, i64::from(far) * i64::from(height) / 2 + rank as i64 * 20)
        })
    })
}

/// Heights near `wanted` that are at least `step` apart, between `top` and `bottom` as far as they fit.
pub fn apart(wanted: &[i32], step: i32, (top, bottom): (i32, i32)) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&i| wanted[i]);
    let mut heights = wanted.to_vec();
    let mut floor = top;
    for &i in &order {
        heights[i] = heights[i].max(floor);
        floor = heights[i] + step;
    }
    let mut ceiling = bottom;
    for &i in order.iter().rev() {
        heights[i] = heights[i].min(ceiling);
        ceiling = heights[i] - step;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use genil_base::random::{Key, Purpose};

    const BOUNDS: Area = Area { x: 0, y: 0, width: 1000, height: 800 };

    #[test]
    fn sixteen_labels_of_a_crowd_do_not_touch() {
        for seed in 0..20 {
            let key = Key::new(seed, Purpose::Synthetic);
            // A third of the figure holds them all.
            let at = |i: u64| {
                (330 + (key.uniform(2 * i) * 330.0) as i32, 270 + (key.uniform(2 * i + 1) * 270.0) as i32)
            };
            let points: Vec<(i32, i32)> = (0..16).map(at).collect();
            let placed = beside(&points, &[(140, 28); 16], 10, BOUNDS, &[]);
            for (i, a) in placed.iter().enumerate() {
                assert!(a.is_inside(&BOUNDS));
                assert!(placed[..i].iter().all(|b| a.shared(b) == 0), "seed {seed}, label {i}");
            }
        }
    }

    #[test]
    fn a_lonely_label_stands_to_the_right_and_at_the_border_to_the_left() {
        let placed = beside(&[(500, 400), (990, 100)], &[(100, 20); 2], 5, BOUNDS, &[]);
        assert!(placed[0].x > 500 && placed[1].x + 100 < 990);
    }

    #[test]
    fn heights_keep_their_order_and_their_distance() {
        let heights = apart(&[50, 52, 51, 200], 20, (0, 300));
        assert_eq!(heights, [50, 90, 70, 200]);
        assert_eq!(apart(&[299, 298], 20, (0, 300)), [300, 280]);
    }
}
