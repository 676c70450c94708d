//! IDZoom-style manifests: one JSON row per picture, with all that is known of the people in it.
//!
//! [`build`] makes one from a folder of pictures, [`validate`] tells what is wrong with one, and a
//! [`RowStream`](super::RowStream) of [`ManifestRow`]s reads any number of them. Only that such a data
//! set holds faces, skeletons and landmarks at several enlargements is published; the fields are our
//! design.

mod builder;
mod check;
mod picture;
mod row;

pub use builder::{Analysers, BuildProgress, BuildReport, BuildSettings, Captioner, build};
pub use check::{Fault, ValidateSettings, Validation, validate};
pub use picture::is_picture;
pub use row::{
    FaceRecord, MANIFEST_VERSION, ManifestRow, SkeletonFormat, SkeletonRecord, ZoomCrop,
};
