//! Embeds a face: `fpga-compiled-network PICTURE X0 Y0 X1 Y1 … X4 Y4` with its five landmarks.

use burn::tensor::Device;
use fpga_compiled_network::CompiledEmbedder;
use fpga_core::error::{Error, Result};
use fpga_core::face::{FaceEmbedder, Landmarks5};

const USAGE: &str = "needs a picture and ten numbers: x and y of both eyes, the nose, both mouth corners";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or_else(|| Error::invalid("arguments", USAGE))?;
    let numbers: Vec<f32> = arguments.map_while(|word| word.parse().ok()).collect();
    let points: [[f32; 2]; 5] = match numbers.as_chunks::<2>() {
        (points, []) => points.try_into().ok(),
        _ => None,
    }
    .ok_or_else(|| Error::invalid("arguments", USAGE))?;
    let picture = image::open(&path)
        .map_err(|why| Error::invalid(path.as_str(), why.to_string()))?
        .to_rgb8();
    let face = CompiledEmbedder::new(&Device::flex()).embed(&picture, &Landmarks5::new(points)?)?;
    println!("{:?}", face.unit());
    Ok(())
}
