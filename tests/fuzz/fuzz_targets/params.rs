//! Parameter structs of any size with any bytes: refused or taken, never believed. Pointers are NULL or
//! point to something sound, because no library can check that.
#![no_main]

#[path = "../model.rs"]
mod model;
#[path = "../world.rs"]
mod world;

use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ptr;

use fpga::*;
use libfuzzer_sys::fuzz_target;
use world::{World, fresh};

/// What is fuzzed: bytes, how many of them the struct claims to have, and a string.
struct Input<'a> {
    size: u16,
    content: &'a [u8],
    text: *const c_char,
}

/// A struct of any version that started at its defaults.
struct Bytes(Vec<u64>);

impl Input<'_> {
    /// As many bytes as the struct claims to have; with 0 it claims its own size. Bytes that are not
    /// fuzzed are those of the defaults.
    fn over<T: Copy>(&self, defaults: T) -> Bytes {
        let size = match self.size {
            0 => size_of::<T>(),
            size => usize::from(size),
        };
        let mut words = vec![0u64; size.max(size_of::<T>()).div_ceil(8).max(64)];
        // SAFETY: there is room for a `T`.
        unsafe { words.as_mut_ptr().cast::<T>().write_unaligned(defaults) };
        for (index, byte) in self.content.iter().enumerate().take(8 * words.len()) {
            words[index / 8] ^= u64::from(*byte) << (8 * (index % 8));
        }
        words[0] = size as u64;
        Bytes(words)
    }
}

impl Bytes {
    fn word(&mut self, offset: usize) -> Option<&mut u64> {
        self.0.get_mut(offset / 8)
    }

    /// A pointer becomes NULL or `target`: no bytes make a sound one.
    fn point<T>(&mut self, offset: usize, target: *const T) {
        if let Some(word) = self.word(offset) {
            *word = if word.is_multiple_of(3) { 0 } else { target as u64 };
        }
    }

    /// A pointer that must be sound.
    fn set<T>(&mut self, offset: usize, target: *const T) {
        if let Some(word) = self.word(offset) {
            *word = target as u64;
        }
    }

    /// A count of what a pointer points to.
    fn count(&mut self, offset: usize, most: u64) {
        if let Some(word) = self.word(offset) {
            *word %= most + 1;
        }
    }

    fn get<T>(&self) -> *const T {
        self.0.as_ptr().cast()
    }
}

/// Numbers for everything that points to numbers.
static NUMBERS: [f32; 4096] = [0.5; 4096];

/// A small mask.
fn grey() -> fpga_image_view {
    fpga_image_view {
        format: fpga_pixel_format::Gray8 as u32,
        ..model::picture()
    }
}

/// A prompt of as many numbers as there are, or of so many that they are refused unread.
fn embedding(input: &Input<'_>) -> Bytes {
    let mut embedding = input.over(fresh(fpga_prompt_embedding_init));
    embedding.point(offset_of!(fpga_prompt_embedding, tokens), NUMBERS.as_ptr());
    embedding.point(offset_of!(fpga_prompt_embedding, pooled), NUMBERS.as_ptr());
    for field in [
        offset_of!(fpga_prompt_embedding, num_tokens),
        offset_of!(fpga_prompt_embedding, width),
        offset_of!(fpga_prompt_embedding, pooled_width),
    ] {
        if embedding.word(field).is_some_and(|word| *word < 1 << 20) {
            embedding.count(field, 64);
        }
    }
    embedding
}

fn generate(params: *const fpga_generate_params) -> fpga_status {
    let mut job = ptr::null_mut();
    // SAFETY: the struct is as large as it says, its pointers are sound.
    let status = unsafe { fpga_job_new_generate(model::get(), params, &raw mut job) };
    estimated(job);
    status
}

fn restore(faces: Option<*const fpga_face>, params: *const fpga_restore_params) -> fpga_status {
    let (mut job, picture) = (ptr::null_mut(), model::picture());
    let count = usize::from(faces.is_some());
    let faces = faces.unwrap_or(ptr::null());
    let model = model::get();
    // SAFETY: as above.
    let status = unsafe {
        fpga_job_new_restore(model, &raw const picture, faces, count, params, &raw mut job)
    };
    estimated(job);
    status
}

fn estimated(job: *mut fpga_job) {
    if job.is_null() {
        return;
    }
    let mut needed = 0;
    // SAFETY: the job was just made.
    unsafe {
        sound(fpga_job_estimate_memory(job, &raw mut needed));
        fpga_job_free(job);
    }
}

fn sound(status: fpga_status) {
    assert!(status != fpga_status::Panic && status != fpga_status::Internal);
}

fn restore_params(input: &Input<'_>, world: &World) -> fpga_status {
    let mut search = fresh(fpga_search_init);
    search.detector = world.detector;
    let embedded = embedding(input);
    let mut params = input.over(fresh(fpga_restore_params_init));
    for field in [
        offset_of!(fpga_restore_params, prompt),
        offset_of!(fpga_restore_params, negative_prompt),
        offset_of!(fpga_restore_params, source_prompt),
    ] {
        params.point(field, input.text);
    }
    for field in [
        offset_of!(fpga_restore_params, prompt_embedding),
        offset_of!(fpga_restore_params, negative_prompt_embedding),
        offset_of!(fpga_restore_params, source_prompt_embedding),
    ] {
        params.point(field, embedded.get::<u8>());
    }
    params.point(offset_of!(fpga_restore_params, search), &raw const search);
    params.point(offset_of!(fpga_restore_params, recogniser), world.embedder);
    let net = world.controlnet;
    params.point(offset_of!(fpga_restore_params, landmark_controlnet), net);
    restore(None, params.get())
}

fn generate_params(input: &Input<'_>, world: &World) -> fpga_status {
    let (picture, mask) = (model::picture(), grey());
    let mut person = fresh(fpga_person_init);
    person.identity = world.identity;
    let mut modality = fresh(fpga_modality_init);
    (modality.delta, modality.condition) = (world.delta, &raw const picture);
    let mut control = fresh(fpga_control_init);
    (control.controlnet, control.condition) = (world.controlnet, &raw const picture);
    let embedded = embedding(input);
    let mut params = input.over(fresh(fpga_generate_params_init));
    params.point(offset_of!(fpga_generate_params, prompt), input.text);
    params.point(offset_of!(fpga_generate_params, negative_prompt), input.text);
    params.point(offset_of!(fpga_generate_params, picture), &raw const picture);
    params.point(offset_of!(fpga_generate_params, mask), &raw const mask);
    for (field, count, target) in [
        (
            offset_of!(fpga_generate_params, people),
            offset_of!(fpga_generate_params, num_people),
            (&raw const person).cast::<c_void>(),
        ),
        (
            offset_of!(fpga_generate_params, modalities),
            offset_of!(fpga_generate_params, num_modalities),
            (&raw const modality).cast(),
        ),
        (
            offset_of!(fpga_generate_params, controls),
            offset_of!(fpga_generate_params, num_controls),
            (&raw const control).cast(),
        ),
    ] {
        params.point(field, target);
        params.count(count, 1);
    }
    let (detector, embedder) = (world.detector, world.embedder);
    params.point(offset_of!(fpga_generate_params, recognition_detector), detector);
    params.point(offset_of!(fpga_generate_params, recognition_embedder), embedder);
    params.set::<u8>(offset_of!(fpga_generate_params, facial_prompts), ptr::null());
    for field in [
        offset_of!(fpga_generate_params, prompt_embedding),
        offset_of!(fpga_generate_params, negative_prompt_embedding),
    ] {
        params.point(field, embedded.get::<u8>());
    }
    generate(params.get())
}

/// What a struct of generation's is part of.
fn generate_with(change: impl FnOnce(&mut fpga_generate_params)) -> fpga_status {
    let mut params = fresh(fpga_generate_params_init);
    (params.width, params.height) = (8, 8);
    change(&mut params);
    generate(&raw const params)
}

/// A face that becomes somebody's.
fn face(input: &Input<'_>, world: &World) -> fpga_status {
    let mask = grey();
    let embedded = embedding(input);
    let mut defaults = fresh(fpga_face_init);
    defaults.r#box = [1.0, 1.0, 7.0, 7.0];
    let mut face = input.over(defaults);
    face.point(offset_of!(fpga_face, prompt), input.text);
    face.point(offset_of!(fpga_face, mask), &raw const mask);
    face.point(offset_of!(fpga_face, identity), world.identity);
    face.set::<u8>(offset_of!(fpga_face, facial_prompts), ptr::null());
    face.point(offset_of!(fpga_face, prompt_embedding), embedded.get::<u8>());
    let mut params = fresh(fpga_restore_params_init);
    params.depth = 1.0;
    restore(Some(face.get()), &raw const params)
}

fn searching(search: *const fpga_search) -> fpga_status {
    let mut params = fresh(fpga_restore_params_init);
    params.search = search;
    restore(None, &raw const params)
}

fn search(input: &Input<'_>, world: &World) -> fpga_status {
    let mut person = fresh(fpga_sought_person_init);
    person.identity = world.identity;
    let mut search = input.over(fresh(fpga_search_init));
    search.point(offset_of!(fpga_search, detector), world.detector);
    search.point(offset_of!(fpga_search, embedder), world.embedder);
    search.point(offset_of!(fpga_search, people), &raw const person);
    search.count(offset_of!(fpga_search, num_people), 1);
    searching(search.get())
}

fn sought_person(input: &Input<'_>, world: &World) -> fpga_status {
    let embedded = embedding(input);
    let mut person = input.over(fresh(fpga_sought_person_init));
    person.point(offset_of!(fpga_sought_person, prompt), input.text);
    person.point(offset_of!(fpga_sought_person, identity), world.identity);
    person.point(offset_of!(fpga_sought_person, embedding), NUMBERS.as_ptr());
    person.count(offset_of!(fpga_sought_person, embedding_length), 4096);
    person.set::<u8>(offset_of!(fpga_sought_person, facial_prompts), ptr::null());
    person.point(offset_of!(fpga_sought_person, prompt_embedding), embedded.get::<u8>());
    let mut search = fresh(fpga_search_init);
    (search.detector, search.embedder) = (world.detector, world.embedder);
    (search.people, search.num_people) = (person.get(), 1);
    searching(&raw const search)
}

fn person(input: &Input<'_>, world: &World) -> fpga_status {
    let mask = grey();
    let mut person = input.over(fresh(fpga_person_init));
    person.point(offset_of!(fpga_person, identity), world.identity);
    person.point(offset_of!(fpga_person, name), input.text);
    person.point(offset_of!(fpga_person, mask), &raw const mask);
    person.point(offset_of!(fpga_person, skeleton), NUMBERS.as_ptr());
    generate_with(|params| (params.people, params.num_people) = (person.get(), 1))
}

fn modality(input: &Input<'_>, world: &World) -> fpga_status {
    let picture = model::picture();
    let mut modality = input.over(fresh(fpga_modality_init));
    modality.point(offset_of!(fpga_modality, rep_controlnet), world.net);
    modality.point(offset_of!(fpga_modality, delta), world.delta);
    modality.point(offset_of!(fpga_modality, condition), &raw const picture);
    generate_with(|params| (params.modalities, params.num_modalities) = (modality.get(), 1))
}

fn control(input: &Input<'_>, world: &World) -> fpga_status {
    let picture = model::picture();
    let mut control = input.over(fresh(fpga_control_init));
    control.point(offset_of!(fpga_control, controlnet), world.controlnet);
    control.point(offset_of!(fpga_control, condition), &raw const picture);
    generate_with(|params| (params.controls, params.num_controls) = (control.get(), 1))
}

fn embedded_generation(input: &Input<'_>) -> fpga_status {
    let both = embedding(input);
    generate_with(|params| {
        (params.prompt_embedding, params.negative_prompt_embedding) = (both.get(), both.get());
    })
}

fn embedded_restoration(input: &Input<'_>) -> fpga_status {
    let both = embedding(input);
    let mut params = fresh(fpga_restore_params_init);
    (params.prompt_embedding, params.negative_prompt_embedding) = (both.get(), both.get());
    params.source_prompt_embedding = both.get();
    restore(None, &raw const params)
}

/// A model with something of it changed.
fn changed(change: impl FnOnce(*const fpga_model, *mut *mut fpga_model) -> fpga_status) -> fpga_status {
    let mut changed = ptr::null_mut();
    let status = change(model::get(), &raw mut changed);
    // SAFETY: NULL, or a model that was just made.
    unsafe { fpga_model_free(changed) };
    status
}

fn lora(input: &Input<'_>, world: &World) -> fpga_status {
    let mut lora = input.over(fresh(fpga_lora_use_init));
    lora.point(offset_of!(fpga_lora_use, lora), world.lora);
    // SAFETY: one struct with a sound handle.
    changed(|model, out| unsafe { fpga_model_with_loras(model, lora.get(), 1, out) })
}

fn rep_controlnet(input: &Input<'_>, world: &World) -> fpga_status {
    let mut net = input.over(fresh(fpga_rep_controlnet_use_init));
    net.point(offset_of!(fpga_rep_controlnet_use, rep_controlnet), world.net);
    // SAFETY: as above.
    changed(|model, out| unsafe { fpga_model_with_rep_controlnets(model, net.get(), 1, out) })
}

fn delta(input: &Input<'_>, world: &World) -> fpga_status {
    let strength = input.content.first_chunk().map_or(1.0, |bytes| f64::from_le_bytes(*bytes));
    // SAFETY: sound handles.
    let added = changed(|model, out| unsafe {
        fpga_model_with_delta(model, world.delta, strength, out)
    });
    sound(added);
    // SAFETY: as above.
    changed(|model, out| unsafe { fpga_model_without_delta(model, world.delta, strength, out) })
}

fn reference(input: &Input<'_>, world: &World) -> fpga_status {
    let (picture, parts) = (model::picture(), grey());
    let mut reference = input.over(fresh(fpga_reference_init));
    reference.point(offset_of!(fpga_reference, picture), &raw const picture);
    reference.point(offset_of!(fpga_reference, parts), &raw const parts);
    reference.point(offset_of!(fpga_reference, embedding), NUMBERS.as_ptr());
    reference.count(offset_of!(fpga_reference, embedding_length), 4096);
    let mut identity = ptr::null_mut();
    // SAFETY: one struct with sound pointers.
    unsafe {
        let status = fpga_identity_new(world.adapter, reference.get(), 1, &raw mut identity);
        fpga_identity_free(identity);
        status
    }
}

fn observers(input: &Input<'_>, world: &World) -> fpga_status {
    let picture = model::picture();
    let mut observers = input.over(fresh(fpga_observers_init));
    observers.point(offset_of!(fpga_observers, detector), world.detector);
    observers.point(offset_of!(fpga_observers, embedder), world.embedder);
    observers.set::<u8>(offset_of!(fpga_observers, parser), ptr::null());
    let mut identity = ptr::null_mut();
    let (adapter, observers) = (world.adapter, observers.get());
    // SAFETY: as above.
    unsafe {
        let out = &raw mut identity;
        let status = fpga_identity_from_pictures(adapter, &raw const picture, 1, observers, out);
        fpga_identity_free(identity);
        status
    }
}

fn facial_text(input: &Input<'_>, world: &World) -> fpga_status {
    let mut reference = fresh(fpga_reference_init);
    (reference.embedding, reference.embedding_length) = (NUMBERS.as_ptr(), 6);
    let mut text = input.over(fresh(fpga_facial_text_init));
    for field in [
        offset_of!(fpga_facial_text, prompt),
        offset_of!(fpga_facial_text, negative_prompt),
        offset_of!(fpga_facial_text, caption),
    ] {
        text.point(field, input.text);
    }
    text.point(offset_of!(fpga_facial_text, reference), &raw const reference);
    let mut words = ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        let (adapter, out) = (world.adapter, &raw mut words);
        let status = fpga_facial_prompts_new(model::get(), adapter, text.get(), out);
        fpga_facial_prompts_free(words);
        status
    }
}

thread_local! {
    /// What a callback adds to its list: bytes, and how many they claim to be.
    static ADDED: Cell<(*const c_void, usize)> = const { Cell::new((ptr::null(), 0)) };
}

unsafe extern "C" fn detect(
    _: *mut c_void,
    _: *const fpga_image_view,
    faces: *mut fpga_detections,
) -> i32 {
    // SAFETY: the struct is as large as it says; the list is open.
    sound(unsafe { fpga_detections_add(faces, ADDED.get().0.cast()) });
    0
}

unsafe extern "C" fn estimate(
    _: *mut c_void,
    _: *const fpga_image_view,
    poses: *mut fpga_poses,
) -> i32 {
    let (points, count) = ADDED.get();
    // SAFETY: there are as many numbers, or so many that they are refused unread.
    sound(unsafe { fpga_poses_add(poses, points.cast(), count) });
    0
}

unsafe extern "C" fn embed(
    _: *mut c_void,
    _: *const fpga_image_view,
    _: *const f32,
    embedding: *mut f32,
) -> i32 {
    // SAFETY: a buffer of at least one number.
    unsafe { embedding.write(1.0) };
    0
}

unsafe extern "C" fn find(
    _: *mut c_void,
    _: *const fpga_image_view,
    bounds: *const f32,
    points: *mut f32,
) -> i32 {
    // SAFETY: four numbers, and a buffer of at least four.
    unsafe { ptr::copy_nonoverlapping(bounds, points, 4) };
    0
}

/// A detector's own struct, and what it finds.
fn detection(input: &Input<'_>) -> fpga_status {
    let mut face = fresh(fpga_detection_init);
    face.r#box = [1.0, 1.0, 7.0, 7.0];
    let face = input.over(face);
    ADDED.set((face.get(), 0));
    let mut own = input.over(fresh(fpga_own_detector_init));
    own.point(offset_of!(fpga_own_detector, detect), detect as *const c_void);
    own.set::<u8>(offset_of!(fpga_own_detector, userdata), ptr::null());
    let (mut detector, mut found) = (ptr::null_mut(), ptr::null_mut());
    let picture = model::picture();
    // SAFETY: the struct is as large as it says, its callback is sound.
    unsafe {
        let status = fpga_face_detector_new(own.get(), &raw mut detector);
        sound(fpga_face_detector_detect(detector, &raw const picture, &raw mut found));
        fpga_detections_free(found);
        fpga_face_detector_free(detector);
        status
    }
}

/// A pose estimator's own struct, and what it finds.
fn poses(input: &Input<'_>) -> fpga_status {
    let (bytes, _) = input.content.as_chunks::<4>();
    let numbers: Vec<f32> = bytes.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let points = match numbers.len() < 54 {
        true => &NUMBERS[..],
        false => &numbers,
    };
    let all = points.len() / 3;
    let count = match input.size % 5 {
        0 => 18,
        1 => all.min(133),
        2 => all.min(134),
        3 => all,
        _ => usize::MAX,
    };
    ADDED.set((points.as_ptr().cast(), count));
    let mut own = input.over(fresh(fpga_own_pose_estimator_init));
    own.point(offset_of!(fpga_own_pose_estimator, estimate), estimate as *const c_void);
    own.set::<u8>(offset_of!(fpga_own_pose_estimator, userdata), ptr::null());
    let (mut estimator, mut found) = (ptr::null_mut(), ptr::null_mut());
    let picture = model::picture();
    // SAFETY: as above.
    unsafe {
        let status = fpga_pose_estimator_new(own.get(), &raw mut estimator);
        sound(fpga_pose_estimator_estimate(estimator, &raw const picture, &raw mut found));
        fpga_poses_free(found);
        fpga_pose_estimator_free(estimator);
        status
    }
}

fn own_embedder(input: &Input<'_>) -> fpga_status {
    let mut own = input.over(fresh(fpga_own_embedder_init));
    own.point(offset_of!(fpga_own_embedder, embed), embed as *const c_void);
    own.set::<u8>(offset_of!(fpga_own_embedder, userdata), ptr::null());
    let (mut embedder, mut needed) = (ptr::null_mut(), 0);
    let picture = model::picture();
    let points = [2.0_f32, 3.0, 5.0, 3.0, 4.0, 4.0, 3.0, 6.0, 5.0, 6.0];
    // SAFETY: as above.
    unsafe {
        let status = fpga_face_embedder_new(own.get(), &raw mut embedder);
        // Aligned faces of thousands of pixels are sound, and slow.
        let side = own.get::<fpga_own_embedder>().read().aligned_size;
        if side <= 64 {
            let (out, needed) = (ptr::null_mut(), &raw mut needed);
            let picture = &raw const picture;
            sound(fpga_face_embedder_embed(embedder, picture, points.as_ptr(), out, 0, needed));
        }
        fpga_face_embedder_free(embedder);
        status
    }
}

fn own_landmarks(input: &Input<'_>) -> fpga_status {
    let mut own = input.over(fresh(fpga_own_landmarks_init));
    own.point(offset_of!(fpga_own_landmarks, find), find as *const c_void);
    own.set::<u8>(offset_of!(fpga_own_landmarks, userdata), ptr::null());
    let (mut detector, mut needed) = (ptr::null_mut(), 0);
    let (picture, bounds) = (model::picture(), [1.0_f32, 1.0, 7.0, 7.0]);
    // SAFETY: as above.
    unsafe {
        let status = fpga_landmark_detector_new(own.get(), &raw mut detector);
        let (picture, bounds) = (&raw const picture, bounds.as_ptr());
        let out = ptr::null_mut();
        sound(fpga_landmark_detector_find(detector, picture, bounds, out, 0, &raw mut needed));
        fpga_landmark_detector_free(detector);
        status
    }
}

thread_local! {
    /// The class that `parse` gives every pixel.
    static CLASS: Cell<u8> = const { Cell::new(0) };
    /// What `read` reads, and how much of it there is.
    static FILE: Cell<(*const u8, usize)> = const { Cell::new((ptr::null(), 0)) };
}

unsafe extern "C" fn parse(
    _: *mut c_void,
    portrait: *const fpga_image_view,
    labels: *mut u8,
) -> i32 {
    // SAFETY: a picture, and as many bytes as it has pixels.
    unsafe {
        let pixels = (*portrait).width as usize * (*portrait).height as usize;
        ptr::write_bytes(labels, CLASS.get(), pixels);
    }
    0
}

unsafe extern "C" fn read(_: *mut c_void, offset: u64, buffer: *mut u8, length: usize) -> i32 {
    let (file, size) = FILE.get();
    let start = usize::try_from(offset).ok().filter(|start| *start <= size);
    let Some(start) = start.filter(|start| length <= size - start) else {
        return 1;
    };
    // SAFETY: those bytes are there, and the buffer has room for them.
    unsafe { ptr::copy_nonoverlapping(file.add(start), buffer, length) };
    0
}

fn own_parser(input: &Input<'_>) -> fpga_status {
    let mut own = input.over(fresh(fpga_own_parser_init));
    own.point(offset_of!(fpga_own_parser, parse), parse as *const c_void);
    own.set::<u8>(offset_of!(fpga_own_parser, userdata), ptr::null());
    CLASS.set(input.content.last().copied().unwrap_or(0));
    let (mut parser, picture) = (ptr::null_mut(), model::picture());
    let mut labels = [0_u8; 4096];
    let (stride, capacity) = (picture.width as usize, labels.len());
    // SAFETY: the struct is as large as it says, its callback is sound.
    unsafe {
        let status = fpga_face_parser_new(own.get(), &raw mut parser);
        let (picture, labels) = (&raw const picture, labels.as_mut_ptr());
        sound(fpga_face_parser_parse(parser, picture, labels, stride, capacity));
        fpga_face_parser_free(parser);
        status
    }
}

/// A checkpoint that the caller reads: what stands behind the struct's bytes, however much it is said to be.
fn io(input: &Input<'_>) -> fpga_status {
    let mut io = input.over(fresh(fpga_io_init));
    io.point(offset_of!(fpga_io, name), input.text);
    io.point(offset_of!(fpga_io, read), read as *const c_void);
    io.set::<u8>(offset_of!(fpga_io, userdata), ptr::null());
    let file = input.content.get(size_of::<fpga_io>()..).unwrap_or_default();
    FILE.set((file.as_ptr(), file.len()));
    let mut source = ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        let status = fpga_source_new_io(io.get(), &raw mut source);
        fpga_source_free(source);
        status
    }
}

fn detector_params(input: &Input<'_>) -> fpga_status {
    let params = input.over(fresh(fpga_detector_params_init));
    let (path, mut detector) = (c"/no/such".as_ptr(), ptr::null_mut());
    // SAFETY: as above.
    unsafe {
        let context = model::context();
        let status = fpga_face_detector_load(context, path, params.get(), &raw mut detector);
        fpga_face_detector_free(detector);
        status
    }
}

fn context_params(input: &Input<'_>) -> fpga_status {
    let mut params = input.over(fresh(fpga_context_params_init));
    params.point(offset_of!(fpga_context_params, device), input.text);
    let mut context = ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        let status = fpga_context_new(params.get(), &raw mut context);
        fpga_context_free(context);
        status
    }
}

fn model_params(input: &Input<'_>) -> fpga_status {
    let mut params = input.over(fresh(fpga_model_params_init));
    for field in [
        offset_of!(fpga_model_params, variant),
        offset_of!(fpga_model_params, tokenizer),
        offset_of!(fpga_model_params, tokenizer_2),
    ] {
        params.point(field, input.text);
    }
    let mut needed = 0;
    // SAFETY: as above.
    unsafe { fpga_model_estimate_memory(c"/no/such".as_ptr(), params.get(), &raw mut needed) }
}

fn adapter_params(input: &Input<'_>) -> fpga_status {
    let mut params = input.over(fresh(fpga_adapter_params_init));
    params.point(offset_of!(fpga_adapter_params, image_encoder), input.text);
    let mut needed = 0;
    // SAFETY: as above.
    unsafe { fpga_adapter_estimate_memory(c"/no/such".as_ptr(), params.get(), &raw mut needed) }
}

/// A struct that is written: all of its bytes, and none behind it.
fn device_info(input: &Input<'_>, world: &World) -> fpga_status {
    const GUARD: u8 = 0x5A;
    let size = usize::from(input.size);
    let mut bytes = vec![u64::from_ne_bytes([GUARD; 8]); size.div_ceil(8) + 1];
    let info = bytes.as_mut_ptr().cast();
    let index = input.content.len() % 2;
    // SAFETY: there are `size` bytes.
    let status = unsafe { fpga_device_list_info(world.devices, index, info, size) };
    let written = if status == fpga_status::Ok { size } else { 0 };
    let bytes: Vec<u8> = bytes.into_iter().flat_map(u64::to_ne_bytes).collect();
    assert!(bytes[written..].iter().all(|byte| *byte == GUARD));
    status
}

fuzz_target!(|input: (u8, u16, &[u8], [u8; 8])| {
    let (kind, size, content, mut text) = input;
    text[7] = 0;
    let text = text.as_ptr().cast::<c_char>();
    let input = &Input { size, content, text };
    let world = world::get();
    sound(match kind % 27 {
        0 => restore_params(input, world),
        1 => generate_params(input, world),
        2 => face(input, world),
        3 => context_params(input),
        4 => model_params(input),
        5 => search(input, world),
        6 => sought_person(input, world),
        7 => person(input, world),
        8 => modality(input, world),
        9 => control(input, world),
        10 => lora(input, world),
        11 => rep_controlnet(input, world),
        12 => delta(input, world),
        13 => reference(input, world),
        14 => observers(input, world),
        15 => facial_text(input, world),
        16 => detection(input),
        17 => poses(input),
        18 => own_embedder(input),
        19 => own_landmarks(input),
        20 => adapter_params(input),
        21 => device_info(input, world),
        22 => embedded_generation(input),
        23 => own_parser(input),
        24 => io(input),
        25 => detector_params(input),
        _ => embedded_restoration(input),
    });
});
