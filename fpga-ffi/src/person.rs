//! `fpga_person`: who appears in a generated picture, and where.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::face::{FaceBox, SEEN};
use fpga_core::pipeline::{People, Place, PortraitIdentity, Recognition};

use crate::adapter::fpga_adapter;
use crate::detector::fpga_face_detector;
use crate::embedder::fpga_face_embedder;
use crate::face::points;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::share;
use crate::identity::fpga_identity;
use crate::image::{self, fpga_image_view};
use crate::status::fpga_status;
use crate::view::{array, optional_text, zero};

/// More people than any picture has: such a number was never set.
const MOST_PEOPLE: usize = 256;
/// Joints of a body in OpenPose's order.
const JOINTS: usize = 18;

/// How the place of a person is told.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_place {
    /// The whole picture: only for somebody who is alone.
    Everywhere = 1,
    /// Where `mask` is bright.
    Mask = 2,
    /// Inside `box`.
    Box = 3,
    /// The face with `landmarks`.
    Landmarks = 4,
    /// The head of `skeleton`.
    Skeleton = 5,
}

/// One person of a picture. Start from `FPGA_PERSON_INIT`. Pointers are borrowed for the call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart. All
/// identities of one picture must come from one adapter. Their order does not show in the picture.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_person {
    /// Size of this struct.
    pub struct_size: usize,
    /// Who. The job keeps its own reference.
    pub identity: *const fpga_identity,
    /// For errors and reports; NULL for none.
    pub name: *const c_char,
    /// `FPGA_PIXEL_FORMAT_GRAY8`, as large as the picture that is made.
    pub mask: *const fpga_image_view,
    /// 18 joints in OpenPose's order, each as x, y and score: 54 numbers. Scores up to 0.3 count as not
    /// seen.
    pub skeleton: *const f32,
    /// 1 as the adapter was trained, 0 silent.
    pub strength: f64,
    /// Share of the steps at which the person starts to act: 0 to 1.
    pub window_start: f64,
    /// Share of the steps at which that ends: 0 to 1.
    pub window_end: f64,
    /// Left, top, right and bottom edge in pixels; parts may lie outside the picture.
    pub r#box: [f32; 4],
    /// Five points of the face, as in `fpga_face`.
    pub landmarks: [f32; 10],
    /// Which of the fields above is read: one of `fpga_place`.
    pub place: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_person {
    const NAME: &'static str = "fpga_person";
    const FIRST_SIZE: usize =
        5 * size_of::<usize>() + 3 * size_of::<f64>() + 14 * size_of::<f32>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            identity: std::ptr::null(),
            name: std::ptr::null(),
            mask: std::ptr::null(),
            skeleton: std::ptr::null(),
            strength: 1.0,
            window_start: 0.0,
            window_end: 1.0,
            r#box: [0.0; 4],
            landmarks: [0.0; 10],
            place: fpga_place::Everywhere as u32,
            reserved: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_PERSON_INIT` does.
///
/// `size` is `sizeof *person`; it becomes `struct_size`.
///
/// Ownership: `person` stays the caller's.
/// Threads: any.
/// NULL: `person` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_person_init(person: *mut fpga_person, size: usize) -> fpga_status {
    // SAFETY: the caller says that `person` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_person::defaults(), person, size) })
}

/// Everyone of a picture, and the adapter that all of them come from.
pub(crate) struct OwnPeople {
    pub(crate) adapter: Arc<fpga_adapter>,
    identities: Vec<PortraitIdentity>,
    pub(crate) measure: bool,
    pub(crate) recognition: Option<(Arc<fpga_face_detector>, Arc<fpga_face_embedder>)>,
}

impl OwnPeople {
    pub(crate) fn borrowed(&self) -> People<'_> {
        let recognition = self.recognition.as_ref();
        People {
            measure: self.measure,
            recognition: recognition.map(|(detector, embedder)| Recognition {
                detector: &*detector.detector,
                embedder: &*embedder.embedder,
            }),
            ..People::new(self.adapter.adapter.attention(), self.identities.clone())
        }
    }
}

/// Copies an array of people; `None` for an empty one.
///
/// # Safety
/// `people` is NULL, or points to `count` structs of one version whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    people: *const fpga_person,
    count: usize,
    measure: bool,
) -> Outcome<Option<OwnPeople>> {
    // SAFETY: this function's contract.
    let people = unsafe { growing::read_all(people, count, ("person", MOST_PEOPLE)) }?;
    let mut all: Option<OwnPeople> = None;
    for (index, person) in people.iter().enumerate() {
        let at = |fault: Fault| fault.context(format!("person {index}"));
        // SAFETY: this function's contract.
        let (identity, portrait) = unsafe { to_core(person) }.map_err(at)?;
        let all = all.get_or_insert_with(|| OwnPeople {
            adapter: Arc::clone(&identity.adapter),
            identities: Vec::with_capacity(people.len()),
            measure,
            recognition: None,
        });
        if !Arc::ptr_eq(&all.adapter, &identity.adapter) {
            let why = "comes from another adapter than that of person 0";
            return Err(at(Fault::argument("fpga_person.identity", why)));
        }
        all.identities.push(portrait);
    }
    Ok(all)
}

/// # Safety
/// The pointers of `person` live during the call.
unsafe fn to_core(person: &fpga_person) -> Outcome<(Arc<fpga_identity>, PortraitIdentity)> {
    zero(person.reserved, "fpga_person.reserved")?;
    // SAFETY: this function's contract.
    let (identity, name, place) = unsafe {
        (
            share(person.identity)?,
            optional_text(person.name, "fpga_person.name")?,
            place(person)?,
        )
    };
    let portrait = PortraitIdentity {
        name: name.map(Into::into),
        strength: person.strength,
        window: (person.window_start, person.window_end),
        embedding: identity.embedding.clone(),
        ..PortraitIdentity::new(identity.tokens.clone(), place)
    };
    Ok((identity, portrait))
}

/// # Safety
/// The pointers of `person` live during the call.
unsafe fn place(person: &fpga_person) -> Outcome<Option<Place>> {
    Ok(Some(match person.place {
        1 => return Ok(None),
        // SAFETY: this function's contract.
        2 => match unsafe { image::mask(person.mask) }? {
            Some(mask) => Place::Mask(mask),
            None => return Err(Fault::null("fpga_person.mask")),
        },
        3 => {
            let [left, top, right, bottom] = person.r#box;
            Place::Box(FaceBox::new(left, top, right, bottom)?)
        }
        4 => Place::Landmarks(points(&person.landmarks)?),
        5 => {
            // SAFETY: this function's contract.
            let numbers = unsafe { array(person.skeleton, 3 * JOINTS, "fpga_person.skeleton") }?;
            let joint = |index: usize| {
                let [x, y, score] = [0, 1, 2].map(|offset| numbers[3 * index + offset]);
                (score > SEEN).then_some([x, y])
            };
            Place::Skeleton(std::array::from_fn(joint))
        }
        code => {
            let why = format!("no such place: {code}");
            return Err(Fault::argument("fpga_person.place", why));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(person: &fpga_person) -> Outcome<Option<Place>> {
        // SAFETY: every test's pointers live during the call.
        unsafe { place(person) }
    }

    #[test]
    fn every_place_reaches_the_core() {
        let plain = fpga_person::defaults();
        assert!(placed(&plain).unwrap().is_none());
        let person = fpga_person {
            place: fpga_place::Box as u32,
            r#box: [1.0, 2.0, 30.0, 40.0],
            ..plain
        };
        let Some(Place::Box(found)) = placed(&person).unwrap() else {
            panic!("no box")
        };
        assert_eq!(found.edges(), person.r#box);
        let person = fpga_person {
            place: fpga_place::Landmarks as u32,
            landmarks: [5.0, 6.0, 25.0, 7.0, 15.0, 18.0, 6.0, 29.0, 24.0, 30.0],
            ..plain
        };
        let Some(Place::Landmarks(found)) = placed(&person).unwrap() else {
            panic!("no landmarks")
        };
        assert_eq!(found.points()[1], [25.0, 7.0]);
        let mut joints = [0.0; 3 * JOINTS];
        joints[3..6].copy_from_slice(&[8.0, 9.0, 1.0]);
        joints[6..9].copy_from_slice(&[8.0, 9.0, SEEN]);
        let person = fpga_person {
            place: fpga_place::Skeleton as u32,
            skeleton: joints.as_ptr(),
            ..plain
        };
        let Some(Place::Skeleton(found)) = placed(&person).unwrap() else {
            panic!("no skeleton")
        };
        assert_eq!(
            (found[0], found[1], found[2]),
            (None, Some([8.0, 9.0]), None)
        );
    }

    #[test]
    fn a_place_that_is_not_told_is_refused() {
        for code in [0, 2, 5, 6, u32::MAX] {
            let person = fpga_person {
                place: code,
                ..fpga_person::defaults()
            };
            assert!(placed(&person).is_err(), "{code}");
        }
    }
}
