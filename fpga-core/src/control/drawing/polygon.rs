//! Filled convex polygons, by OpenCV's rule: the outline's own pixels, and every row between its two sides.

use image::{Rgb, RgbImage};

use super::row;

/// Bits behind the point of coordinates while a side is followed.
pub(super) const BITS: u32 = 16;
const HALF: i64 = 1 << (BITS - 1);

/// Fills the rows between the two sides of a convex polygon; the outline is the caller's to draw.
///
/// `vertices` are in units of 2^−`shift` pixels.
pub(super) fn fill_between(
    canvas: &mut RgbImage,
    vertices: &[[i64; 2]],
    shift: u32,
    colour: Rgb<u8>,
) {
    let rounding = (1 << shift) >> 1;
    let line_of = |vertex: [i64; 2]| (vertex[1] + rounding) >> shift;
    let lines = vertices.iter().map(|vertex| line_of(*vertex));
    let (Some(top), Some(bottom)) = (lines.clone().min(), lines.max()) else {
        return;
    };
    // The first of the highest vertices, before rounding.
    let Some(start) = (0..vertices.len()).min_by_key(|&index| vertices[index][1]) else {
        return;
    };
    let mut outline = Outline {
        vertices,
        shift,
        edges: vertices.len(),
    };
    let mut sides = [1, vertices.len() - 1].map(|step| Side {
        at: start,
        step,
        end: top,
        x: -(1 << BITS),
        slope: 0,
    });
    for y in top..=bottom.min(i64::from(canvas.height()) - 1) {
        for side in &mut sides {
            if y >= side.end {
                outline.advance(side, y);
            }
        }
        let [one, other] = sides.each_ref().map(|side| side.x);
        let ends = [one.min(other), one.max(other)].map(|x| (x + HALF) >> BITS);
        row(canvas, y, ends, colour);
        for side in &mut sides {
            side.x += side.slope;
        }
    }
}

/// What both sides share: the vertices, and how many edges neither has taken.
struct Outline<'a> {
    vertices: &'a [[i64; 2]],
    shift: u32,
    edges: usize,
}

/// One of the two ways down from the highest vertex.
struct Side {
    at: usize,
    /// To the next vertex, round the list.
    step: usize,
    /// The line on which the current edge ends.
    end: i64,
    /// Fixed point, on the current line.
    x: i64,
    slope: i64,
}

impl Outline<'_> {
    /// Moves on to the next edge that leads below line `y`.
    fn advance(&mut self, side: &mut Side, y: i64) {
        let rounding = (1 << self.shift) >> 1;
        let fine = |vertex: [i64; 2]| vertex[0] << (BITS - self.shift);
        let mut from = side.at;
        while self.edges > 0 {
            self.edges -= 1;
            let to = (from + side.step) % self.vertices.len();
            let end = (self.vertices[to][1] + rounding) >> self.shift;
            if end > y {
                let (start, target) = (fine(self.vertices[from]), fine(self.vertices[to]));
                let lines = end - y;
                side.end = end;
                side.slope = (2 * (target - start) + lines) / (2 * lines);
                side.x = start;
                side.at = to;
                return;
            }
            from = to;
        }
    }
}
