//! Outlines from a few points.

use tiny_skia::{Path, PathBuilder, PathSegment, Rect};

use crate::data::draws::sin_cos;

/// In picture pixels.
pub(super) type Point = [f32; 2];

/// An outline; without area or length it draws nothing.
#[derive(Clone, Debug)]
pub(super) struct Shape(pub(super) Option<Path>);

impl Shape {
    /// A smooth closed curve through the points (Catmull–Rom).
    pub(super) fn closed(points: &[Point]) -> Self {
        let count = points.len();
        let at = |i: usize| points[i % count];
        let mut pen = PathBuilder::new();
        pen.move_to(points[0][0], points[0][1]);
        for i in 0..count {
            arc(&mut pen, [at(i + count - 1), at(i), at(i + 1), at(i + 2)]);
        }
        pen.close();
        Self(pen.finish())
    }

    /// A smooth curve from the first to the last point.
    pub(super) fn open(points: &[Point]) -> Self {
        let mut pen = PathBuilder::new();
        pen.move_to(points[0][0], points[0][1]);
        follow(&mut pen, points);
        Self(pen.finish())
    }

    /// Two smooth curves that meet in corners: along `there`, then along `back`.
    pub(super) fn between(there: &[Point], back: &[Point]) -> Self {
        let mut pen = PathBuilder::new();
        pen.move_to(there[0][0], there[0][1]);
        follow(&mut pen, there);
        pen.line_to(back[0][0], back[0][1]);
        follow(&mut pen, back);
        pen.close();
        Self(pen.finish())
    }

    /// Straight sides.
    pub(super) fn polygon(points: &[Point]) -> Self {
        let mut pen = PathBuilder::new();
        pen.move_to(points[0][0], points[0][1]);
        for &[x, y] in &points[1..] {
            pen.line_to(x, y);
        }
        pen.close();
        Self(pen.finish())
    }

    pub(super) fn segment(from: Point, to: Point) -> Self {
        let mut pen = PathBuilder::new();
        pen.move_to(from[0], from[1]);
        pen.line_to(to[0], to[1]);
        Self(pen.finish())
    }

    pub(super) fn circle([x, y]: Point, radius: f32) -> Self {
        Self(PathBuilder::from_circle(x, y, radius))
    }

    /// Half axes along and across the direction `turn`.
    pub(super) fn ellipse([x, y]: Point, [along, across]: [f32; 2], turn: f32) -> Self {
        let (sin, cos) = sin_cos(turn);
        let point = |i: usize| {
            let (s, c) = sin_cos(i as f32 * std::f32::consts::FRAC_PI_4);
            let (u, v) = (along * c, across * s);
            [x + u * cos - v * sin, y + u * sin + v * cos]
        };
        Self::closed(&std::array::from_fn::<_, 8, _>(point))
    }

    pub(super) fn rectangle([x0, y0]: Point, [x1, y1]: Point) -> Self {
        let rect = Rect::from_ltrb(x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1));
        Self(rect.map(PathBuilder::from_rect))
    }

    /// Left, top, right, bottom of the curve itself.
    pub(super) fn bounds(&self) -> Option<[f32; 4]> {
        let rect = self.0.as_ref()?.compute_tight_bounds()?;
        Some([rect.left(), rect.top(), rect.right(), rect.bottom()])
    }

    /// Enclosed area in pixels, from the curve's own points.
    pub(super) fn area(&self) -> f32 {
        let Some(path) = &self.0 else {
            return 0.0;
        };
        let corners = corners(path);
        let next = corners.iter().cycle().skip(1);
        let doubled: f32 = corners
            .iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - a[1] * b[0])
            .sum();
        doubled.abs() / 2.0
    }

    /// Middle and half diagonal of the bounds.
    pub(super) fn middle(&self) -> (Point, f32) {
        let Some(path) = &self.0 else {
            return ([0.0; 2], 1.0);
        };
        let rect = path.bounds();
        let (width, height) = (rect.width() / 2.0, rect.height() / 2.0);
        let radius = (width * width + height * height).sqrt();
        ([rect.left() + width, rect.top() + height], radius.max(0.5))
    }
}

/// Points along the curve, close enough to measure it.
fn corners(path: &Path) -> Vec<Point> {
    let mut corners: Vec<Point> = Vec::new();
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(p) | PathSegment::LineTo(p) => corners.push([p.x, p.y]),
            PathSegment::CubicTo(a, b, to) => {
                let from = corners.last().copied().unwrap_or_default();
                corners.extend((1..=8).map(|step| {
                    cubic(
                        [from, [a.x, a.y], [b.x, b.y], [to.x, to.y]],
                        step as f32 / 8.0,
                    )
                }));
            }
            PathSegment::QuadTo(_, to) => corners.push([to.x, to.y]),
            PathSegment::Close => {}
        }
    }
    corners
}

/// The point of a Bézier curve at `share` of its way.
fn cubic([p, a, b, q]: [Point; 4], share: f32) -> Point {
    let rest = 1.0 - share;
    std::array::from_fn(|i| {
        rest * rest * rest * p[i]
            + 3.0 * rest * rest * share * a[i]
            + 3.0 * rest * share * share * b[i]
            + share * share * share * q[i]
    })
}

fn follow(pen: &mut PathBuilder, points: &[Point]) {
    let last = points.len() - 1;
    for i in 0..last {
        arc(
            pen,
            [
                points[i.saturating_sub(1)],
                points[i],
                points[i + 1],
                points[(i + 2).min(last)],
            ],
        );
    }
}

/// The part of a Catmull–Rom curve between the two inner points.
fn arc(pen: &mut PathBuilder, [before, from, to, after]: [Point; 4]) {
    pen.cubic_to(
        from[0] + (to[0] - before[0]) / 6.0,
        from[1] + (to[1] - before[1]) / 6.0,
        to[0] - (after[0] - from[0]) / 6.0,
        to[1] - (after[1] - from[1]) / 6.0,
        to[0],
        to[1],
    );
}
