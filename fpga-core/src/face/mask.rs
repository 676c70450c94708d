//! Where a face may change: soft weights with a hard zero.
//!
//! A mask lives in picture pixels: 1 inside the face, falling to exactly 0 inside the shape's own
//! edge and inside the crop's edge, so that nothing outside either is ever touched. The latent mask
//! and the mask in the crop are this same mask seen through the plan. Shapes: the caller's mask; the
//! landmarks' hull grown by [`HULL_GROWTH`] of the face's extent; or the ellipse in the face box.

use ndarray::Array2;
use rayon::prelude::*;

use super::crop::CropPlan;
use super::distance::distance_to;
use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use crate::error::{Error, ErrorKind, Result};

/// Eyes and mouth span the middle of a face; forehead, chin and cheeks lie this far around them.
pub(super) const HULL_GROWTH: f64 = 0.8;

/// What a face mask is made from.
#[derive(Clone, Copy, Debug)]
pub enum MaskShape<'a> {
    /// `[h, w]` of the picture, 0–1; where it is 0, the result is.
    Given(&'a Array2<f32>),
    /// The hull of the five points, grown to the size of a face.
    Landmarks(&'a Landmarks5),
    /// The ellipse that touches the box's four sides.
    Box(&'a FaceBox),
}

/// Weights of one face in its picture; 0 outside a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceMask {
    left: usize,
    top: usize,
    weights: Array2<f32>,
}

impl FaceMask {
    /// Soft weights of `shape` within the crop. They fade over `feather` times the crop's side, at
    /// least over one pixel, at most to the shape's middle.
    ///
    /// # Errors
    /// If a given mask has another size than the picture or values outside 0–1, or if `feather`
    /// is not within 0 to 0.25.
    pub fn new(plan: &CropPlan, shape: MaskShape<'_>, feather: f64) -> Result<Self> {
        if !(0.0..=0.25).contains(&feather) {
            return Err(Error::invalid(
                "feather",
                format!("must be 0 to 0.25, found {feather}"),
            ));
        }
        let width = (feather * plan.side()).max(1.0);
        let [left, top, columns, rows] = plan.bounds();
        let rectangle = [left, top, columns, rows];
        let mut weights = match shape {
            MaskShape::Given(mask) => given_weights(mask, plan, width)?,
            MaskShape::Landmarks(landmarks) => {
                let radius = HULL_GROWTH * landmarks.extent();
                let points = landmarks.exact();
                let depth = |p| radius - distance_to_hull(&points, p);
                fading(rectangle, width.min(radius / 2.0), depth)
            }
            MaskShape::Box(face) => {
                let [cx, cy] = face.centre();
                let [a, b] = [face.width(), face.height()].map(|side| f64::from(side) / 2.0);
                let depth =
                    |[x, y]: [f64; 2]| (1.0 - ((x - cx) / a).hypot((y - cy) / b)) * a.min(b);
                fading(rectangle, width.min(a.min(b)), depth)
            }
        };
        let sides = free_sides(plan);
        reweigh(&mut weights, rectangle, |point, weight| {
            match weight > 0.0 {
                true => weight * ramp(depth_in_crop(plan, sides, point) / width),
                false => 0.0,
            }
        });
        Ok(Self { left, top, weights })
    }

    /// Weight of the picture's pixel `(x, y)`; exactly 0 where nothing may change.
    pub fn weight(&self, x: u32, y: u32) -> f32 {
        let place = (x as usize)
            .checked_sub(self.left)
            .zip((y as usize).checked_sub(self.top));
        place
            .and_then(|(x, y)| self.weights.get([y, x]))
            .copied()
            .unwrap_or(0.0)
    }

    /// Whether all weights are 0.
    pub fn is_empty(&self) -> bool {
        self.weights.iter().all(|&weight| weight == 0.0)
    }

    /// The mask as the model's crop sees it.
    ///
    /// # Shapes
    /// - returns `[size, size]`
    pub fn in_crop(&self, plan: &CropPlan) -> Array2<f32> {
        plan.extract_mask(&self.weights, [self.left, self.top])
    }

    /// The mask on the latents: the mean over each cell of `factor`×`factor` crop pixels.
    ///
    /// # Shapes
    /// - returns `[size / factor, size / factor]`
    ///
    /// # Errors
    /// If the crop's size is not a multiple of `factor`.
    pub fn in_latents(&self, plan: &CropPlan, factor: usize) -> Result<Array2<f32>> {
        let size = plan.size() as usize;
        if factor == 0 || !size.is_multiple_of(factor) {
            let why = format!("{size} is not a multiple of the latent factor {factor}");
            return Err(Error::invalid("crop size", why));
        }
        let cells = self.in_crop(plan);
        let cells = cells
            .exact_chunks((factor, factor))
            .into_iter()
            .map(|cell| cell.sum() / cell.len() as f32);
        let side = size / factor;
        Array2::from_shape_vec((side, side), cells.collect()).map_err(|error| {
            Error::shape(
                "latent mask",
                format!("[{side}, {side}]"),
                error.to_string(),
            )
        })
    }

    /// Every pixel that may change: x, y and its weight above 0.
    pub fn covered(&self) -> impl Iterator<Item = (u32, u32, f32)> {
        let inside = self
            .weights
            .indexed_iter()
            .filter(|(_, weight)| **weight > 0.0);
        inside.map(|((y, x), &weight)| ((self.left + x) as u32, (self.top + y) as u32, weight))
    }

    /// The smallest rectangle around all of them: left, top, width, height.
    pub(super) fn extent(&self) -> Option<[usize; 4]> {
        let span = |low: u32, high: u32| (low as usize, (high - low) as usize + 1);
        let (x0, y0, x1, y1) = self.covered().fold(None, |edges, (x, y, _)| match edges {
            None => Some((x, y, x, y)),
            Some((x0, y0, x1, y1)) => Some((x.min(x0), y.min(y0), x.max(x1), y.max(y1))),
        })?;
        let ((left, width), (top, height)) = (span(x0, x1), span(y0, y1));
        Some([left, top, width, height])
    }
}

/// Divides pixels that several faces claim: each goes to the face whose box centre is nearer in
/// units of its box, with a soft border between them. The order of the faces does not matter.
///
/// # Errors
/// If there are not as many boxes as masks.
pub fn split_overlaps(masks: &mut [FaceMask], boxes: &[FaceBox]) -> Result<()> {
    if masks.len() != boxes.len() {
        return Err(Error::shape(
            "face boxes",
            format!("one per mask ({})", masks.len()),
            boxes.len(),
        ));
    }
    let whole = masks.to_vec();
    for (k, mask) in masks.iter_mut().enumerate() {
        let [left, top] = [mask.left, mask.top];
        for ((y, x), weight) in mask
            .weights
            .indexed_iter_mut()
            .filter(|(_, weight)| **weight > 0.0)
        {
            let (px, py) = (left + x, top + y);
            let own = distance_in_boxes(&boxes[k], px, py);
            for (j, other) in whole.iter().enumerate().filter(|(j, _)| *j != k) {
                let claim = other.weight(px as u32, py as u32);
                if claim == 0.0 {
                    continue;
                }
                let lead = distance_in_boxes(&boxes[j], px, py) - own;
                *weight *= 1.0 - claim * (1.0 - ramp(0.5 + lead / SOFT_BORDER));
            }
        }
    }
    Ok(())
}

/// Width of the border between overlapping faces, in face boxes.
const SOFT_BORDER: f64 = 0.2;

fn distance_in_boxes(face: &FaceBox, x: usize, y: usize) -> f64 {
    let [cx, cy] = face.centre();
    let across = (x as f64 + 0.5 - cx) / f64::from(face.width());
    across.hypot((y as f64 + 0.5 - cy) / f64::from(face.height()))
}

/// 0 up to 0, 1 from 1 on, smooth between.
fn ramp(t: f64) -> f32 {
    let t = t.clamp(0.0, 1.0);
    (t * t * (3.0 - 2.0 * t)) as f32
}

/// Weights that rise over `width` pixels of `depth` inside a shape.
pub(super) fn fading(
    rectangle: [usize; 4],
    width: f64,
    depth: impl Fn([f64; 2]) -> f64 + Sync,
) -> Array2<f32> {
    let mut weights = Array2::zeros((rectangle[3], rectangle[2]));
    reweigh(&mut weights, rectangle, |point, _| {
        ramp(depth(point) / width)
    });
    weights
}

/// Replaces the weight of every pixel of the rectangle, given the pixel's centre in the picture.
fn reweigh(
    weights: &mut Array2<f32>,
    [left, top, ..]: [usize; 4],
    new: impl Fn([f64; 2], f32) -> f32 + Sync,
) {
    let mut rows: Vec<_> = weights.rows_mut().into_iter().enumerate().collect();
    rows.par_iter_mut().for_each(|(y, row)| {
        for (x, weight) in row.iter_mut().enumerate() {
            *weight = new([(left + x) as f64 + 0.5, (top + *y) as f64 + 0.5], *weight);
        }
    });
}

/// How many picture pixels a point lies inside those sides of the crop that count; negative outside.
fn depth_in_crop(plan: &CropPlan, sides: [bool; 4], point: [f64; 2]) -> f64 {
    let ([u, v], end) = (plan.to_crop().apply(point), f64::from(plan.size()));
    let depths = [u, v, end - u, end - v].into_iter().zip(sides);
    let counted = depths
        .filter(|(depth, free)| *free || *depth < 0.0)
        .map(|(depth, _)| depth);
    counted.fold(f64::INFINITY, f64::min) / plan.to_crop().scale()
}

fn given_weights(mask: &Array2<f32>, plan: &CropPlan, width: f64) -> Result<Array2<f32>> {
    let [columns, rows] = plan.picture_size().map(|side| side as usize);
    if mask.dim() != (rows, columns) {
        let expected = format!("[{rows}, {columns}] (height and width of the picture)");
        return Err(Error::shape("face mask", expected, mask.shape()));
    }
    if mask.iter().any(|weight| weight.is_nan()) {
        return Err(Error::new(ErrorKind::NotFinite {
            what: "face mask".to_owned(),
        }));
    }
    if let Some(weight) = mask.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
        return Err(Error::invalid(
            "face mask",
            format!("values must be 0 to 1, found {weight}"),
        ));
    }
    let [left, top, columns, rows] = plan.bounds();
    let mask = mask
        .slice(ndarray::s![top..top + rows, left..left + columns])
        .to_owned();
    // From the shape's edge, which runs half a pixel from the nearest pixel outside.
    let depth =
        distance_to(&mask.map(|&weight| weight == 0.0)).map(|&distance| f64::from(distance) - 0.5);
    let deepest = depth.iter().copied().fold(0.0, f64::max);
    let width = width.min(deepest);
    Ok(Array2::from_shape_fn(mask.dim(), |place| {
        match mask[place] > 0.0 {
            true => mask[place] * ramp(depth[place] / width),
            false => 0.0,
        }
    }))
}

/// Which of the crop's sides (left, top, right, bottom) have picture beyond them. At the picture's
/// own border there is nothing to fade into.
fn free_sides(plan: &CropPlan) -> [bool; 4] {
    if plan.angle() != 0.0 {
        return [true; 4];
    }
    let end = f64::from(plan.size());
    let ([left, top], [right, bottom]) = (
        plan.to_picture().apply([0.0, 0.0]),
        plan.to_picture().apply([end, end]),
    );
    let [width, height] = plan.picture_size().map(f64::from);
    // Upright crops lie on whole pixels: half a pixel absorbs rounding.
    [
        left > 0.5,
        top > 0.5,
        right < width - 0.5,
        bottom < height - 0.5,
    ]
}

/// Distance to the union of all lines between the points. Inside the points' hull it is below a
/// third of the face's extent, outside it is the distance to the hull: grown by [`HULL_GROWTH`], the
/// two are one shape.
pub(super) fn distance_to_hull(points: &[[f64; 2]], p: [f64; 2]) -> f64 {
    let mut nearest = f64::INFINITY;
    for (i, &start) in points.iter().enumerate() {
        for &end in &points[i + 1..] {
            let [dx, dy] = [end[0] - start[0], end[1] - start[1]];
            let [px, py] = [p[0] - start[0], p[1] - start[1]];
            let length = dx * dx + dy * dy;
            let along = if length > 0.0 {
                ((px * dx + py * dy) / length).clamp(0.0, 1.0)
            } else {
                0.0
            };
            nearest = nearest.min((px - along * dx).hypot(py - along * dy));
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::super::crop::CropSettings;
    use super::super::photograph::face;
    use super::*;

    fn plan() -> CropPlan {
        CropPlan::new([256, 256], &face().0, None, &CropSettings::default()).unwrap()
    }

    #[test]
    fn shapes_cover_the_face_and_leave_the_rest() {
        let (face, landmarks) = face();
        for shape in [MaskShape::Landmarks(&landmarks), MaskShape::Box(&face)] {
            let mask = FaceMask::new(&plan(), shape, 1.0 / 16.0).unwrap();
            for [x, y] in landmarks.points() {
                assert_eq!(mask.weight(x as u32, y as u32), 1.0, "{shape:?} ({x}, {y})");
            }
            for (x, y) in [
                (129, 50),
                (129, 200),
                (60, 127),
                (200, 127),
                (0, 0),
                (255, 255),
                (84, 70),
            ] {
                assert_eq!(mask.weight(x, y), 0.0, "{shape:?} ({x}, {y})");
            }
        }
    }

    #[test]
    fn given_masks_fade_inwards_and_keep_their_zeros() {
        let mut given = Array2::zeros((256, 256));
        given.slice_mut(ndarray::s![90..150, 100..160]).fill(1.0);
        let mask = FaceMask::new(&plan(), MaskShape::Given(&given), 4.0 / 204.0).unwrap();
        for ((y, x), &value) in given.indexed_iter() {
            let weight = mask.weight(x as u32, y as u32);
            assert!(
                weight <= value && (weight > 0.0) == (value > 0.0),
                "({x}, {y}): {weight}"
            );
        }
        // Pixel centres lie 0.5, 1.5, 2.5, 3.5 pixels from the edge: t²(3 − 2t) of an eighth of 1, 3, 5, 7.
        let rise: Vec<f32> = (100..105).map(|x| mask.weight(x, 120)).collect();
        assert_eq!(rise, [0.04296875, 0.31640625, 0.68359375, 0.95703125, 1.0]);
    }

    #[test]
    fn nothing_reaches_over_the_crop_s_edge_but_the_picture_s_border_stays_whole() {
        let everything = Array2::from_elem((256, 256), 1.0);
        let corner = FaceBox::new(0.0, 0.0, 40.0, 40.0).unwrap();
        let plan = CropPlan::new([256, 256], &corner, None, &CropSettings::default()).unwrap();
        let mask = FaceMask::new(&plan, MaskShape::Given(&everything), 1.0 / 16.0).unwrap();
        assert_eq!(
            [mask.weight(0, 0), mask.weight(40, 0), mask.weight(40, 40)],
            [1.0; 3]
        );
        assert_eq!(
            [
                mask.weight(80, 0),
                mask.weight(0, 80),
                mask.weight(200, 200)
            ],
            [0.0; 3]
        );
        assert!(mask.weight(79, 40) < 0.05);
    }

    #[test]
    fn the_latent_mask_averages_each_cell() {
        let settings = CropSettings {
            size: 64,
            reach: 1.0,
            ..CropSettings::default()
        };
        let square = FaceBox::new(0.0, 0.0, 64.0, 64.0).unwrap();
        let plan = CropPlan::new([64, 64], &square, None, &settings).unwrap();
        let half = Array2::from_shape_fn((64, 64), |(_, x)| if x < 20 { 1.0 } else { 0.0 });
        let mask = FaceMask::new(&plan, MaskShape::Given(&half), 0.0).unwrap();
        let latents = mask.in_latents(&plan, 8).unwrap();
        // The last column within the mask is half a pixel from its edge: weight ½.
        assert_eq!(
            latents.row(5).to_vec(),
            [1.0, 1.0, 3.5 / 8.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
        assert!(mask.in_latents(&plan, 7).is_err());
    }

    #[test]
    fn overlapping_faces_share_without_order() {
        let boxes = [
            FaceBox::new(60.0, 60.0, 140.0, 140.0).unwrap(),
            FaceBox::new(110.0, 60.0, 190.0, 140.0).unwrap(),
        ];
        let masks = boxes.map(|face| {
            let plan = CropPlan::new([256, 256], &face, None, &CropSettings::default()).unwrap();
            FaceMask::new(&plan, MaskShape::Box(&face), 0.02).unwrap()
        });
        assert_eq!(
            [masks[0].weight(125, 100), masks[1].weight(125, 100)],
            [1.0, 1.0]
        );
        let mut split = masks.clone();
        split_overlaps(&mut split, &boxes).unwrap();
        for y in 0..256 {
            for x in 0..256 {
                let total = split[0].weight(x, y) + split[1].weight(x, y);
                assert!(total <= 1.0 + 1e-6, "({x}, {y}): {total}");
            }
        }
        assert!((split[0].weight(124, 100) - 0.5).abs() < 0.1);
        assert_eq!(
            [split[0].weight(112, 100), split[1].weight(138, 100)],
            [1.0, 1.0]
        );
        assert_eq!(split[0].weight(70, 100), masks[0].weight(70, 100));

        let [first, second] = &masks;
        let mut reversed = [second.clone(), first.clone()];
        split_overlaps(&mut reversed, &[boxes[1], boxes[0]]).unwrap();
        assert!(reversed[0] == split[1] && reversed[1] == split[0]);
        assert!(split_overlaps(&mut reversed, &boxes[..1]).is_err());
    }

    #[test]
    fn refuses_masks_of_another_picture() {
        let check = |mask: &Array2<f32>| {
            FaceMask::new(&plan(), MaskShape::Given(mask), 0.1)
                .unwrap_err()
                .to_string()
        };
        assert!(check(&Array2::zeros((256, 255))).contains("expected [256, 256]"));
        assert!(check(&Array2::from_elem((256, 256), f32::NAN)).contains("NaN"));
        assert!(check(&Array2::from_elem((256, 256), 255.0)).contains("0 to 1, found 255"));
        assert!(
            FaceMask::new(&plan(), MaskShape::Given(&Array2::zeros((256, 256))), 0.1)
                .unwrap()
                .is_empty()
        );
        assert!(FaceMask::new(&plan(), MaskShape::Box(&face().0), f64::NAN).is_err());
    }
}
