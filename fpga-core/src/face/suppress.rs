//! Non-maximum suppression: of boxes that overlap too much, only the surest stays.

/// Indices of the boxes that stay, the surest first; among equals the one that comes first.
///
/// Overlap is intersection / union with sides counted in whole pixels (`right − left + 1`), as the
/// common Python implementation of detectors has it. Boxes are left, top, right, bottom.
pub(super) fn suppress(boxes: &[[f32; 4]], scores: &[f32], threshold: f32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&p, &q| scores[q].total_cmp(&scores[p]));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        let free = |&other: &usize| overlap(&boxes[other], &boxes[index]) <= threshold;
        if kept.iter().all(free) {
            kept.push(index);
        }
    }
    kept
}

fn overlap(one: &[f32; 4], other: &[f32; 4]) -> f32 {
    let area = |[x0, y0, x1, y1]: &[f32; 4]| (x1 - x0 + 1.0) * (y1 - y0 + 1.0);
    let width = (one[2].min(other[2]) - one[0].max(other[0]) + 1.0).max(0.0);
    let height = (one[3].min(other[3]) - one[1].max(other[1]) + 1.0).max(0.0);
    let shared = width * height;
    shared / (area(one) + area(other) - shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_of_a_heap_stays() {
        let boxes = [
            [0.0, 0.0, 9.0, 9.0],
            [1.0, 0.0, 10.0, 9.0],
            [20.0, 0.0, 29.0, 9.0],
            [0.0, 0.0, 9.0, 9.0],
        ];
        // The first two share 90 of 110 pixels.
        assert_eq!(suppress(&boxes, &[0.5, 0.9, 0.6, 0.4], 0.81), [1, 2]);
        assert_eq!(suppress(&boxes, &[0.5, 0.9, 0.6, 0.4], 0.82), [1, 2, 0]);
        assert_eq!(suppress(&boxes, &[0.5; 4], 0.4), [0, 2]);
        assert!(suppress(&[], &[], 0.4).is_empty());
    }
}
