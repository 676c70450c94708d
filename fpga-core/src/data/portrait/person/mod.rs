//! Who somebody is: everything that stays when pose, expression, light, clothes and place change.
//!
//! Lengths are in units of half a head's height (crown to chin is about 2), measured on the face seen
//! from the front: `u` to the right, `v` down, the origin between eyes and mouth.

mod drawn;

use serde::{Deserialize, Serialize};

use super::tone::Tone;

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
