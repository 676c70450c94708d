//! `fpga_search`: which faces a restoration finds by itself, and whose they are.

use std::ffi::c_char;
use std::sync::Arc;

use burn::tensor::Device;
use fpga_core::face::{AssignmentRules, FaceBox, FaceFilter, FaceOrder};
use fpga_core::pipeline::{FaceSearch, SoughtPerson};

use crate::detector::fpga_face_detector;
use crate::embedder::fpga_face_embedder;
use crate::facial::fpga_facial_prompts;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::{share, share_optional};
use crate::identity::{self, CommonAdapter, fpga_identity};
use crate::prompt::{self, fpga_prompt_embedding};
use crate::status::fpga_status;
use crate::view::{flag, zero};

/// More people than any picture has: such a number was never set.
const MOST_PEOPLE: usize = 256;

/// In which order found faces are worked on.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_face_order {
    /// By the middle of the box.
    LeftToRight = 1,
    /// By the area of the box.
    LargestFirst = 2,
    /// By score.
    SurestFirst = 3,
}

fn order(code: u32) -> Outcome<FaceOrder> {
    match code {
        1 => Ok(FaceOrder::LeftToRight),
        2 => Ok(FaceOrder::LargestFirst),
        3 => Ok(FaceOrder::SurestFirst),
        _ => {
            let why = format!("no such order: {code}");
            Err(Fault::argument("fpga_search.order", why))
        }
    }
}

/// Someone whose face may be in a picture: known by their face, by their place, or by both. Start from
/// `FPGA_SOUGHT_PERSON_INIT`. Pointers are borrowed for the call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart. All
/// identities of one job must come from one adapter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_sought_person {
    /// Size of this struct.
    pub struct_size: usize,
    /// What their face shall show; NULL for whoever the prompt makes of it. The job keeps its own
    /// reference.
    pub identity: *const fpga_identity,
    /// What it looks like; NULL for the prompt of the request.
    pub prompt: *const c_char,
    /// What they look like, by the embedder of the search; NULL for the embedding that `identity` was made
    /// from, if any.
    pub embedding: *const f32,
    /// How many numbers.
    pub embedding_length: usize,
    /// Of `identity`: 1 as the adapter was trained, 0 silent.
    pub strength: f64,
    /// Share of the steps back at which `identity` starts to act: 0 to 1.
    pub window_start: f64,
    /// Share of the steps back at which that ends: 0 to 1.
    pub window_end: f64,
    /// Where they are: the face there becomes theirs, whoever's it was. Left, top, right, bottom.
    pub r#box: [f32; 4],
    /// 1 if `box` is set, 0 to know them by their face only.
    pub has_box: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Words that know the face of `identity` (ConsistentID), in place of the prompt; NULL for none. The job
    /// keeps its own reference.
    pub facial_prompts: *const fpga_facial_prompts,
    /// What it looks like, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for none.
    pub prompt_embedding: *const fpga_prompt_embedding,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_sought_person {
    const NAME: &'static str = "fpga_sought_person";
    const FIRST_SIZE: usize = 5 * size_of::<usize>() + 3 * size_of::<f64>() + 16 + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            identity: std::ptr::null(),
            prompt: std::ptr::null(),
            embedding: std::ptr::null(),
            embedding_length: 0,
            strength: 1.0,
            window_start: 0.0,
            window_end: 1.0,
            r#box: [0.0; 4],
            has_box: 0,
            reserved: 0,
            facial_prompts: std::ptr::null(),
            prompt_embedding: std::ptr::null(),
        }
    }
}

/// Which faces a restoration finds by itself. Start from `FPGA_SEARCH_INIT`. Pointers are borrowed for the
/// call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_search {
    /// Size of this struct.
    pub struct_size: usize,
    /// Finds all faces. The job keeps its own reference.
    pub detector: *const fpga_face_detector,
    /// Tells whose face is whose, for people who are known by their faces; NULL for none.
    pub embedder: *const fpga_face_embedder,
    /// Whose faces are worked on; all others then stay as they are. NULL for everybody's, as the prompt of
    /// the request says.
    pub people: *const fpga_sought_person,
    /// How many.
    pub num_people: usize,
    /// Smallest cosine of two pictures of one person: -1 to 1.
    pub min_cosine: f64,
    /// Smallest intersection / union of a face and a place: 0 to 1.
    pub min_overlap: f64,
    /// Smallest score of the detector.
    pub min_score: f32,
    /// Smallest larger side of a face's box, in pixels.
    pub min_size: f32,
    /// Largest larger side of a face's box, in pixels; 0 for any.
    pub max_size: f32,
    /// How many faces at most, the largest; 0 for all.
    pub most: u32,
    /// One of `fpga_face_order`.
    pub order: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_search {
    const NAME: &'static str = "fpga_search";
    const FIRST_SIZE: usize = 5 * size_of::<usize>() + 2 * size_of::<f64>() + 24;

    /// The core's defaults, so that both doors agree.
    fn defaults() -> Self {
        let rules = AssignmentRules::default();
        Self {
            struct_size: size_of::<Self>(),
            detector: std::ptr::null(),
            embedder: std::ptr::null(),
            people: std::ptr::null(),
            num_people: 0,
            min_cosine: rules.min_cosine,
            min_overlap: rules.min_overlap,
            min_score: 0.0,
            min_size: 0.0,
            max_size: 0.0,
            most: 0,
            order: fpga_face_order::LeftToRight as u32,
            reserved: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_SOUGHT_PERSON_INIT` does.
///
/// `size` is `sizeof *person`; it becomes `struct_size`.
///
/// Ownership: `person` stays the caller's.
/// Threads: any.
/// NULL: `person` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_sought_person_init(
    person: *mut fpga_sought_person,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `person` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_sought_person::defaults(), person, size) })
}

/// Sets every field to its default, as `FPGA_SEARCH_INIT` does.
///
/// `size` is `sizeof *search`; it becomes `struct_size`.
///
/// Ownership: `search` stays the caller's.
/// Threads: any.
/// NULL: `search` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_search_init(search: *mut fpga_search, size: usize) -> fpga_status {
    // SAFETY: the caller says that `search` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_search::defaults(), search, size) })
}

/// A search and the networks that it needs.
pub(crate) struct OwnSearch {
    detector: Arc<fpga_face_detector>,
    embedder: Option<Arc<fpga_face_embedder>>,
    filter: FaceFilter,
    rules: AssignmentRules,
    people: Vec<SoughtPerson>,
}

impl OwnSearch {
    pub(crate) fn borrowed(&self) -> FaceSearch<'_> {
        FaceSearch {
            detector: &*self.detector.detector,
            filter: self.filter,
            people: self.people.clone(),
            embedder: self.embedder.as_ref().map(|embedder| &*embedder.embedder),
            rules: self.rules,
        }
    }

    /// Bytes that its networks take while they run: they take turns.
    pub(crate) fn working(&self) -> u64 {
        let embedder = self.embedder.as_ref();
        let embedder = embedder.map_or(0, |embedder| embedder.home.working);
        self.detector.home.working.max(embedder)
    }
}

/// What the caller encoded goes to `device`.
///
/// # Safety
/// `search` is NULL for none, or a struct whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    search: *const fpga_search,
    adapter: &mut CommonAdapter,
    device: &Device,
) -> Outcome<Option<OwnSearch>> {
    if search.is_null() {
        return Ok(None);
    }
    // SAFETY: this function's contract.
    unsafe { own(&growing::read(search)?, adapter, device) }
        .map(Some)
        .map_err(|fault| fault.context("search"))
}

/// # Safety
/// The pointers of `search` live during the call.
unsafe fn own(
    search: &fpga_search,
    adapter: &mut CommonAdapter,
    device: &Device,
) -> Outcome<OwnSearch> {
    zero(search.reserved, "fpga_search.reserved")?;
    let filter = FaceFilter {
        min_score: search.min_score,
        min_size: search.min_size,
        max_size: (search.max_size != 0.0).then_some(search.max_size),
        most: (search.most > 0).then_some(search.most as usize),
        order: order(search.order)?,
    };
    let rules = AssignmentRules {
        min_cosine: search.min_cosine,
        min_overlap: search.min_overlap,
    };
    let limit = ("person", MOST_PEOPLE);
    // SAFETY: this function's contract.
    let people = unsafe { growing::read_all(search.people, search.num_people, limit) }?;
    let mut one = |(index, person)| {
        // SAFETY: this function's contract.
        let person = unsafe { sought(person, adapter, device) };
        person.map_err(|fault| fault.context(format!("person {index}")))
    };
    let people = people
        .iter()
        .enumerate()
        .map(&mut one)
        .collect::<Outcome<_>>()?;
    Ok(OwnSearch {
        // SAFETY: this function's contract.
        detector: unsafe { share(search.detector) }?,
        // SAFETY: as above.
        embedder: unsafe { share_optional(search.embedder) }?,
        filter,
        rules,
        people,
    })
}

/// # Safety
/// The pointers of `person` live during the call.
unsafe fn sought(
    person: &fpga_sought_person,
    adapter: &mut CommonAdapter,
    device: &Device,
) -> Outcome<SoughtPerson> {
    zero(person.reserved, "fpga_sought_person.reserved")?;
    let placed = flag(person.has_box, "fpga_sought_person.has_box")?;
    let [left, top, right, bottom] = person.r#box;
    let window = (person.window_start, person.window_end);
    // SAFETY: this function's contract.
    let (identity, prompt, embedding) = unsafe {
        (
            identity::worn(
                (person.identity, person.facial_prompts),
                person.strength,
                window,
                adapter,
            )?,
            prompt::copy_in(
                person.prompt,
                person.prompt_embedding,
                "fpga_sought_person.prompt",
                device,
            )?,
            identity::embedding(
                (person.embedding, person.embedding_length),
                "fpga_sought_person.embedding",
            )?,
        )
    };
    let own = identity
        .as_ref()
        .and_then(|identity| identity.embedding.clone());
    Ok(SoughtPerson {
        embedding: embedding.or(own),
        place: placed
            .then(|| FaceBox::new(left, top, right, bottom))
            .transpose()?,
        identity,
        prompt,
    })
}

#[cfg(test)]
mod tests {
    use fpga_core::face::DetectedFace;
    use fpga_core::pipeline::{DeviceChoice, Prompt};

    use super::*;
    use crate::network::Home;

    fn cpu() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    fn detector() -> Arc<fpga_face_detector> {
        let nobody = |_: &fpga_core::RgbImage| Ok(Vec::<DetectedFace>::new());
        Arc::new(fpga_face_detector {
            home: Home::ELSEWHERE,
            detector: Box::new(nobody),
        })
    }

    #[test]
    fn every_field_reaches_the_search() {
        let (detector, values) = (detector(), [3.0, 4.0]);
        let person = fpga_sought_person {
            prompt: c"smiling".as_ptr(),
            embedding: values.as_ptr(),
            embedding_length: 2,
            r#box: [1.0, 2.0, 30.0, 40.0],
            has_box: 1,
            ..fpga_sought_person::defaults()
        };
        let numbers = [1.0_f32, 2.0];
        let embedding = fpga_prompt_embedding {
            tokens: numbers.as_ptr(),
            num_tokens: 1,
            width: 2,
            ..fpga_prompt_embedding::defaults()
        };
        let embedded = fpga_sought_person {
            prompt_embedding: &raw const embedding,
            ..fpga_sought_person::defaults()
        };
        let people = [embedded, person];
        let search = fpga_search {
            detector: Arc::as_ptr(&detector),
            people: people.as_ptr(),
            num_people: 2,
            min_cosine: 0.11,
            min_overlap: 0.12,
            min_score: 0.25,
            min_size: 5.0,
            max_size: 6.0,
            most: 7,
            order: fpga_face_order::SurestFirst as u32,
            ..fpga_search::defaults()
        };
        let mut adapter = CommonAdapter::default();
        // SAFETY: all pointers live.
        let found = unsafe { copy_in(&raw const search, &mut adapter, &cpu()) };
        let found = found.unwrap().unwrap();
        let found = found.borrowed();
        let filter = FaceFilter {
            min_score: 0.25,
            min_size: 5.0,
            max_size: Some(6.0),
            most: Some(7),
            order: FaceOrder::SurestFirst,
        };
        assert_eq!(found.filter, filter);
        assert_eq!(
            (found.rules.min_cosine, found.rules.min_overlap),
            (0.11, 0.12)
        );
        assert!(found.people[0].embedding.is_none() && found.people[0].place.is_none());
        let first = &found.people[0].prompt;
        assert!(matches!(first, Some(Prompt::Embedded { .. })));
        let last = &found.people[1];
        assert_eq!(last.embedding.as_ref().unwrap().raw(), &values);
        assert_eq!(last.place.unwrap().edges(), person.r#box);
        assert!(matches!(&last.prompt, Some(Prompt::Text(text)) if text == "smiling"));
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let detector = detector();
        let search = fpga_search {
            detector: Arc::as_ptr(&detector),
            ..fpga_search::defaults()
        };
        let mut adapter = CommonAdapter::default();
        // SAFETY: the detector lives.
        let found = unsafe { copy_in(&raw const search, &mut adapter, &cpu()) };
        let found = found.unwrap().unwrap();
        let core = FaceSearch::new(&*detector.detector);
        assert_eq!(format!("{:?}", found.borrowed()), format!("{core:?}"));
    }
}
