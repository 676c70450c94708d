//! Networks from ONNX files: all that depends on the feature `onnx`.

use fpga_core::face::{
    DetectionLimits, FaceDetector, FaceEmbedder, FaceParser, LandmarkDetector, PoseEstimator,
};

use crate::fault::Outcome;

#[cfg(feature = "onnx")]
mod built {
    use fpga_core::face::{
        DetectorSettings, OnnxDetector, OnnxEmbedder, OnnxLandmarks, OnnxParser, OnnxPose,
    };

    use super::*;

    pub(crate) fn detector(
        path: &str,
        size: [u32; 2],
        limits: DetectionLimits,
    ) -> Outcome<Box<dyn FaceDetector>> {
        let settings = DetectorSettings { size, limits };
        Ok(Box::new(OnnxDetector::open(path, &settings)?))
    }

    pub(crate) fn embedder(path: &str) -> Outcome<Box<dyn FaceEmbedder>> {
        Ok(Box::new(OnnxEmbedder::open(path)?))
    }

    pub(crate) fn parser(path: &str) -> Outcome<Box<dyn FaceParser>> {
        Ok(Box::new(OnnxParser::open(path)?))
    }

    pub(crate) fn landmarks(path: &str) -> Outcome<Box<dyn LandmarkDetector>> {
        Ok(Box::new(OnnxLandmarks::open(path)?))
    }

    pub(crate) fn pose(people: &str, points: &str) -> Outcome<Box<dyn PoseEstimator>> {
        Ok(Box::new(OnnxPose::open(people, points)?))
    }
}

#[cfg(not(feature = "onnx"))]
mod built {
    use super::*;
    use crate::fault::Fault;
    use crate::status::fpga_status;

    fn absent<T>(path: &str) -> Outcome<T> {
        let why = format!(
            "{path}: this library was built without ONNX networks: build it with \
             `cargo build -p fpga-ffi --features onnx`, or pass a callback"
        );
        Err(Fault::new(fpga_status::Unsupported, why))
    }

    pub(crate) fn detector(
        path: &str,
        _size: [u32; 2],
        _limits: DetectionLimits,
    ) -> Outcome<Box<dyn FaceDetector>> {
        absent(path)
    }

    pub(crate) fn embedder(path: &str) -> Outcome<Box<dyn FaceEmbedder>> {
        absent(path)
    }

    pub(crate) fn parser(path: &str) -> Outcome<Box<dyn FaceParser>> {
        absent(path)
    }

    pub(crate) fn landmarks(path: &str) -> Outcome<Box<dyn LandmarkDetector>> {
        absent(path)
    }

    pub(crate) fn pose(people: &str, _points: &str) -> Outcome<Box<dyn PoseEstimator>> {
        absent(people)
    }
}

pub(crate) use built::*;

#[cfg(all(test, not(feature = "onnx")))]
mod tests {
    use crate::status::fpga_status;

    #[test]
    fn a_library_without_them_says_how_to_have_them() {
        let fault = super::embedder("face.onnx").err().unwrap();
        assert_eq!(fault.status, fpga_status::Unsupported);
        assert!(
            fault.message.starts_with("face.onnx: "),
            "{}",
            fault.message
        );
        assert!(
            fault.message.contains("--features onnx"),
            "{}",
            fault.message
        );
    }
}
