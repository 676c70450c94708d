//! Who somebody is: everything that stays when pose, expression, light, clothes and place change.
//!
//! Lengths are in units of half a head's height (crown to chin is about 2), measured on the face seen
//! from the front: `u` to the right, `v` down, the origin between eyes and mouth.

use serde::{Deserialize, Serialize};

use super::tone::Tone;
use crate::data::draws::{Draws, Purpose};

/// A drawn person's identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// What the person was drawn from; its number.
    pub seed: u64,
    /// What captions call the person.
    pub presentation: Presentation,
    /// In years.
    pub age: f32,
    /// Of the face.
    pub skin: Tone,
    /// The outline.
    pub face: FaceShape,
    /// Both alike.
    pub eyes: Eyes,
    /// Both alike.
    pub brows: Brows,
    /// Bridge, tip and wings.
    pub nose: Nose,
    /// At rest.
    pub mouth: Mouth,
    /// Height of an ear.
    pub ears: f32,
    /// Of the head.
    pub hair: Hair,
    /// Where there is one.
    pub beard: Option<Beard>,
    /// Worn always.
    pub glasses: Option<Glasses>,
    /// What else one knows somebody by.
    pub marks: Marks,
}

/// What captions call a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation {
    /// "woman"
    Woman,
    /// "man"
    Man,
}

/// The outline of a face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceShape {
    /// Half the width at the cheekbones.
    pub width: f32,
    /// Width at the temples, relative to the cheekbones.
    pub temples: f32,
    /// Width at the jaw's corners, relative to the cheekbones.
    pub jaw: f32,
    /// Half the width of the chin.
    pub chin_width: f32,
    /// Where the chin ends.
    pub chin: f32,
}

/// Eyes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eyes {
    /// Half the distance between their centres.
    pub spacing: f32,
    /// Height of their line.
    pub height: f32,
    /// Half the width of one.
    pub width: f32,
    /// How far one opens, above its middle.
    pub opening: f32,
    /// How much higher the outer corner is.
    pub tilt: f32,
    /// Of the iris.
    pub iris: Tone,
    /// Weight of the upper lid's line.
    pub lashes: f32,
}

/// Brows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brows {
    /// Above the eyes' line.
    pub height: f32,
    /// At its thickest.
    pub thickness: f32,
    /// How much the middle is higher than the ends.
    pub arch: f32,
    /// How much the outer end is higher than the inner.
    pub slope: f32,
    /// Half the length, relative to the eye's width.
    pub length: f32,
    /// Their colour.
    pub tone: Tone,
}

/// A nose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nose {
    /// Height of the tip.
    pub tip: f32,
    /// Half the width at the wings.
    pub width: f32,
    /// Half the width of the bridge.
    pub bridge: f32,
    /// How far it stands out of the face.
    pub relief: f32,
    /// How much the tip hangs (positive) or turns up.
    pub hook: f32,
}

/// A mouth at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mouth {
    /// Height of the line between the lips.
    pub height: f32,
    /// Half the width.
    pub width: f32,
    /// Thickness of the upper lip.
    pub upper: f32,
    /// Thickness of the lower lip.
    pub lower: f32,
    /// Depth of the cupid's bow, relative to the upper lip.
    pub bow: f32,
    /// Of the lips.
    pub tone: Tone,
}

/// How hair is worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HairCut {
    /// None.
    Bald,
    /// A shadow of hair.
    Buzz,
    /// Close to the head.
    Short,
    /// Brushed up over the forehead.
    Quiff,
    /// In points.
    Spiky,
    /// Short curls.
    Curly,
    /// A round cloud.
    Afro,
    /// To the jaw.
    Bob,
    /// Straight, over the shoulders.
    Long,
    /// In waves, over the shoulders.
    Wavy,
    /// Tied at the back of the head.
    Ponytail,
    /// In a knot on top.
    Bun,
    /// Two braids in front of the shoulders.
    Braids,
}

/// How the hair's edge runs across the forehead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hairline {
    /// An arch.
    Round,
    /// Swept to one side from a parting.
    Side,
    /// A fringe down to the brows.
    Fringe,
    /// Parted in the middle like a curtain.
    Curtain,
    /// Drawn back at the temples.
    Receding,
}

/// Hair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hair {
    /// How it is worn.
    pub cut: HairCut,
    /// How it meets the forehead.
    pub line: Hairline,
    /// Its colour.
    pub tone: Tone,
    /// How captions name the colour.
    pub colour: HairColour,
    /// How far it stands off the skull.
    pub volume: f32,
    /// Height of the hairline's middle.
    pub height: f32,
    /// Side of the parting: −1 left, 1 right.
    pub parting: f32,
    /// How far long hair falls.
    pub length: f32,
}

/// How captions name the colour of hair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HairColour {
    /// Black.
    Black,
    /// Brown.
    Brown,
    /// Red.
    Red,
    /// Blond.
    Blond,
    /// Grey.
    Grey,
    /// White.
    White,
    /// Dyed blue.
    Blue,
    /// Dyed pink.
    Pink,
    /// Dyed green.
    Green,
    /// Dyed purple.
    Purple,
}

/// How a beard is worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeardCut {
    /// A shadow.
    Stubble,
    /// On the upper lip only.
    Moustache,
    /// Round mouth and chin.
    Goatee,
    /// From ear to ear.
    Full,
    /// From ear to ear, and long.
    Long,
}

/// A beard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beard {
    /// How it is worn.
    pub cut: BeardCut,
    /// Its colour.
    pub tone: Tone,
}

/// The shape of a pair of glasses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lens {
    /// Circles.
    Round,
    /// Rounded rectangles.
    Square,
    /// With raised outer corners.
    CatEye,
    /// Large drops.
    Aviator,
}

/// A pair of glasses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glasses {
    /// Shape of the lenses.
    pub lens: Lens,
    /// Of the frame.
    pub tone: Tone,
    /// Half the width of a lens.
    pub size: f32,
    /// Thickness of the frame.
    pub weight: f32,
}

/// What else one knows somebody by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// How many; 0 for none.
    pub freckles: u8,
    /// Where on the face, (u, v).
    pub mole: Option<[f32; 2]>,
    /// Across one brow or cheek: where, (u, v).
    pub scar: Option<[f32; 2]>,
    /// Redness of the cheeks, 0–1.
    pub blush: f32,
    /// Of the earrings, where worn.
    pub earrings: Option<Tone>,
}

/// From the lightest to the darkest.
const SKINS: [Tone; 9] = [
    Tone::hex(0xFCE1D2),
    Tone::hex(0xF8D3BA),
    Tone::hex(0xF0BF9B),
    Tone::hex(0xE0A67C),
    Tone::hex(0xC98B5E),
    Tone::hex(0xAE7049),
    Tone::hex(0x8D5536),
    Tone::hex(0x6E3F27),
    Tone::hex(0x51301F),
];
/// Brown to blue, and how common.
const IRISES: [(Tone, f32); 8] = [
    (Tone::hex(0x3B2314), 3.0),
    (Tone::hex(0x5D3A1E), 3.0),
    (Tone::hex(0x87592B), 1.5),
    (Tone::hex(0x7C7A35), 1.2),
    (Tone::hex(0x4E8A4B), 1.2),
    (Tone::hex(0x4F8FC4), 1.8),
    (Tone::hex(0x2F66A8), 1.2),
    (Tone::hex(0x7F8E9B), 1.0),
];
const FRAMES: [Tone; 7] = [
    Tone::hex(0x1E1C22),
    Tone::hex(0x4A2C1A),
    Tone::hex(0x9A2A2F),
    Tone::hex(0x20477F),
    Tone::hex(0xC49A3A),
    Tone::hex(0x8B9099),
    Tone::hex(0x1F6F5C),
];
const JEWELS: [Tone; 4] = [
    Tone::hex(0xE2B33C),
    Tone::hex(0xD9DEE4),
    Tone::hex(0xC4384A),
    Tone::hex(0x3FA7A0),
];

impl HairColour {
    /// Two ends between which the colour lies.
    fn range(self) -> [Tone; 2] {
        let (from, to) = match self {
            Self::Black => (0x17_1316, 0x2A_2024),
            Self::Brown => (0x3A_2316, 0x74_472A),
            Self::Red => (0x8A_3318, 0xC9_6230),
            Self::Blond => (0xB4_8A4A, 0xEC_D08C),
            Self::Grey => (0x78_797F, 0xA6_A7AC),
            Self::White => (0xD2_D3D6, 0xEE_EEF0),
            Self::Blue => (0x2C_5CA6, 0x4C_8AD0),
            Self::Pink => (0xC6_4E86, 0xE8_86B0),
            Self::Green => (0x1F_7F6A, 0x4F_AE8C),
            Self::Purple => (0x5E_3A8C, 0x8A_5EC0),
        };
        [Tone::hex(from), Tone::hex(to)]
    }

    fn drawn(draws: &mut Draws, age: f32, dark: bool) -> Self {
        if draws.chance(0.10) {
            return draws.pick(&[Self::Blue, Self::Pink, Self::Green, Self::Purple]);
        }
        if draws.chance((age - 42.0) / 30.0) {
            return if draws.chance(0.5) {
                Self::Grey
            } else {
                Self::White
            };
        }
        match dark {
            true => draws.weighted(&[(Self::Black, 5.0), (Self::Brown, 2.5), (Self::Blond, 0.7)]),
            false => draws.weighted(&[
                (Self::Black, 2.0),
                (Self::Brown, 3.0),
                (Self::Red, 1.7),
                (Self::Blond, 2.4),
            ]),
        }
    }
}

impl Person {
    /// The person of this number, always the same.
    pub fn from_seed(seed: u64) -> Self {
        let draws = &mut Draws::new(seed, Purpose::Person);
        let woman = draws.chance(0.5);
        let age = draws.between(18.0, 76.0);
        let darkness = draws.unit();
        let ruddy = draws.between(-0.03, 0.03);
        let skin = Tone::along(&SKINS, darkness).times([1.0 + ruddy, 1.0, 1.0 - 1.5 * ruddy]);
        let colour = HairColour::drawn(draws, age, darkness > 0.62);
        let [from, to] = colour.range();
        let hair_tone = from.mix(to, draws.unit());
        let eyes = Eyes::drawn(draws, woman);
        Self {
            seed,
            presentation: if woman {
                Presentation::Woman
            } else {
                Presentation::Man
            },
            age,
            skin,
            face: FaceShape::drawn(draws, woman),
            brows: Brows::drawn(draws, woman, hair_tone),
            nose: Nose::drawn(draws),
            mouth: Mouth::drawn(draws, woman, skin),
            ears: draws.between(0.19, 0.28),
            hair: Hair::drawn(draws, woman, (colour, hair_tone)),
            beard: Beard::drawn(draws, woman, hair_tone),
            glasses: draws
                .chance(0.36)
                .then(|| Glasses::drawn(draws, eyes.spacing)),
            marks: Marks::drawn(draws, woman, darkness),
            eyes,
        }
    }
}

impl FaceShape {
    fn drawn(draws: &mut Draws, woman: bool) -> Self {
        let softness = if woman { 0.05 } else { 0.0 };
        Self {
            width: draws.between(0.67, 0.87) - softness * 0.4,
            temples: draws.between(0.84, 0.98),
            jaw: draws.between(0.70, 0.96) - softness,
            chin_width: draws.between(0.20, 0.46) - softness,
            chin: draws.between(0.86, 1.08) - softness * 0.6,
        }
    }
}

impl Eyes {
    fn drawn(draws: &mut Draws, woman: bool) -> Self {
        Self {
            spacing: draws.between(0.27, 0.365),
            height: draws.between(-0.06, 0.06),
            width: draws.between(0.135, 0.188) + if woman { 0.01 } else { 0.0 },
            opening: draws.between(0.078, 0.13),
            tilt: draws.near(0.015, 0.07),
            iris: draws.weighted(&IRISES),
            lashes: draws.between(0.022, 0.036) + if woman { 0.014 } else { 0.0 },
        }
    }
}

impl Brows {
    fn drawn(draws: &mut Draws, woman: bool, hair: Tone) -> Self {
        let pale = hair.brightness();
        Self {
            height: draws.between(0.19, 0.27),
            thickness: if woman {
                draws.between(0.04, 0.075)
            } else {
                draws.between(0.055, 0.115)
            },
            arch: draws.between(0.0, 0.075),
            slope: draws.near(0.0, 0.09),
            length: draws.between(1.05, 1.45),
            tone: hair.mix(Tone::hex(0x3A2A22), 0.25 + 0.3 * pale),
        }
    }
}

impl Nose {
    fn drawn(draws: &mut Draws) -> Self {
        Self {
            tip: draws.between(0.31, 0.43),
            width: draws.between(0.095, 0.185),
            bridge: draws.between(0.035, 0.07),
            relief: draws.between(0.14, 0.28),
            hook: draws.near(0.0, 0.05),
        }
    }
}

impl Mouth {
    fn drawn(draws: &mut Draws, woman: bool, skin: Tone) -> Self {
        let full = draws.unit();
        let paint = woman && draws.chance(0.55);
        let natural = skin.times([0.93, 0.66, 0.66]);
        let lipstick = draws.pick(&[0xB8_2438, 0xC9_4F5E, 0x8E_1F3A, 0xD0_6A6A, 0xA8_3C68]);
        let share = if paint { draws.between(0.55, 0.9) } else { 0.0 };
        Self {
            height: draws.between(0.585, 0.665),
            width: draws.between(0.22, 0.33),
            upper: 0.038 + 0.05 * full,
            lower: 0.055 + 0.06 * full,
            bow: draws.between(0.1, 0.5),
            tone: natural.mix(Tone::hex(lipstick), share),
        }
    }
}

impl Hair {
    fn drawn(draws: &mut Draws, woman: bool, (colour, tone): (HairColour, Tone)) -> Self {
        use HairCut::{
            Afro, Bald, Bob, Braids, Bun, Buzz, Curly, Long, Ponytail, Quiff, Short, Spiky, Wavy,
        };
        let cut = match woman {
            true => draws.weighted(&[
                (Long, 2.2),
                (Wavy, 2.2),
                (Bob, 2.0),
                (Ponytail, 1.4),
                (Bun, 1.4),
                (Braids, 1.1),
                (Curly, 1.0),
                (Afro, 1.2),
                (Short, 1.0),
                (Buzz, 0.3),
            ]),
            false => draws.weighted(&[
                (Short, 2.6),
                (Quiff, 1.7),
                (Spiky, 1.2),
                (Curly, 1.5),
                (Buzz, 1.3),
                (Bald, 1.4),
                (Afro, 0.9),
                (Long, 0.7),
                (Wavy, 0.5),
                (Bun, 0.6),
                (Bob, 0.4),
            ]),
        };
        use Hairline::{Curtain, Fringe, Receding, Round, Side};
        let lines: &[(Hairline, f32)] = match cut {
            Bald | Buzz => &[(Round, 1.0), (Receding, 1.0)],
            Quiff | Spiky | Afro => &[(Round, 1.0), (Receding, 0.4)],
            Short | Curly if woman => &[(Round, 1.0), (Side, 1.5), (Fringe, 1.2)],
            Short | Curly => &[(Round, 1.2), (Side, 1.6), (Fringe, 0.9), (Receding, 0.9)],
            Ponytail | Bun => &[(Round, 1.6), (Side, 1.0), (Fringe, 0.8), (Curtain, 0.4)],
            Bob | Long | Wavy | Braids => {
                &[(Side, 1.4), (Fringe, 1.2), (Curtain, 1.5), (Round, 0.4)]
            }
        };
        Self {
            cut,
            line: draws.weighted(lines),
            tone,
            colour,
            volume: draws.between(0.05, 0.17),
            height: draws.between(-0.68, -0.56),
            parting: draws.sign(),
            length: draws.between(0.75, 1.25),
        }
    }
}

impl Beard {
    fn drawn(draws: &mut Draws, woman: bool, hair: Tone) -> Option<Self> {
        use BeardCut::{Full, Goatee, Long, Moustache, Stubble};
        if woman || draws.chance(0.42) {
            return None;
        }
        let cut = draws.weighted(&[
            (Stubble, 1.0),
            (Moustache, 1.2),
            (Goatee, 1.2),
            (Full, 1.8),
            (Long, 0.9),
        ]);
        let tone = hair.mix(Tone::hex(0x2A1C14), draws.between(0.0, 0.35));
        Some(Self { cut, tone })
    }
}

impl Glasses {
    fn drawn(draws: &mut Draws, spacing: f32) -> Self {
        Self {
            lens: draws.pick(&[Lens::Round, Lens::Square, Lens::CatEye, Lens::Aviator]),
            tone: draws.pick(&FRAMES),
            size: (draws.between(0.20, 0.27)).min(spacing - 0.045),
            weight: draws.between(0.028, 0.055),
        }
    }
}

impl Marks {
    fn drawn(draws: &mut Draws, woman: bool, darkness: f32) -> Self {
        let freckled = draws.chance(0.22 * (1.2 - darkness));
        let freckles = if freckled {
            14 + draws.index(22) as u8
        } else {
            0
        };
        let mole = draws.chance(0.22).then(|| {
            [
                draws.sign() * draws.between(0.16, 0.45),
                draws.between(0.22, 0.72),
            ]
        });
        let scar = draws.chance(0.07).then(|| {
            [
                draws.sign() * draws.between(0.28, 0.45),
                draws.between(-0.22, 0.36),
            ]
        });
        let earrings = draws
            .chance(if woman { 0.5 } else { 0.1 })
            .then(|| draws.pick(&JEWELS));
        Self {
            freckles,
            mole,
            scar,
            blush: draws.unit() * draws.unit(),
            earrings,
        }
    }
}
