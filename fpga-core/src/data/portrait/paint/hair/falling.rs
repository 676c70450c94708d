//! Hair that falls or is tied: behind the body, and in front of the shoulders.

use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::paint::Sitter;
use crate::data::portrait::person::HairCut;

/// How far out and down loose hair hangs.
fn hanging(sitter: &Sitter) -> (f32, f32) {
    let (face, hair) = (&sitter.person.face, &sitter.person.hair);
    let wide = face.width + 0.06 + 0.9 * hair.volume;
    match hair.cut {
        HairCut::Bob => (wide + 0.04, 0.62 + 0.32 * hair.length),
        _ => (wide + 0.08, 1.10 + 0.75 * hair.length),
    }
}

pub(super) fn behind(sitter: &Sitter) -> Vec<Shape> {
    match sitter.person.hair.cut {
        HairCut::Bob | HairCut::Long => vec![curtain(sitter, 0.0)],
        HairCut::Wavy => vec![curtain(sitter, 0.10)],
        HairCut::Ponytail => vec![tail(sitter)],
        HairCut::Bun => vec![knot(sitter)],
        _ => Vec::new(),
    }
}

/// From the crown down both sides; `wave` is how far the edge swings.
fn curtain(sitter: &Sitter, wave: f32) -> Shape {
    let (wide, low) = hanging(sitter);
    let at = |u: f32, v: f32| sitter.head.point([u, v, -0.30]);
    let right = |sign: f32| {
        let edge = |share: f32, swing: f32| {
            let v = -0.35 + share * (low + 0.35);
            at(sign * (wide + 0.10 * share + wave * swing), v)
        };
        vec![
            at(sign * 0.62 * wide, -0.92),
            edge(0.0, 0.0),
            edge(0.30, 0.9),
            edge(0.52, -0.4),
            edge(0.76, 1.1),
            edge(0.94, 0.1),
            at(sign * 0.62 * wide, low + 0.06),
        ]
    };
    let mut points = right(1.0);
    points.extend(right(-1.0).into_iter().rev());
    Shape::closed(&points)
}

/// To the side that the parting is not on.
fn tail(sitter: &Sitter) -> Shape {
    let hair = &sitter.person.hair;
    let (side, wide) = (-hair.parting, sitter.person.face.width);
    let low = 0.9 + 0.6 * hair.length;
    let at = |u: f32, v: f32| sitter.head.point([side * u, v, -0.45]);
    Shape::closed(&[
        at(0.35, -0.95),
        at(0.62 * wide + 0.45, -0.92),
        at(wide + 0.42, -0.25),
        at(wide + 0.50, 0.35),
        at(wide + 0.30, low),
        at(wide + 0.12, 0.45),
        at(wide + 0.02, -0.20),
        at(0.45, -0.55),
    ])
}

fn knot(sitter: &Sitter) -> Shape {
    let hair = &sitter.person.hair;
    let radius = 0.30 + 0.6 * hair.volume;
    let centre = sitter.head.point([0.0, -1.06 - 0.6 * radius, -0.30]);
    Shape::circle(centre, sitter.head.length(radius))
}

/// In front of ears and shoulders.
pub(super) fn locks(sitter: &Sitter) -> Vec<Shape> {
    let sides = [-1.0, 1.0];
    match sitter.person.hair.cut {
        HairCut::Bob => sides.map(|side| lock(sitter, side, 0.0)).into(),
        HairCut::Long => sides.map(|side| lock(sitter, side, 0.0)).into(),
        HairCut::Wavy => sides.map(|side| lock(sitter, side, 0.07)).into(),
        HairCut::Braids => sides
            .into_iter()
            .flat_map(|side| braid(sitter, side))
            .collect(),
        _ => Vec::new(),
    }
}

fn lock(sitter: &Sitter, side: f32, wave: f32) -> Shape {
    let (wide, low) = hanging(sitter);
    let face = sitter.person.face.width;
    let at = |u: f32, v: f32, w: f32| sitter.head.point([side * u, v, w]);
    let outer: [Point; 5] = [
        at(wide - 0.02, -0.45, -0.1),
        at(wide + 0.03 + wave, 0.05, 0.0),
        at(wide + 0.07 - wave, 0.45, 0.05),
        at(wide + 0.08 + wave, 0.45 + 0.5 * (low - 0.45), 0.1),
        at(wide + 0.02, low, 0.1),
    ];
    let inner: [Point; 5] = [
        at(0.80 * face, low + 0.02, 0.1),
        at(0.86 * face + wave, 0.45 + 0.5 * (low - 0.45), 0.1),
        at(0.92 * face - 0.5 * wave, 0.35, 0.12),
        at(0.91 * face, -0.05, 0.2),
        at(0.80 * face, -0.45, 0.2),
    ];
    Shape::between(&outer, &inner)
}

/// A chain of plaits that grows thinner.
fn braid(sitter: &Sitter, side: f32) -> Vec<Shape> {
    let (face, hair) = (&sitter.person.face, &sitter.person.hair);
    let count = 6;
    let plait = |i: usize| {
        let share = i as f32 / (count - 1) as f32;
        let v = 0.30 + share * (0.75 + 0.55 * hair.length);
        let u = face.width + 0.05 + 0.05 * share;
        let centre = sitter.head.point([side * u, v, 0.05]);
        let size = 0.18 - 0.05 * share;
        let length = [sitter.head.length(size * 0.86), sitter.head.length(size)];
        Shape::ellipse(centre, length, 0.0)
    };
    (0..count).map(plait).collect()
}
