//! How far pixels are from a set of pixels.

use ndarray::{Array2, ArrayViewMut1};

/// Squared distance of pixels when the set is empty: beyond any picture's diagonal.
const FAR: f64 = 1e12;

/// Euclidean distance from every pixel centre to the nearest pixel centre of the set, in pixels;
/// 10⁶ everywhere if the set is empty. Exact, in time linear in the number of pixels (Felzenszwalb
/// and Huttenlocher 2012).
///
/// # Shapes
/// - `set`, returns `[h, w]`
pub(super) fn distance_to(set: &Array2<bool>) -> Array2<f32> {
    let mut squares = set.map(|&inside| if inside { 0.0 } else { FAR });
    squares.rows_mut().into_iter().for_each(spread);
    squares.columns_mut().into_iter().for_each(spread);
    squares.map(|&square| square.min(FAR).sqrt() as f32)
}

/// `line[i] ← min over j of line[j] + (i − j)²`: the lower envelope of parabolas.
fn spread(mut line: ArrayViewMut1<'_, f64>) {
    let heights = line.to_vec();
    // Parabolas of the envelope: (centre, the place from where it is the lowest).
    let mut envelope: Vec<(usize, f64)> = Vec::with_capacity(heights.len());
    for (centre, &height) in heights.iter().enumerate() {
        let mut start = f64::NEG_INFINITY;
        while let Some(&(last, last_start)) = envelope.last() {
            let (p, q) = (last as f64, centre as f64);
            let crossing = (height + q * q - heights[last] - p * p) / (2.0 * (q - p));
            if crossing > last_start {
                start = crossing;
                break;
            }
            envelope.pop();
        }
        envelope.push((centre, start));
    }
    let mut current = 0;
    for (i, value) in line.iter_mut().enumerate() {
        while envelope
            .get(current + 1)
            .is_some_and(|next| next.1 <= i as f64)
        {
            current += 1;
        }
        let (centre, _) = envelope[current];
        *value = heights[centre] + (i.abs_diff(centre) as f64).powi(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_naive_answer() {
        for stride in [1, 31, 97] {
            let set = Array2::from_shape_fn((9, 13), |(y, x)| (x * 7 + y * 5) % stride == 0);
            for ((y, x), &distance) in distance_to(&set).indexed_iter() {
                let naive = set
                    .indexed_iter()
                    .filter(|&(_, &inside)| inside)
                    .map(|((v, u), _)| (u as f32 - x as f32).hypot(v as f32 - y as f32))
                    .fold(f32::INFINITY, f32::min);
                assert!(
                    (distance - naive).abs() < 1e-6,
                    "({x}, {y}): {distance} {naive}"
                );
            }
        }
    }

    #[test]
    fn an_empty_set_is_far_away() {
        assert_eq!(
            distance_to(&Array2::from_elem((2, 3), false)),
            Array2::from_elem((2, 3), 1e6)
        );
    }
}
