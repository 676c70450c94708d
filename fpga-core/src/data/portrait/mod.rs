//! Drawn people: pictures whose identities, places and parts are known exactly.
//!
//! A [`Person`] is an identity: face, skin, eyes, hair, beard, glasses, marks. A [`Scene`] puts one to
//! four of them somewhere, in a [`Pose`], with an [`Expression`], in clothes and light that are *not*
//! identity, and [`Scene::draw`] gives the picture with boxes, landmarks, skeletons and masks.
//!
//! Everything comes from seeds. Numbers, boxes, landmarks, skeletons and captions are the same on
//! every machine: only exactly rounded arithmetic is used. Pixels are the same for one processor
//! family and build; another one's rasteriser may round single values of a channel differently.

mod backdrop;
mod brush;
mod canvas;
mod caption;
mod curve;
mod head;
mod layout;
mod paint;
mod person;
mod pose;
mod scene;
mod tone;

pub use backdrop::Backdrop;
pub use brush::{Light, Style};
pub use caption::Wording;
pub use layout::{Framing, SceneSampler};
pub use person::{
    Beard, BeardCut, Brows, Eyes, FaceShape, Glasses, Hair, HairColour, HairCut, Hairline, Lens,
    Marks, Mouth, Nose, Person, Presentation,
};
pub use pose::{Arm, Attire, Expression, Garment, Hat, Mood, Pose};
pub use scene::{Drawing, DrawnFigure, Figure, Scene};
pub use tone::Tone;
