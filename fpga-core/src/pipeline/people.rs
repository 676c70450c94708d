//! Who appears in a generated picture, where, and what became of it.

use burn::tensor::Tensor;
use image::RgbImage;
use ndarray::Array2;
use serde::Serialize;

use super::guided::ActivePeople;
use crate::error::{Context, Error, Result};
use crate::face::{FaceBox, Landmarks5, MaskShape, face_region, head_of_body};
use crate::identity::{
    Identity, IdentityAttention, IdentitySet, Leakage, LeakageMeter, RegionMask,
};

/// Everyone in a picture, and the adapter that their tokens are made for.
#[derive(Clone, Debug)]
pub struct People<'a> {
    /// Loaded for the model's UNet.
    pub adapter: &'a IdentityAttention,
    /// In any order: it does not show in the picture.
    pub identities: Vec<PortraitIdentity>,
    /// Whether to measure where everyone's attention goes. Costs about one more attention per person
    /// and layer; the picture stays the same.
    pub measure: bool,
}

/// One person of a picture.
#[derive(Clone, Debug)]
pub struct PortraitIdentity {
    /// For errors and reports.
    pub name: Option<String>,
    /// Who.
    pub tokens: IdentityTokens,
    /// Where; may be left out by someone who is alone, and then has the whole picture.
    pub place: Option<Place>,
    /// 1 as the adapter was trained, 0 silent.
    pub strength: f64,
    /// Share of the steps at which it starts and ends to act: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
}

/// What an adapter's projector makes of a person's pictures.
#[derive(Clone, Debug)]
pub struct IdentityTokens {
    /// Of the person: `[n, width]`.
    pub conditional: Tensor<2>,
    /// Of nobody, for the unconditional half of guidance: as many, as wide.
    pub unconditional: Tensor<2>,
}

/// Where in the picture a person is, in its pixels.
#[derive(Clone, Debug)]
pub enum Place {
    /// `[height, width]` of the picture, 1 where the person may act.
    Mask(Array2<f32>),
    /// A rectangle; parts may lie outside the picture.
    Box(FaceBox),
    /// The face with these five points.
    Landmarks(Landmarks5),
    /// The head of the body with these joints, in OpenPose's order; `None` for one that is not seen.
    Skeleton([Option<[f32; 2]>; 18]),
}

/// What became of one person in one picture.
#[derive(Clone, Debug, Serialize)]
pub struct PersonReport {
    /// Where the request lists the person.
    pub index: usize,
    /// As in the request.
    pub name: Option<String>,
    /// Left, top, right, bottom of the person's region in pixels.
    pub bounds: [usize; 4],
    /// Share of the picture that the region covers.
    pub coverage: f64,
    /// As in the request.
    pub strength: f64,
    /// As in the request.
    pub window: (f64, f64),
    /// Where the person's attention went, if that was measured.
    pub leakage: Option<Leakage>,
    /// Cosine of the face in the picture with the person's own, if that was measured.
    pub cosine: Option<f64>,
    /// Where the person acted, bright where strongly, if that was measured; as large as the picture.
    #[serde(skip)]
    pub attention: Option<RgbImage>,
}

impl PortraitIdentity {
    /// Full strength, at all steps.
    pub fn new(tokens: IdentityTokens, place: impl Into<Option<Place>>) -> Self {
        Self {
            name: None,
            tokens,
            place: place.into(),
            strength: 1.0,
            window: (0.0, 1.0),
        }
    }
}

impl<'a> People<'a> {
    /// Everyone, unmeasured.
    pub fn new(adapter: &'a IdentityAttention, identities: Vec<PortraitIdentity>) -> Self {
        Self {
            adapter,
            identities,
            measure: false,
        }
    }

    /// Everyone's region of a picture of this width and height, which the model sees with a margin at
    /// its right and lower side.
    ///
    /// # Errors
    /// Names the person: without a place although there are others, at a place that is not in the
    /// picture, or as [`IdentitySet::new`].
    pub(super) fn regions(&self, size: [u32; 2], padded: [u32; 2]) -> Result<Vec<RegionMask>> {
        let alone = self.identities.len() == 1;
        let region = |(index, identity): (usize, &PortraitIdentity)| {
            let mask = match &identity.place {
                Some(place) => place.mask(size),
                None if alone => Ok(Array2::ones([size[1] as usize, size[0] as usize])),
                None => {
                    let others = self.identities.len() - 1;
                    let why = format!("is needed: there are {others} others in the picture");
                    Err(Error::invalid("place", why))
                }
            };
            let region = mask.and_then(|mask| RegionMask::new(with_margin(mask, padded)));
            region.context(|| self.describe(index))
        };
        let regions = self.identities.iter().enumerate().map(region);
        let regions = regions.collect::<Result<Vec<_>>>()?;
        self.set(&regions, 1, true)?;
        Ok(regions)
    }

    /// Everyone for a batch of `pictures`, with unconditional rows before them where guidance needs
    /// them.
    ///
    /// # Errors
    /// As [`IdentitySet::new`].
    fn set(&self, regions: &[RegionMask], pictures: usize, guided: bool) -> Result<IdentitySet> {
        let identity = |(index, (identity, region)): (usize, (&PortraitIdentity, &RegionMask))| {
            let tokens = identity.tokens.rows(pictures, guided);
            Ok(Identity {
                tokens: tokens.context(|| self.describe(index))?,
                region: region.clone(),
                strength: identity.strength,
                window: identity.window,
            })
        };
        let people = self.identities.iter().zip(regions).enumerate();
        IdentitySet::new(people.map(identity).collect::<Result<_>>()?)
    }

    /// Everyone for the UNet.
    ///
    /// # Errors
    /// As [`IdentitySet::new`].
    pub(super) fn active(
        &self,
        regions: &[RegionMask],
        pictures: usize,
        guided: bool,
    ) -> Result<ActivePeople<'a>> {
        Ok(ActivePeople {
            adapter: self.adapter,
            set: self.set(regions, pictures, guided)?,
            measure: self.measure,
        })
    }

    /// What became of everyone in picture number `picture`, which has this width and height.
    pub(super) fn report(
        &self,
        regions: &[RegionMask],
        meter: Option<&LeakageMeter>,
        (picture, [width, height]): (usize, [u32; 2]),
    ) -> Vec<PersonReport> {
        let masks: Vec<_> = regions.iter().collect();
        let leakage = meter.map(|meter| meter.leakage(picture, &masks));
        let report = |(index, (identity, region)): (usize, (&PortraitIdentity, &RegionMask))| {
            let map = meter.map(|meter| meter.attention_map(picture, index, region.size()));
            PersonReport {
                index,
                name: identity.name.clone(),
                bounds: region.bounds(),
                coverage: region.area() / (f64::from(width) * f64::from(height)),
                strength: identity.strength,
                window: identity.window,
                leakage: leakage.as_ref().map(|all| all[index]),
                cosine: None,
                attention: map.map(|map| heat_map(&map, [width, height])),
            }
        };
        let people = self.identities.iter().zip(regions).enumerate();
        people.map(report).collect()
    }

    fn describe(&self, index: usize) -> String {
        match &self.identities[index].name {
            Some(name) => format!("identity {index} ({name})"),
            None => format!("identity {index}"),
        }
    }
}

impl IdentityTokens {
    /// # Shapes
    /// - returns `[rows, n, width]`
    pub(super) fn rows(&self, pictures: usize, guided: bool) -> Result<Tensor<3>> {
        let (person, nobody) = (self.conditional.dims(), self.unconditional.dims());
        if person != nobody {
            let expected = format!("{person:?} like the person's");
            return Err(Error::shape("unconditional tokens", expected, nobody));
        }
        let repeated = |tokens: &Tensor<2>| {
            let tokens = tokens.clone().unsqueeze_dim::<3>(0);
            tokens.repeat_dim(0, pictures)
        };
        let conditional = repeated(&self.conditional);
        Ok(match guided {
            true => Tensor::cat(vec![repeated(&self.unconditional), conditional], 0),
            false => conditional,
        })
    }
}

impl Place {
    /// # Shapes
    /// - returns `[height, width]`
    fn mask(&self, size: [u32; 2]) -> Result<Array2<f32>> {
        let [width, height] = size;
        match self {
            Self::Mask(mask) => face_region(MaskShape::Given(mask), size),
            Self::Box(bounds) => {
                let region =
                    RegionMask::from_box(bounds.edges(), [height as usize, width as usize])?;
                Ok(region.weights().clone())
            }
            Self::Landmarks(landmarks) => face_region(MaskShape::Landmarks(landmarks), size),
            Self::Skeleton(joints) => face_region(MaskShape::Box(&head_of_body(joints)?), size),
        }
    }
}

impl From<FaceBox> for Place {
    fn from(bounds: FaceBox) -> Self {
        Self::Box(bounds)
    }
}

impl From<Landmarks5> for Place {
    fn from(landmarks: Landmarks5) -> Self {
        Self::Landmarks(landmarks)
    }
}

impl From<Array2<f32>> for Place {
    fn from(mask: Array2<f32>) -> Self {
        Self::Mask(mask)
    }
}

/// The mask with a margin in which nobody is.
fn with_margin(mask: Array2<f32>, [width, height]: [u32; 2]) -> Array2<f32> {
    let shape = (height as usize, width as usize);
    if mask.dim() == shape {
        return mask;
    }
    Array2::from_shape_fn(shape, |place| mask.get(place).copied().unwrap_or(0.0))
}

/// Levels of grey, without the margin.
fn heat_map(map: &Array2<f32>, [width, height]: [u32; 2]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = map[[y as usize, x as usize]];
        image::Rgb([(value * 255.0).round() as u8; 3])
    })
}
