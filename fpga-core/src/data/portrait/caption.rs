//! Captions from a small grammar.
//!
//! `[medium] of [people] [place][, light]`, where each of the people is
//! `a [mood] woman|man [with features] [in a garment]`.

use super::brush::Style;
use super::person::{BeardCut, HairColour, HairCut, Lens, Person, Presentation};
use super::pose::{Attire, Garment, Hat, Mood};
use super::scene::{Figure, Scene};
use crate::data::draws::{Draws, Purpose};

/// How much a caption gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// Nothing that belongs to identity but woman or man.
    Plain,
    /// Hair, beard and glasses too.
    Described,
}

impl Scene {
    /// What the picture shows, in words.
    pub fn caption(&self, wording: Wording) -> String {
        let draws = &mut Draws::new(self.seed, Purpose::Caption);
        let medium = match self.style {
            Style::Painted => {
                draws.pick(&["a painting", "a digital painting", "a portrait painting"])
            }
            Style::Ink => draws.pick(&["an ink drawing", "a comic drawing", "a poster"]),
            Style::Paper => draws.pick(&["a paper cut", "a flat illustration"]),
        };
        let names: Vec<_> = self
            .figures
            .iter()
            .map(|figure| figure.words(wording))
            .collect();
        let light = if self.light.name.is_empty() {
            String::new()
        } else {
            format!(", {}", self.light.name)
        };
        format!(
            "{medium} of {} {}{light}",
            listed(&names),
            self.backdrop.words()
        )
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Figure {
    fn words(&self, wording: Wording) -> String {
        let mood = match self.expression.mood {
            Mood::Calm | Mood::Resting => "a",
            Mood::Smiling => "a smiling",
            Mood::Laughing => "a laughing",
            Mood::Surprised => "a surprised",
            Mood::Sad => "a sad",
            Mood::Stern => "a stern",
        };
        let features = match wording {
            Wording::Plain => String::new(),
            Wording::Described => format!(" with {}", listed(&self.person.features())),
        };
        let eyes = if self.expression.mood == Mood::Resting {
            " with closed eyes"
        } else {
            ""
        };
        format!(
            "{mood} {}{features}{eyes} {}",
            self.person.noun(),
            self.attire.words()
        )
    }
}

impl Person {
    /// "woman" or "man".
    pub fn noun(&self) -> &'static str {
        match self.presentation {
            Presentation::Woman => "woman",
            Presentation::Man => "man",
        }
    }

    /// What one would tell of the person's looks, most striking first.
    pub fn features(&self) -> Vec<String> {
        let mut features = vec![self.hair_words()];
        features.extend(self.beard.as_ref().map(|beard| {
            let words = match beard.cut {
                BeardCut::Stubble => "stubble",
                BeardCut::Moustache => "a moustache",
                BeardCut::Goatee => "a goatee",
                BeardCut::Full => "a beard",
                BeardCut::Long => "a long beard",
            };
            words.to_owned()
        }));
        features.extend(self.glasses.as_ref().map(|glasses| {
            let words = match glasses.lens {
                Lens::Round => "round glasses",
                Lens::Square => "square glasses",
                Lens::CatEye => "cat-eye glasses",
                Lens::Aviator => "large glasses",
            };
            words.to_owned()
        }));
        if self.marks.freckles > 0 {
            features.push("freckles".to_owned());
        }
        features
    }

    fn hair_words(&self) -> String {
        let colour = match self.hair.colour {
            HairColour::Black => "black",
            HairColour::Brown => "brown",
            HairColour::Red => "red",
            HairColour::Blond => "blond",
            HairColour::Grey => "grey",
            HairColour::White => "white",
            HairColour::Blue => "blue",
            HairColour::Pink => "pink",
            HairColour::Green => "green",
            HairColour::Purple => "purple",
        };
        match self.hair.cut {
            HairCut::Bald => "a bald head".to_owned(),
            HairCut::Buzz => format!("shaved {colour} hair"),
            HairCut::Short => format!("short {colour} hair"),
            HairCut::Quiff => format!("a {colour} quiff"),
            HairCut::Spiky => format!("spiky {colour} hair"),
            HairCut::Curly => format!("curly {colour} hair"),
            HairCut::Afro => format!("{colour} afro hair"),
            HairCut::Bob => format!("a {colour} bob"),
            HairCut::Long => format!("long {colour} hair"),
            HairCut::Wavy => format!("wavy {colour} hair"),
            HairCut::Ponytail => format!("a {colour} ponytail"),
            HairCut::Bun => format!("a {colour} bun"),
            HairCut::Braids => format!("{colour} braids"),
        }
    }

    /// One sentence for each facial part, in the manner of FGID's face captions.
    pub fn facial_description(&self) -> String {
        let pick = |value: f32, (low, high): (f32, f32), words: [&'static str; 3]| match value {
            value if value < low => words[0],
            value if value > high => words[2],
            _ => words[1],
        };
        let face = pick(
            self.face.jaw * self.face.width,
            (0.58, 0.70),
            ["narrow", "oval", "broad"],
        );
        let ears = pick(self.ears, (0.22, 0.25), ["small", "medium-sized", "large"]);
        let eyes = pick(
            self.eyes.opening,
            (0.085, 0.105),
            ["narrow", "almond-shaped", "large"],
        );
        let nose = pick(
            self.nose.width,
            (0.125, 0.155),
            ["slim", "straight", "wide"],
        );
        let mouth = pick(
            self.mouth.upper + self.mouth.lower,
            (0.10, 0.14),
            ["thin-lipped", "well-shaped", "full-lipped"],
        );
        let noun = self.noun();
        format!(
            "The {noun} has one {face} face, two {ears} ears, two {eyes} eyes, one {nose} nose, and one {mouth} mouth."
        )
    }
}

impl Attire {
    fn words(&self) -> String {
        let garment = match self.garment {
            Garment::TShirt => "t-shirt",
            Garment::Sweater => "sweater",
            Garment::Striped => "striped sweater",
            Garment::Shirt => "shirt",
            Garment::Suit => "suit",
            Garment::Hoodie => "hoodie",
            Garment::Dress => "dress",
        };
        let article = if self.colour == "orange" { "an" } else { "a" };
        let hat = match self.hat {
            Some(Hat::Beanie) => " and a beanie",
            Some(Hat::Brimmed) => " and a hat",
            None => "",
        };
        format!("in {article} {} {garment}{hat}", self.colour)
    }
}
