//! The rectangle around a face.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An upright rectangle with an area, in picture pixels; parts may lie outside the picture.
///
/// In JSON: `[x0, y0, x1, y1]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 4]", into = "[f32; 4]")]
pub struct FaceBox {
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
}

impl FaceBox {
    /// From the left, top, right and bottom edge.
    ///
    /// # Errors
    /// If an edge is not finite, or if right ≤ left or bottom ≤ top.
    pub fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Result<Self> {
        let edges = [x0, y0, x1, y1];
        if !edges.iter().all(|edge| edge.is_finite()) {
            return Err(Error::invalid(
                "face box",
                format!("edges must be finite, found {edges:?}"),
            ));
        }
        if x1 <= x0 || y1 <= y0 {
            let why = format!("needs left < right and top < bottom, found {edges:?}");
            return Err(Error::invalid("face box", why));
        }
        Ok(Self { x0, y0, x1, y1 })
    }

    /// The part inside a picture of `width`×`height` pixels.
    ///
    /// # Errors
    /// If less than a hundredth of a pixel of the box is inside, in either direction.
    pub fn clip(&self, width: u32, height: u32) -> Result<Self> {
        let (x0, x1) = (self.x0.max(0.0), self.x1.min(width as f32));
        let (y0, y1) = (self.y0.max(0.0), self.y1.min(height as f32));
        if x1 - x0 < 0.01 || y1 - y0 < 0.01 {
            let why = format!(
                "{:?} lies outside the {width}×{height} picture",
                self.edges()
            );
            return Err(Error::invalid("face box", why));
        }
        Ok(Self { x0, y0, x1, y1 })
    }

    /// Left, top, right, bottom.
    pub fn edges(&self) -> [f32; 4] {
        [self.x0, self.y0, self.x1, self.y1]
    }

    /// Right − left.
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// Bottom − top.
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// The middle.
    pub fn centre(&self) -> [f64; 2] {
        let middle = |low: f32, high: f32| (f64::from(low) + f64::from(high)) / 2.0;
        [middle(self.x0, self.x1), middle(self.y0, self.y1)]
    }

    /// Intersection / union with another box: 0 apart, 1 the same.
    pub fn overlap(&self, other: &Self) -> f64 {
        let area = |face: &Self| f64::from(face.width()) * f64::from(face.height());
        let shared = |low: [f32; 2], high: [f32; 2]| {
            f64::from((high[0].min(high[1]) - low[0].max(low[1])).max(0.0))
        };
        let both = shared([self.x0, other.x0], [self.x1, other.x1])
            * shared([self.y0, other.y0], [self.y1, other.y1]);
        both / (area(self) + area(other) - both)
    }

    /// The four corners, clockwise from the top left.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let [x0, y0, x1, y1] = self.edges().map(f64::from);
        [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    }
}

impl TryFrom<[f32; 4]> for FaceBox {
    type Error = Error;

    fn try_from([x0, y0, x1, y1]: [f32; 4]) -> Result<Self> {
        Self::new(x0, y0, x1, y1)
    }
}

impl From<FaceBox> for [f32; 4] {
    fn from(face: FaceBox) -> Self {
        face.edges()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_to_the_picture() {
        let face = FaceBox::new(-10.0, 5.0, 30.0, 90.0).unwrap();
        assert_eq!(face.clip(20, 60).unwrap().edges(), [0.0, 5.0, 20.0, 60.0]);
    }

    #[test]
    fn overlap_is_shared_area_over_all_area() {
        let square = |x: f32, y: f32| FaceBox::new(x, y, x + 4.0, y + 4.0).unwrap();
        let one = square(0.0, 0.0);
        assert_eq!(one.overlap(&one), 1.0);
        assert_eq!(one.overlap(&square(2.0, 2.0)), 4.0 / 28.0);
        assert_eq!(one.overlap(&square(4.0, 0.0)), 0.0);
        assert_eq!(one.overlap(&square(5.0, 9.0)), 0.0);
    }

    #[test]
    fn refuses_boxes_without_area_or_outside() {
        assert!(FaceBox::new(1.0, 1.0, 1.0, 2.0).is_err());
        assert!(FaceBox::new(0.0, f32::NAN, 1.0, 2.0).is_err());
        assert!(FaceBox::new(0.0, 0.0, f32::INFINITY, 2.0).is_err());
        let outside = FaceBox::new(20.0, 0.0, 30.0, 10.0)
            .unwrap()
            .clip(20, 60)
            .unwrap_err();
        assert_eq!(
            outside.to_string(),
            "face box: [20.0, 0.0, 30.0, 10.0] lies outside the 20×60 picture"
        );
    }

    #[test]
    fn json_is_checked_like_everything_else() {
        let face: FaceBox = serde_json::from_str("[1, 2, 3.5, 4]").unwrap();
        assert_eq!(serde_json::to_string(&face).unwrap(), "[1.0,2.0,3.5,4.0]");
        assert!(serde_json::from_str::<FaceBox>("[3, 2, 1, 4]").is_err());
    }
}
