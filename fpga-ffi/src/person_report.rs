//! `fpga_person_report`: what became of one person in one picture.

use fpga_core::pipeline::PersonReport;

use crate::detection::flat;
use crate::growing::Growing;

/// What became of one person in one picture.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_person_report {
    /// Size of this struct.
    pub struct_size: usize,
    /// Share of the picture that the person's region covers.
    pub coverage: f64,
    /// As in the request.
    pub strength: f64,
    /// As in the request.
    pub window_start: f64,
    /// As in the request.
    pub window_end: f64,
    /// Share of the person's attention inside the own region. With the next two it adds up to 1; all are 0
    /// unless `has_leakage` is 1.
    pub attention_inside: f64,
    /// Share of the person's attention inside the regions of others.
    pub attention_others: f64,
    /// Share of the person's attention where nobody is.
    pub attention_background: f64,
    /// Left, top, right, bottom of the person's region in pixels.
    pub bounds: [u32; 4],
    /// Where the request lists the person.
    pub index: u32,
    /// 1 if attention was measured, 0 if not.
    pub has_leakage: u32,
    /// Cosine of the face at the person's place with the person's own; NaN if that is not known.
    pub cosine: f64,
    /// The face that was found at the person's place: left, top, right, bottom. Read only if `has_face` is 1.
    pub face_box: [f32; 4],
    /// Its five points, as in `fpga_face`. Read only if `has_landmarks` is 1.
    pub face_landmarks: [f32; 10],
    /// How sure the detector is of it: 0 to 1.
    pub face_score: f32,
    /// 1 if someone looked and found a face there, 0 if not.
    pub has_face: u32,
    /// 1 if that face has landmarks, 0 if not.
    pub has_landmarks: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_person_report {
    const NAME: &'static str = "fpga_person_report";
    const FIRST_SIZE: usize = size_of::<usize>() + 7 * 8 + 6 * 4;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            coverage: 0.0,
            strength: 0.0,
            window_start: 0.0,
            window_end: 0.0,
            attention_inside: 0.0,
            attention_others: 0.0,
            attention_background: 0.0,
            bounds: [0; 4],
            index: 0,
            has_leakage: 0,
            cosine: f64::NAN,
            face_box: [0.0; 4],
            face_landmarks: [0.0; 10],
            face_score: 0.0,
            has_face: 0,
            has_landmarks: 0,
            reserved: 0,
        }
    }
}

impl From<&PersonReport> for fpga_person_report {
    fn from(person: &PersonReport) -> Self {
        let leakage = person.leakage.unwrap_or_default();
        let face = person.face.as_ref();
        let landmarks = face.and_then(|face| face.landmarks.as_ref());
        Self {
            struct_size: size_of::<Self>(),
            coverage: person.coverage,
            strength: person.strength,
            window_start: person.window.0,
            window_end: person.window.1,
            attention_inside: leakage.inside,
            attention_others: leakage.others,
            attention_background: leakage.background,
            bounds: person.bounds.map(number),
            index: number(person.index),
            has_leakage: u32::from(person.leakage.is_some()),
            cosine: person.cosine.unwrap_or(f64::NAN),
            face_box: face.map_or([0.0; 4], |face| face.bounds.edges()),
            face_landmarks: flat(landmarks),
            face_score: face.map_or(0.0, |face| face.score),
            has_face: u32::from(face.is_some()),
            has_landmarks: u32::from(landmarks.is_some()),
            reserved: 0,
        }
    }
}

pub(crate) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use fpga_core::face::{DetectedFace, FaceBox, Landmarks5};
    use fpga_core::identity::Leakage;

    use super::*;

    #[test]
    fn every_field_reaches_the_person_report() {
        let plain = PersonReport {
            index: 1,
            name: None,
            bounds: [2, 3, 4, 5],
            coverage: 6.0,
            strength: 7.0,
            window: (8.0, 9.0),
            leakage: None,
            face: None,
            cosine: None,
            attention: None,
        };
        let report = fpga_person_report::from(&plain);
        assert_eq!((report.index, report.bounds), (1, [2, 3, 4, 5]));
        assert_eq!((report.coverage, report.strength), (6.0, 7.0));
        assert_eq!((report.window_start, report.window_end), (8.0, 9.0));
        assert_eq!((report.has_leakage, report.has_face), (0, 0));
        assert!(report.cosine.is_nan());
        let points = [[1.0, 1.0], [3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [3.0, 3.0]];
        let seen = PersonReport {
            leakage: Some(Leakage {
                inside: 0.5,
                others: 0.25,
                background: 0.125,
            }),
            face: Some(DetectedFace {
                bounds: FaceBox::new(0.0, 1.0, 4.0, 5.0).unwrap(),
                landmarks: Some(Landmarks5::new(points).unwrap()),
                score: 0.75,
            }),
            cosine: Some(0.5),
            ..plain
        };
        let report = fpga_person_report::from(&seen);
        let attention = [
            report.attention_inside,
            report.attention_others,
            report.attention_background,
        ];
        assert_eq!(attention, [0.5, 0.25, 0.125]);
        assert_eq!(
            (report.face_box, report.face_score),
            ([0.0, 1.0, 4.0, 5.0], 0.75)
        );
        assert_eq!(report.face_landmarks[8..], [3.0, 3.0]);
        let flags = [report.has_leakage, report.has_face, report.has_landmarks];
        assert_eq!((flags, report.cosine), ([1; 3], 0.5));
    }
}
