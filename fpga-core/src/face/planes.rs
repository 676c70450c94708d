//! From the bytes of a picture to the planes of numbers that face networks take.

use image::RgbImage;

/// How levels 0–255 become numbers: `(level − mean) / deviation`, per channel as the network orders it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    mean: [f32; 3],
    deviation: [f32; 3],
    order: Order,
}

/// Which channel comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Rgb,
    #[cfg_attr(
        not(any(test, feature = "onnx")),
        expect(dead_code, reason = "only ONNX networks")
    )]
    Bgr,
}

impl Levels {
    /// −1..1: ArcFace.
    pub(super) const CENTRED: Self = Self::even(127.5, 127.5);

    /// Mean and deviation of ImageNet's pictures: BiSeNet, RTMPose.
    pub(super) const IMAGENET: Self = Self {
        mean: [123.675, 116.28, 103.53],
        deviation: [58.395, 57.12, 57.375],
        order: Order::Rgb,
    };

    /// The same for all channels.
    pub(super) const fn even(mean: f32, deviation: f32) -> Self {
        Self {
            mean: [mean; 3],
            deviation: [deviation; 3],
            order: Order::Rgb,
        }
    }

    /// Red, then green, then blue (or the other way), each `height × width` numbers, row by row.
    pub(super) fn planes(&self, picture: &RgbImage) -> Vec<f32> {
        let mut values = Vec::with_capacity(picture.as_raw().len());
        for channel in 0..3 {
            let source = match self.order {
                Order::Rgb => channel,
                Order::Bgr => 2 - channel,
            };
            let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
            let levels = picture.as_raw().iter().skip(source).step_by(3);
            values.extend(levels.map(|&level| (f32::from(level) - mean) / deviation));
        }
        values
    }
}

#[cfg(feature = "onnx")]
impl Levels {
    /// SCRFD and InsightFace's landmark networks.
    pub(super) const CENTRED_128: Self = Self::even(127.5, 128.0);
    /// As they are.
    pub(super) const PLAIN: Self = Self::even(0.0, 1.0);
    /// As they are, blue first: YOLOX.
    pub(super) const PLAIN_BGR: Self = Self {
        order: Order::Bgr,
        ..Self::PLAIN
    };
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn planes_come_in_the_network_s_order() {
        let picture = RgbImage::from_fn(2, 1, |x, _| Rgb([10 + x as u8, 20, 30]));
        let plain = Levels::even(0.0, 1.0);
        assert_eq!(plain.planes(&picture), [10.0, 11.0, 20.0, 20.0, 30.0, 30.0]);
        let turned = Levels {
            order: Order::Bgr,
            ..plain
        };
        assert_eq!(
            turned.planes(&picture),
            [30.0, 30.0, 20.0, 20.0, 10.0, 11.0]
        );
        let white = RgbImage::from_pixel(1, 1, Rgb([255; 3]));
        assert_eq!(Levels::CENTRED.planes(&white), [1.0; 3]);
        let red = Levels::IMAGENET.planes(&white)[0];
        assert!((red - (1.0 - 0.485) / 0.229).abs() < 1e-5, "{red}");
    }
}
