//! DWPose as a [`PoseEstimator`]: people by YOLOX, the 133 points of each by RTMPose.

use std::path::Path;

use image::RgbImage;

use super::network::Network;
use crate::error::{Context, Error, Result};
use crate::face::letterbox::Letterbox;
use crate::face::planes::Levels;
use crate::face::pose_crop::PoseCrop;
use crate::face::skeleton::{PoseEstimator, Skeleton};
use crate::face::whole_body::from_whole_body;
use crate::face::yolox::decode_people;

/// DWPose's two networks (`yolox_l.onnx`, `dw-ll_ucoco_384.onnx`).
#[derive(Clone, Debug)]
pub struct OnnxPose {
    people: Network,
    points: Network,
}

/// Canvas of the person detector where the file leaves it open.
const CANVAS: [u32; 2] = [640, 640];
/// Crop of a person where the file leaves it open.
const CROP: [u32; 2] = [288, 384];

impl OnnxPose {
    /// Opens both files.
    ///
    /// # Errors
    /// `Io` or `Format` if one is no readable ONNX file; `Unsupported` if it has not the outputs that it
    /// should have.
    pub fn open(people: impl AsRef<Path>, points: impl AsRef<Path>) -> Result<Self> {
        let open = |path: &Path, size, outputs: usize| {
            let network = Network::open(path, size)?;
            match network.outputs() == outputs {
                true => Ok(network),
                false => {
                    let found = network.outputs();
                    Err(network.unsupported(format!("needs {outputs} outputs, it has {found}")))
                }
            }
        };
        Ok(Self {
            people: open(people.as_ref(), CANVAS, 1).context(|| "person detector")?,
            points: open(points.as_ref(), CROP, 2).context(|| "pose network")?,
        })
    }

    fn pose(&self, picture: &RgbImage, bounds: [f32; 4]) -> Result<Skeleton> {
        let crop = PoseCrop::new(bounds, self.points.size())?;
        let outputs = self
            .points
            .run(&Levels::IMAGENET.planes(&crop.extract(picture)))?;
        let [across, down] = outputs.as_slice() else {
            return Err(Error::shape(
                "outputs of the pose network",
                "2",
                outputs.len(),
            ));
        };
        from_whole_body(&crop.decode(&across.values, &down.values)?)
    }
}

impl PoseEstimator for OnnxPose {
    fn poses(&self, picture: &RgbImage) -> Result<Vec<Skeleton>> {
        let size = self.people.size();
        let letterbox = Letterbox::yolox(picture, size)?;
        let outputs = self
            .people
            .run(&Levels::PLAIN_BGR.planes(&letterbox.canvas))?;
        let rows = outputs.first().map(|output| output.values.as_slice());
        let canvas = (size.map(|side| side as usize), letterbox.scale);
        let people = decode_people(rows.unwrap_or_default(), canvas)?;
        let poses = people.into_iter().enumerate();
        poses
            .map(|(index, bounds)| {
                self.pose(picture, bounds)
                    .context(|| format!("person {index}"))
            })
            .collect()
    }
}
