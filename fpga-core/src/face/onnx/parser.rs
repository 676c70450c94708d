//! BiSeNet as a [`FaceParser`].

use std::path::Path;

use image::RgbImage;

use super::network::Network;
use crate::error::{Error, Result};
use crate::face::parts::{FaceParser, PartMap};
use crate::face::planes::Levels;
use crate::face::portrait::{likeliest, resize};

/// A face parsing network of 19 classes (`face_parsing.onnx` and the like); its first output counts.
#[derive(Clone, Debug)]
pub struct OnnxParser {
    network: Network,
}

/// Side where the file leaves it open.
const SIDE: u32 = 512;

impl OnnxParser {
    /// Opens a file.
    ///
    /// # Errors
    /// `Io` or `Format` if it is no readable ONNX file; `Unsupported` if it does not take a picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let network = Network::open(path, [SIDE; 2])?;
        Ok(Self { network })
    }
}

impl FaceParser for OnnxParser {
    fn parse(&self, portrait: &RgbImage) -> Result<PartMap> {
        let resized = resize(portrait, self.network.size())?;
        let outputs = self.network.run(&Levels::IMAGENET.planes(&resized))?;
        let logits = outputs
            .first()
            .map(|output| (output.shape.as_slice(), &output.values));
        match logits {
            Some((&[1, 19, height, width], values)) => {
                PartMap::new(likeliest(values, [height, width])?)
            }
            found => {
                let shape = found.map(|(shape, _)| shape);
                Err(Error::shape(
                    "output of a face parser",
                    "[1, 19, height, width]",
                    shape,
                ))
            }
        }
    }
}
