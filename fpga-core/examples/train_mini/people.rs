//! Drawn people, by place in a training.

use std::ops::Range;

use fpga_core::Error;
use fpga_core::data::portrait::{Framing, Person, Scene, SceneSampler, Style};
use fpga_core::face::{Landmarks5, align_face};
use image::RgbImage;

use crate::recipe::{SEED, TRAINED};

/// Numbers that follow from a seed: SplitMix64.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// For one thing of one batch.
    pub(crate) fn new(place: u64, index: u64) -> Self {
        Self((SEED << 48) ^ (place << 8) ^ index)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    /// 0 to 1, without 1.
    pub(crate) fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// True in this share of all cases.
    pub(crate) fn chance(&mut self, share: f32) -> bool {
        self.share() < share
    }

    /// One of a range of people.
    pub(crate) fn of(&mut self, crowd: &Range<u64>) -> u64 {
        crowd.start + self.below(crowd.end - crowd.start)
    }
}

/// One to three people out of a crowd, `side` pixels wide and high, and their numbers.
pub(crate) fn group(
    numbers: &mut Numbers,
    crowd: &Range<u64>,
    side: u32,
) -> Result<(Scene, Vec<u64>), Error> {
    let count = 1 + numbers.below(3);
    let sampler = SceneSampler {
        framing: framing(count),
        ..SceneSampler::new(side)
    };
    gathered(numbers, crowd, (count, sampler))
}

/// Up to four people without hats, most of them painted, as [`group`] gives them.
pub(crate) fn crowd(
    numbers: &mut Numbers,
    crowd: &Range<u64>,
    side: u32,
) -> Result<(Scene, Vec<u64>), Error> {
    let count = 1 + numbers.below(4);
    gathered(numbers, crowd, (count, hatless(count, 2, side)))
}

/// One or two people without hats, most of them painted, drawn so large that a face fills a picture.
pub(crate) fn closely(
    numbers: &mut Numbers,
    crowd: &Range<u64>,
) -> Result<(Scene, Vec<u64>), Error> {
    let count = 1 + numbers.below(2);
    let side = if count == 1 { 192 } else { 288 };
    gathered(numbers, crowd, (count, hatless(count, 3, side)))
}

/// People without hats: one picture in `all` is in any style, the others are painted.
fn hatless(count: u64, all: usize, side: u32) -> SceneSampler {
    let mut styles = Style::ALL.to_vec();
    styles.resize(all * styles.len(), Style::Painted);
    SceneSampler {
        framing: framing(count),
        styles,
        hats: false,
        ..SceneSampler::new(side)
    }
}

/// The nearer, the fewer there are.
pub(crate) fn framing(people: u64) -> Framing {
    match people {
        1 => Framing::Portrait,
        _ => Framing::Half,
    }
}

/// One person from near, as [`group`] gives it.
pub(crate) fn near(
    numbers: &mut Numbers,
    crowd: &Range<u64>,
    side: u32,
) -> Result<(Scene, Vec<u64>), Error> {
    let sampler = SceneSampler {
        framing: framing(1),
        ..SceneSampler::new(side)
    };
    gathered(numbers, crowd, (1, sampler))
}

/// This many people out of a crowd.
pub(crate) fn gathered(
    numbers: &mut Numbers,
    crowd: &Range<u64>,
    (count, sampler): (u64, SceneSampler),
) -> Result<(Scene, Vec<u64>), Error> {
    let who: Vec<u64> = (0..count).map(|_| numbers.of(crowd)).collect();
    let people: Vec<_> = { who.iter() }
        .map(|&number| Person::from_seed(number))
        .collect();
    Ok((sampler.scene(&people, numbers.next())?, who))
}

/// Somebody with the hair of someone else.
pub(crate) fn with_other_hair(numbers: &mut Numbers, person: Person) -> Person {
    let other = Person::from_seed(numbers.of(&TRAINED));
    Person {
        hair: other.hair,
        ..person
    }
}

/// A person's face as recognition sees it, from a picture of 64 to 160 pixels, cut out as exactly as the
/// landmarks of a detector are.
pub(crate) fn aligned(numbers: &mut Numbers, person: &Person) -> Result<RgbImage, Error> {
    let side = 64 + numbers.below(97) as u32;
    let scene = SceneSampler::new(side).portrait(person, numbers.next())?;
    let drawing = scene.draw()?;
    let landmarks = shaken(numbers, &drawing.figures[0].landmarks)?;
    align_face(&drawing.picture, &landmarks)
}

/// Moved, turned and resized a little.
fn shaken(numbers: &mut Numbers, landmarks: &Landmarks5) -> Result<Landmarks5, Error> {
    let points = landmarks.points();
    let [left, right] = [points[0], points[1]];
    let eyes = (right[0] - left[0]).hypot(right[1] - left[1]);
    let mut shake = |most: f32| most * (2.0 * numbers.share() - 1.0);
    let (angle, scale) = (shake(0.1), 1.0 + shake(0.12));
    let [x0, y0] = [shake(0.15 * eyes), shake(0.15 * eyes)];
    let [cx, cy] = points[2];
    let (sin, cos) = angle.sin_cos();
    Landmarks5::new(points.map(|[x, y]| {
        let (x, y) = (scale * (x - cx), scale * (y - cy));
        let [dx, dy] = [shake(0.04 * eyes), shake(0.04 * eyes)];
        [
            cx + x0 + cos * x - sin * y + dx,
            cy + y0 + sin * x + cos * y + dy,
        ]
    }))
}
