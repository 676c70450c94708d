//! The way back: what a picture must show so that its crop is the given one.
//!
//! Where the crop enlarges the picture, this is iterative back-projection (Irani and Peleg 1991) from
//! the present picture on: `p ← p + shrink(crop − enlarge(p))`. A crop that nobody changed gives back
//! the present picture exactly; in a changed one the old detail fades with every round. Where the crop
//! shrinks the picture, it is enlarged: the result has no more detail than the crop had.

use image::RgbImage;
use ndarray::Array3;

use super::affine::Affine;
use super::crop::{CropPlan, clamp_levels};
use super::resample::{Grid, Kernel, resample};

/// Rounds of back-projection: old detail that the new crop does not have fades below one level.
const ROUNDS: usize = 6;

impl CropPlan {
    /// What the picture shows in `[left, top, width, height]` if the crop were `crop`; row-major.
    pub(super) fn project(
        &self,
        picture: &RgbImage,
        crop: &Array3<f32>,
        area: [usize; 4],
    ) -> Vec<[f32; 3]> {
        let crop: Vec<[f32; 3]> = crop
            .rows()
            .into_iter()
            .map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        if self.shrinks() {
            let mut patch = self.unview(&crop, area);
            clamp_levels(&mut patch);
            return patch;
        }
        let outer = self.grow(self.bounds());
        let [left, top, width, _] = outer;
        let patch = self.back_project(cut(picture, outer), &crop, outer);
        let row = |y: usize| &patch[(area[1] - top + y) * width + area[0] - left..][..area[2]];
        (0..area[3]).flat_map(row).copied().collect()
    }

    /// Changes `patch`, the picture's rectangle `area`, until its crop is `crop`.
    fn back_project(
        &self,
        mut patch: Vec<[f32; 3]>,
        crop: &[[f32; 3]],
        area: [usize; 4],
    ) -> Vec<[f32; 3]> {
        let [left, top, width, _] = area;
        let to_patch = Affine::translation(-(left as f64), -(top as f64)).after(self.to_picture());
        for _ in 0..ROUNDS {
            let seen = self.view(
                Grid {
                    pixels: &patch,
                    width,
                },
                &to_patch,
            );
            let missing: Vec<[f32; 3]> = crop
                .iter()
                .zip(&seen)
                .map(|(wanted, seen)| [0, 1, 2].map(|i| wanted[i] - seen[i]))
                .collect();
            let change = self.unview(&missing, area);
            for (level, change) in patch.iter_mut().flatten().zip(change.iter().flatten()) {
                *level = (*level + change).clamp(0.0, 255.0);
            }
        }
        patch
    }

    /// The crop's pixels as the picture's rectangle `area` sees them.
    fn unview(&self, crop: &[[f32; 3]], area: [usize; 4]) -> Vec<[f32; 3]> {
        let [left, top, width, height] = area;
        let to_crop = self
            .to_crop()
            .after(&Affine::translation(left as f64, top as f64));
        let source = Grid {
            pixels: crop,
            width: self.size() as usize,
        };
        resample(source, &to_crop, [width, height], Kernel::Cubic)
    }

    /// The rectangle and the pixels around it that the cubic kernel reaches.
    fn grow(&self, [left, top, width, height]: [usize; 4]) -> [usize; 4] {
        const MARGIN: usize = 3;
        let [columns, rows] = self.picture_size().map(|side| side as usize);
        let (start, above) = (left.saturating_sub(MARGIN), top.saturating_sub(MARGIN));
        let right = (left + width + MARGIN).min(columns);
        let bottom = (top + height + MARGIN).min(rows);
        [start, above, right - start, bottom - above]
    }
}

fn cut(picture: &RgbImage, [left, top, width, height]: [usize; 4]) -> Vec<[f32; 3]> {
    let (pixels, _) = picture.as_raw().as_chunks::<3>();
    let columns = picture.width() as usize;
    let row = |y: usize| &pixels[(top + y) * columns + left..][..width];
    (0..height)
        .flat_map(row)
        .map(|pixel| pixel.map(f32::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::crop::CropSettings;
    use super::super::face_box::FaceBox;
    use super::super::landmarks::Landmarks5;
    use super::super::photograph::{astronaut, difference};
    use super::*;

    #[test]
    fn old_detail_fades_from_what_is_pasted() {
        let picture = astronaut();
        let flat = RgbImage::from_pixel(256, 256, image::Rgb([128, 128, 128]));
        for (edges, turn) in [
            ([84.0, 76.0, 175.0, 178.0], 0.0),
            ([84.0, 76.0, 175.0, 178.0], 30.0),
            ([110.0, 95.0, 134.0, 119.0], 0.0),
        ] {
            let face = FaceBox::try_from(edges).unwrap();
            let settings = CropSettings {
                upright_over: 0.0,
                ..CropSettings::default()
            };
            let [cx, cy] = face.centre().map(|v| v as f32);
            let (sine, cosine) = f32::to_radians(turn).sin_cos();
            let landmarks = Landmarks5::new(
                [
                    [-10.0, -9.0],
                    [10.0, -9.0],
                    [0.0, 0.0],
                    [-8.0, 9.0],
                    [8.0, 9.0],
                ]
                .map(|[x, y]: [f32; 2]| [cx + cosine * x - sine * y, cy + sine * x + cosine * y]),
            )
            .unwrap();
            let plan = CropPlan::new([256, 256], &face, Some(&landmarks), &settings).unwrap();
            let [left, top, width, height] = [cx as usize - 12, cy as usize - 12, 24, 24];
            let new = plan.project(
                &picture,
                &plan.extract(&flat).unwrap(),
                [left, top, width, height],
            );
            let (mean, worst) = difference(new.as_flattened(), &[128.0; 24 * 24 * 3]);
            assert!(
                mean < 0.2 && worst < 1.0,
                "{edges:?} {turn}: {mean} {worst}"
            );
        }
    }
}
