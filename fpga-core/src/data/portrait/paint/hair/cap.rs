//! The hair on the skull: from the crown's outline to the hairline.

use crate::data::draws::{Draws, Purpose, sin_cos};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::paint::Sitter;
use crate::data::portrait::person::{Hair, HairCut, Hairline, Person};

/// Middle of the skull's outline.
const MIDDLE: f32 = -0.22;
/// Depth of the outline: hair is seen from where the skull is widest.
const DEPTH: f32 = -0.10;
/// Points of the outline.
const RING: usize = 13;

/// How far a cut stands off at the sides and on top.
fn volumes(hair: &Hair) -> [f32; 2] {
    let volume = hair.volume;
    match hair.cut {
        HairCut::Bald | HairCut::Buzz => [0.0, 0.015],
        HairCut::Short => [0.35 * volume, 0.9 * volume],
        HairCut::Quiff | HairCut::Spiky => [0.25 * volume, 1.2 * volume],
        HairCut::Curly => [0.5 * volume, 0.8 * volume],
        HairCut::Afro => [0.30 + volume, 0.34 + volume],
        HairCut::Ponytail | HairCut::Bun => [0.30 * volume, 0.5 * volume],
        HairCut::Bob | HairCut::Long | HairCut::Wavy | HairCut::Braids => [0.9 * volume, volume],
    }
}

/// The outline at `turn` radians from the crown, `off` the skull.
fn ring(sitter: &Sitter, turn: f32, off: f32) -> Point {
    let person = sitter.person;
    let [side, top] = volumes(&person.hair);
    let (sin, cos) = sin_cos(turn);
    let (wide, high) = (person.face.width + 0.025 + side + off, 0.82 + top + off);
    let lump = match person.hair.cut {
        // Brushed up and to one side.
        HairCut::Quiff => {
            let from_peak = turn + 0.30 * person.hair.parting;
            0.25 * (1.0 - 0.9 * from_peak * from_peak).max(0.0)
        }
        _ => 0.0,
    };
    let lift = lump * cos;
    sitter
        .head
        .point([wide * sin, MIDDLE - (high * cos) - lift, DEPTH])
}

/// How far down the sides reach, in radians from the crown.
fn reach(hair: &Hair) -> f32 {
    match hair.cut {
        HairCut::Afro => 1.95,
        HairCut::Curly => 1.65,
        HairCut::Buzz | HairCut::Short | HairCut::Quiff | HairCut::Spiky => 1.72,
        _ => 1.95,
    }
}

fn outline(sitter: &Sitter) -> Vec<Point> {
    let reach = reach(&sitter.person.hair);
    let turn = |i: usize| reach * (2.0 * i as f32 / (RING - 1) as f32 - 1.0);
    if sitter.person.hair.cut != HairCut::Spiky {
        return (0..RING).map(|i| ring(sitter, turn(i), 0.0)).collect();
    }
    let draws = &mut Draws::new(sitter.person.seed, Purpose::Strands);
    let spikes = 2 * RING;
    let turn = |i: usize| reach * (2.0 * i as f32 / spikes as f32 - 1.0);
    let height = |i: usize, draws: &mut Draws| match i % 2 {
        0 => 0.0,
        _ => (0.10 + 0.16 * draws.unit()) * (1.0 - 0.35 * turn(i).abs()),
    };
    (0..=spikes)
        .map(|i| ring(sitter, turn(i), height(i, draws)))
        .collect()
}

/// From the right temple over the forehead to the left.
pub(super) fn hairline(person: &Person) -> Vec<[f32; 2]> {
    let (wide, top) = (person.face.width, person.hair.height);
    let low = person.eyes.height + 0.10;
    let points: Vec<[f32; 2]> = match person.hair.line {
        Hairline::Round => vec![
            [0.97, low],
            [0.92, -0.18],
            [0.82, -0.42],
            [0.48, top + 0.03],
            [0.0, top],
            [-0.48, top + 0.03],
            [-0.82, -0.42],
            [-0.92, -0.18],
            [-0.97, low],
        ],
        Hairline::Side => vec![
            [0.97, low],
            [0.92, -0.18],
            [0.86, -0.42],
            [0.52, top - 0.10],
            [0.12, top + 0.06],
            [-0.32, top + 0.20],
            [-0.70, top + 0.34],
            [-0.92, -0.12],
            [-0.97, low],
        ],
        Hairline::Fringe => vec![
            [0.97, low],
            [0.93, -0.18],
            [0.80, -0.33],
            [0.42, -0.335],
            [0.0, -0.325],
            [-0.42, -0.335],
            [-0.80, -0.33],
            [-0.93, -0.18],
            [-0.97, low],
        ],
        Hairline::Curtain => vec![
            [0.97, low],
            [0.90, -0.10],
            [0.78, -0.34],
            [0.42, top + 0.10],
            [0.03, top - 0.14],
            [-0.03, top - 0.14],
            [-0.42, top + 0.10],
            [-0.78, -0.34],
            [-0.90, -0.10],
            [-0.97, low],
        ],
        Hairline::Receding => vec![
            [0.97, low],
            [0.93, -0.18],
            [0.90, -0.46],
            [0.70, -0.74],
            [0.46, -0.86],
            [0.22, top - 0.12],
            [0.0, top - 0.08],
            [-0.22, top - 0.12],
            [-0.46, -0.86],
            [-0.70, -0.74],
            [-0.90, -0.46],
            [-0.93, -0.18],
            [-0.97, low],
        ],
    };
    let swept = person.hair.line == Hairline::Side && person.hair.parting < 0.0;
    let mut points: Vec<_> = points.iter().map(|&[u, v]| [u * wide, v]).collect();
    if swept {
        points.reverse();
        points.iter_mut().for_each(|[u, _]| *u = -*u);
    }
    points
}

/// Everything between the outline and the hairline.
pub(super) fn cover(sitter: &Sitter) -> Shape {
    let line: Vec<_> = hairline(sitter.person)
        .iter()
        .map(|&p| sitter.head.on(p))
        .collect();
    Shape::between(&outline(sitter), &line)
}

/// Curls along the edges.
pub(super) fn bumps(sitter: &Sitter) -> Vec<Shape> {
    let person = sitter.person;
    let (count, size, inner) = match person.hair.cut {
        HairCut::Curly => (13, 0.17, true),
        HairCut::Afro => (19, 0.20, false),
        _ => return Vec::new(),
    };
    let draws = &mut Draws::new(person.seed, Purpose::Strands);
    let reach = reach(&person.hair);
    let mut shapes: Vec<_> = (0..count)
        .map(|i| {
            let turn = reach * (2.0 * i as f32 / (count - 1) as f32 - 1.0);
            let radius = sitter.head.length(size * draws.between(0.85, 1.2));
            Shape::circle(ring(sitter, turn, -0.05), radius)
        })
        .collect();
    if inner {
        let line = hairline(person);
        let curls = line[1..line.len() - 1].iter().map(|&[u, v]| {
            let radius = sitter.head.length(0.11 * draws.between(0.85, 1.2));
            Shape::circle(sitter.head.on([u, v - 0.06]), radius)
        });
        shapes.extend(curls);
    }
    shapes
}

/// What a bald crown keeps above the ears.
pub(super) fn wreath(sitter: &Sitter) -> Vec<Shape> {
    let wide = sitter.person.face.width;
    let side = |sign: f32| {
        let at = |u: f32, v: f32| sitter.head.point([sign * u * wide, v, 0.0]);
        Shape::closed(&[
            at(1.02, 0.16),
            at(1.10, -0.12),
            at(1.07, -0.40),
            at(0.97, -0.56),
            at(0.90, -0.36),
            at(0.93, -0.08),
        ])
    };
    vec![side(-1.0), side(1.0)]
}

/// A few lines that show which way the hair runs.
pub(super) fn strands(sitter: &Sitter) -> Vec<Shape> {
    let person = sitter.person;
    if matches!(
        person.hair.cut,
        HairCut::Afro | HairCut::Curly | HairCut::Spiky
    ) {
        return Vec::new();
    }
    let root = match person.hair.line {
        Hairline::Side => 0.50 * person.hair.parting,
        _ => 0.0,
    };
    let wide = person.face.width;
    let strand = |place: f32| {
        let start = sitter
            .head
            .above([wide * (root + 0.12 * place), -0.98], 0.05);
        let middle = sitter
            .head
            .above([wide * (root + 0.55 * (place - root)), -0.80], 0.08);
        let end = sitter
            .head
            .on([0.94 * wide * place, -0.28 - 0.30 * (1.0 - place * place)]);
        Shape::open(&[start, middle, end])
    };
    [-0.92, -0.60, -0.25, 0.25, 0.60, 0.92].map(strand).into()
}
