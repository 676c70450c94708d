//! Beards and moustaches.

use tiny_skia::Mask;

use super::Sitter;
use crate::data::portrait::brush::Matter;
use crate::data::portrait::canvas::Canvas;
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::person::BeardCut;

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Some(beard) = &sitter.person.beard else {
        return;
    };
    let brush = &sitter.brush;
    match beard.cut {
        BeardCut::Stubble => {
            let shadow = sitter.person.skin.mix(beard.tone, 0.55);
            canvas.fill_within(&jaw(sitter, 0.02), &brush.flat(shadow, 0.42), skin);
            canvas.fill_within(&moustache(sitter), &brush.flat(shadow, 0.42), skin);
        }
        BeardCut::Moustache => {
            brush.surface(canvas, &moustache(sitter), Matter::hair(beard.tone));
        }
        BeardCut::Goatee => {
            let shapes = [moustache(sitter), goatee(sitter)];
            brush.mass(canvas, &shapes, Matter::hair(beard.tone));
        }
        BeardCut::Full => {
            let shapes = [jaw(sitter, 0.07), moustache(sitter)];
            brush.mass(canvas, &shapes, Matter::hair(beard.tone));
        }
        BeardCut::Long => {
            let shapes = [jaw(sitter, 0.10), tail(sitter), moustache(sitter)];
            brush.mass(canvas, &shapes, Matter::hair(beard.tone));
        }
    }
}

/// From the far left over the middle to the far right, given the right half from the middle on.
fn mirrored<const N: usize>(point: impl Fn(f32, f32) -> Point, half: [[f32; 2]; N]) -> Vec<Point> {
    let left = half.iter().rev().map(|&[u, v]| point(-u, v));
    let right = half.iter().skip(1).map(|&[u, v]| point(u, v));
    left.chain(right).collect()
}

fn moustache(sitter: &Sitter) -> Shape {
    let (mouth, nose) = (&sitter.person.mouth, &sitter.person.nose);
    let smile = sitter.expression.smile.max(0.0);
    let width = mouth.width * (1.06 + 0.2 * smile);
    let (low, high) = (mouth.height - mouth.upper * 0.4, nose.tip + 0.085);
    let at = |u: f32, v: f32| sitter.head.above([u, v], 0.05);
    let top = [
        [0.0, high],
        [0.45 * width, high + 0.02],
        [width, low - 0.01 - 0.05 * smile],
    ];
    let bottom = [
        [0.0, low - 0.01],
        [0.5 * width, low + 0.012],
        [width * 1.02, low + 0.06 - 0.07 * smile],
    ];
    let mut back = mirrored(at, bottom);
    back.reverse();
    Shape::between(&mirrored(at, top), &back)
}

/// Along the jaw from ear to ear, `extra` below it.
fn jaw(sitter: &Sitter, extra: f32) -> Shape {
    let (face, mouth) = (&sitter.person.face, &sitter.person.mouth);
    let (wide, corner) = (face.width, face.jaw * face.width);
    let drop = 0.16 * sitter.expression.open;
    let rim = |u: f32, v: f32| sitter.head.point([u, v, 0.10 + 0.30 * (v.max(0.0))]);
    let outer = [
        [0.0, face.chin + extra],
        [0.75 * face.chin_width, face.chin + extra - 0.02],
        [
            0.52 * corner + 0.5 * face.chin_width,
            0.24 + 0.60 * face.chin + 0.7 * extra,
        ],
        [corner + 0.5 * extra, 0.56],
        [0.62 * wide + 0.38 * corner + 0.3 * extra, 0.30],
        [wide * 0.995, 0.03],
    ];
    let top = mouth.height - 0.02;
    let inner = [
        [0.0, mouth.height + mouth.lower + 0.06 + drop],
        [
            0.6 * mouth.width,
            mouth.height + 0.8 * mouth.lower + 0.05 + drop,
        ],
        [mouth.width * 1.20, top],
        [0.60 * wide, 0.40],
        [0.86 * wide, 0.16],
        [0.90 * wide, 0.0],
    ];
    let on = |u: f32, v: f32| sitter.head.on([u, v]);
    let mut back = mirrored(on, inner);
    back.reverse();
    Shape::between(&mirrored(rim, outer), &back)
}

fn goatee(sitter: &Sitter) -> Shape {
    let (face, mouth) = (&sitter.person.face, &sitter.person.mouth);
    let wide = mouth.width * 1.12;
    let drop = 0.16 * sitter.expression.open;
    let at = |u: f32, v: f32| sitter.head.on([u, v]);
    let outer = [
        [0.0, face.chin + 0.05],
        [0.8 * face.chin_width, face.chin - 0.03],
        [wide + 0.04, mouth.height + 0.12],
        [wide + 0.02, mouth.height - 0.03],
    ];
    let inner = [
        [0.0, mouth.height + mouth.lower + 0.05 + drop],
        [
            0.6 * mouth.width,
            mouth.height + 0.8 * mouth.lower + 0.04 + drop,
        ],
        [mouth.width * 0.92, mouth.height + 0.05],
        [mouth.width * 0.95, mouth.height - 0.01],
    ];
    let mut back = mirrored(at, inner);
    back.reverse();
    Shape::between(&mirrored(at, outer), &back)
}

fn tail(sitter: &Sitter) -> Shape {
    let face = &sitter.person.face;
    let corner = face.jaw * face.width;
    let at = |u: f32, v: f32| sitter.head.point([u, v, 0.36]);
    let half = [
        [0.0, face.chin + 0.52],
        [0.30, face.chin + 0.36],
        [0.92 * corner, face.chin - 0.22],
        [0.5 * corner, face.chin - 0.25],
    ];
    Shape::closed(&mirrored(at, half))
}
