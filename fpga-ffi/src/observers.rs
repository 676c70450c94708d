//! `fpga_observers`: who looks at the pictures of a person.

use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::pipeline::{ColourOrder, FaceChoice, FaceObservers, FaceReference};

use crate::adapter::fpga_adapter;
use crate::detector::fpga_face_detector;
use crate::embedder::fpga_face_embedder;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::{share, share_optional};
use crate::identity::{MOST_REFERENCES, fpga_identity};
use crate::image::{self, fpga_image_view};
use crate::parser::fpga_face_parser;
use crate::status::fpga_status;
use crate::view::Out;

/// Which of several faces of a picture is the person's.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_face_choice {
    /// The largest.
    Largest = 1,
    /// The one of which the detector is surest, as ConsistentID's code has it.
    First = 2,
}

/// In which order face networks see the channels of a picture.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_colour_order {
    /// As pictures have them.
    Right = 1,
    /// Red and blue exchanged, as ConsistentID's code for SD 1.5 hands pictures to its networks.
    Exchanged = 2,
}

/// Who looks at the pictures of a person. Start from `FPGA_OBSERVERS_INIT`; set those that the adapter
/// needs, an error says which are missing. Handles are borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_observers {
    /// Size of this struct.
    pub struct_size: usize,
    /// Finds the face; NULL for nobody.
    pub detector: *const fpga_face_detector,
    /// Says whose it is: the network that the adapter was trained with; NULL for nobody. Needs a detector
    /// that gives landmarks.
    pub embedder: *const fpga_face_embedder,
    /// Tells its parts; NULL for nobody.
    pub parser: *const fpga_face_parser,
    /// One of `fpga_face_choice`.
    pub choice: u32,
    /// One of `fpga_colour_order`.
    pub colours: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers and integers.
unsafe impl Growing for fpga_observers {
    const NAME: &'static str = "fpga_observers";
    const FIRST_SIZE: usize = 4 * size_of::<usize>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            detector: std::ptr::null(),
            embedder: std::ptr::null(),
            parser: std::ptr::null(),
            choice: fpga_face_choice::Largest as u32,
            colours: fpga_colour_order::Right as u32,
        }
    }
}

/// Sets every field to its default, as `FPGA_OBSERVERS_INIT` does.
///
/// `size` is `sizeof *observers`; it becomes `struct_size`.
///
/// Ownership: `observers` stays the caller's.
/// Threads: any.
/// NULL: `observers` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_observers_init(
    observers: *mut fpga_observers,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `observers` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_observers::defaults(), observers, size) })
}

/// Makes an identity from pictures of one person that nobody has looked at yet: whoever is in `observers`
/// finds the face, embeds it and tells its parts.
///
/// In the array every view has the same `struct_size`, and views are that many bytes apart.
///
/// Ownership: inputs are borrowed for the call. `*identity` is the caller's; free it with
/// `fpga_identity_free`.
/// Threads: any; callbacks of the caller's run on a thread of the adapter's context.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_identity_new`; `FPGA_STATUS_INVALID_ARGUMENT` if a picture shows no face;
/// `FPGA_STATUS_CALLBACK`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_identity_from_pictures(
    adapter: *const fpga_adapter,
    pictures: *const fpga_image_view,
    num_pictures: usize,
    observers: *const fpga_observers,
    identity: *mut *mut fpga_identity,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(identity) }?;
        // SAFETY: the caller's contract for a handle, an array and a struct with handles.
        let (adapter, pictures, observers) = unsafe {
            let limit = ("picture", MOST_REFERENCES);
            let views = growing::read_all(pictures, num_pictures, limit)?;
            let copy = |(index, view): (usize, &fpga_image_view)| {
                image::picture(view).map_err(|fault| fault.context(format!("picture {index}")))
            };
            let pictures: Vec<_> = views.iter().enumerate().map(copy).collect::<Outcome<_>>()?;
            (share(adapter)?, pictures, own(observers)?)
        };
        scope.enter(&adapter.context)?;
        let looking = observers.borrowed();
        let found = adapter.context.run(|| {
            let look = |(index, picture)| {
                let seen = FaceReference::observe(picture, &looking);
                Ok(seen.context(|| format!("picture {index}"))?)
            };
            let references = pictures.iter().enumerate().map(look);
            fpga_identity::of(&adapter, &references.collect::<Outcome<Vec<_>>>()?)
        })?;
        out.give(Arc::new(found));
        Ok(())
    })
}

/// The networks, kept alive.
struct Own {
    detector: Option<Arc<fpga_face_detector>>,
    embedder: Option<Arc<fpga_face_embedder>>,
    parser: Option<Arc<fpga_face_parser>>,
    choice: FaceChoice,
    colours: ColourOrder,
}

impl Own {
    fn borrowed(&self) -> FaceObservers<'_> {
        FaceObservers {
            detector: self.detector.as_ref().map(|network| &*network.detector),
            embedder: self.embedder.as_ref().map(|network| &*network.embedder),
            parser: self.parser.as_ref().map(|network| &*network.parser),
            choice: self.choice,
            colours: self.colours,
        }
    }
}

/// # Safety
/// `observers` is NULL, or a struct whose handles live during the call.
unsafe fn own(observers: *const fpga_observers) -> Outcome<Own> {
    // SAFETY: this function's contract.
    unsafe {
        let observers = growing::read(observers)?;
        let unknown =
            |field: &str, code: u32| Err(Fault::argument(field, format!("no such choice: {code}")));
        Ok(Own {
            detector: share_optional(observers.detector)?,
            embedder: share_optional(observers.embedder)?,
            parser: share_optional(observers.parser)?,
            choice: match observers.choice {
                1 => FaceChoice::Largest,
                2 => FaceChoice::First,
                code => return unknown("fpga_observers.choice", code),
            },
            colours: match observers.colours {
                1 => ColourOrder::Right,
                2 => ColourOrder::Exchanged,
                code => return unknown("fpga_observers.colours", code),
            },
        })
    }
}
