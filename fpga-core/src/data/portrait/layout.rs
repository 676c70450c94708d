//! Scenes from a seed: where people stand, in what light, before what.

use serde::{Deserialize, Serialize};

use super::backdrop::Backdrop;
use super::brush::{Light, Style};
use super::person::{HairCut, Person};
use super::pose::{Attire, Expression, Pose};
use super::scene::{Figure, Scene};
use super::tone::Tone;
use crate::data::draws::{Draws, Purpose};
use crate::error::{Error, Result};

/// Most people that a scene has room for.
const MAX_PEOPLE: usize = 4;

/// How much of a person a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Head and shoulders.
    Portrait,
    /// Down to the waist or so.
    Half,
    /// From head to toe.
    Full,
}

/// What scenes are drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SceneSampler {
    /// Width and height of the pictures in pixels.
    pub size: [u32; 2],
    /// One of these each time.
    pub styles: Vec<Style>,
    /// One of these each time.
    pub backdrops: Vec<Backdrop>,
    /// How much of the people is seen.
    pub framing: Framing,
    /// Whether some people wear hats, which hide the hair.
    pub hats: bool,
}

impl SceneSampler {
    /// Square pictures of people down to the waist, in all styles, before all backdrops.
    pub fn new(side: u32) -> Self {
        Self {
            size: [side, side],
            styles: Style::ALL.to_vec(),
            backdrops: Backdrop::ALL.to_vec(),
            framing: Framing::Half,
            hats: true,
        }
    }

    /// A reference picture of one person: head and shoulders, no hat.
    ///
    /// # Errors
    /// If there are no styles or no backdrops to draw from.
    pub fn portrait(&self, person: &Person, seed: u64) -> Result<Scene> {
        let sampler = Self {
            framing: Framing::Portrait,
            hats: false,
            ..self.clone()
        };
        sampler.scene(std::slice::from_ref(person), seed)
    }

    /// These people, from left to right.
    ///
    /// # Errors
    /// If there are no people or more than four, no styles, or no backdrops.
    pub fn scene(&self, people: &[Person], seed: u64) -> Result<Scene> {
        self.check(people)?;
        let draws = &mut Draws::new(seed, Purpose::Scene);
        let style = draws.pick(&self.styles);
        let backdrop = draws.pick(&self.backdrops);
        let light = Light::drawn(draws, backdrop);
        let unit = self.unit(people.len(), draws);
        let figures = people
            .iter()
            .enumerate()
            .map(|(slot, person)| self.figure(person, (slot, people.len()), unit, draws))
            .collect();
        Ok(Scene {
            size: self.size,
            style,
            light,
            backdrop,
            seed,
            figures,
        })
    }

    fn check(&self, people: &[Person]) -> Result<()> {
        if people.is_empty() || people.len() > MAX_PEOPLE {
            let why = format!(
                "a scene has 1 to {MAX_PEOPLE} people, found {}",
                people.len()
            );
            return Err(Error::invalid("people", why));
        }
        for (field, empty) in [
            ("styles", self.styles.is_empty()),
            ("backdrops", self.backdrops.is_empty()),
        ] {
            if empty {
                return Err(Error::invalid(
                    field,
                    "needs at least one to draw from, found none",
                ));
            }
        }
        Ok(())
    }

    /// Half a head's height in pixels: what fits the width of a slot and the picture's height.
    fn unit(&self, count: usize, draws: &mut Draws) -> f32 {
        let [width, height] = self.size.map(|side| side as f32);
        let slot = width / count as f32;
        match self.framing {
            Framing::Portrait => draws.between(0.255, 0.325) * slot.min(height),
            Framing::Half => {
                (draws.between(0.37, 0.43) * slot).min(draws.between(0.19, 0.235) * height)
            }
            Framing::Full => {
                (draws.between(0.33, 0.37) * slot).min(draws.between(0.086, 0.096) * height)
            }
        }
    }

    fn figure(
        &self,
        person: &Person,
        (slot, count): (usize, usize),
        unit: f32,
        draws: &mut Draws,
    ) -> Figure {
        let [width, height] = self.size.map(|side| side as f32);
        let unit = unit * draws.between(0.92, 1.0);
        let share = (slot as f32 + 0.5 + draws.near(0.0, 0.05)) / count as f32;
        // Volume of hair above the crown: nobody's hair is cut off by the picture's edge.
        let above = match person.hair.cut {
            HairCut::Bun => 1.75,
            HairCut::Afro | HairCut::Quiff => 1.55,
            _ => 1.35,
        };
        let y = match self.framing {
            Framing::Portrait => height * draws.between(0.45, 0.53),
            Framing::Half => height * draws.between(0.33, 0.47),
            Framing::Full => height - unit * draws.between(8.2, 8.6),
        };
        let free =
            [slot == 0, slot + 1 == count].map(|edge| edge && self.framing != Framing::Portrait);
        let seed = draws.bits();
        Figure {
            person: person.clone(),
            pose: Pose::drawn(seed, [share * width, y.max(above * unit)], unit, free),
            expression: Expression::drawn(seed),
            attire: Attire::drawn(seed, self.hats),
        }
    }
}

impl Light {
    /// From above, left or right.
    fn drawn(draws: &mut Draws, backdrop: Backdrop) -> Self {
        let x = draws.between(-0.8, 0.8);
        let from = [x, -(1.0 - x * x).max(0.0).sqrt()];
        let warm = ("in warm light", Tone::hex(0xFF_DDA8));
        let cool = ("in cool light", Tone::hex(0xC9_DCFF));
        let plain = ("", Tone::hex(0xFF_FBF2));
        let (name, tone) = match backdrop {
            Backdrop::Sunset => ("", Tone::hex(0xFF_C98A)),
            Backdrop::Night => ("", Tone::hex(0xA9_B8F0)),
            _ => draws.weighted(&[(plain, 2.0), (warm, 1.0), (cool, 1.0)]),
        };
        Self {
            from,
            depth: draws.between(0.25, 1.0),
            tone,
            name: name.to_owned(),
        }
    }
}
