//! One person, from the back hair to the glasses.

mod beard;
mod body;
mod eyes;
mod face;
mod glasses;
mod hair;
mod hat;
mod mouth;
mod nose;
pub(super) mod truth;

pub(super) use face::face_outline;

use super::brush::Brush;
use super::canvas::Canvas;
use super::head::Head;
use super::person::Person;
use super::pose::{Attire, Expression, Pose};

/// All that decides how a person looks in one picture.
pub(super) struct Sitter<'a> {
    pub(super) brush: Brush<'a>,
    pub(super) head: Head,
    pub(super) person: &'a Person,
    pub(super) pose: &'a Pose,
    pub(super) expression: &'a Expression,
    pub(super) attire: &'a Attire,
}

impl Sitter<'_> {
    /// Paints from the back to the front.
    pub(super) fn paint(&self, canvas: &mut Canvas) {
        hair::behind(canvas, self);
        body::neck(canvas, self);
        body::trunk(canvas, self);
        body::arms(canvas, self);
        hair::skull(canvas, self);
        let skin = face::base(canvas, self);
        nose::paint(canvas, self, &skin);
        eyes::paint(canvas, self, &skin);
        beard::paint(canvas, self, &skin);
        mouth::paint(canvas, self, &skin);
        face::marks(canvas, self, &skin);
        glasses::paint(canvas, self);
        hair::front(canvas, self, &skin);
        face::earrings(canvas, self);
        hat::paint(canvas, self);
    }
}
