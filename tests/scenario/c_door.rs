//! The door for C: the exported functions, called as C would call them.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;

use fpga::*;
use fpga_core::RgbImage;

use crate::scene::{
    CROWD, Embedding, Failure, Ground, Heard, Paint, Play, Scene, Shown, Step, Task, cross,
    device_name, read_report, recognise, untimed,
};

pub(crate) struct CDoor {
    model: *mut fpga_model,
    net: *mut fpga_controlnet,
    adapter: *mut fpga_adapter,
    detector: *mut fpga_face_detector,
    embedder: *mut fpga_face_embedder,
}

// SAFETY: models and networks may be used by many threads at once.
unsafe impl Send for CDoor {}
// SAFETY: as above.
unsafe impl Sync for CDoor {}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::default();
}

/// What the callbacks are given.
struct Listener {
    heard: Heard,
    stop_at: Option<usize>,
}

impl CDoor {
    pub(crate) fn open(files: &Path) -> Self {
        let (mut context, mut model, mut net) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let path = |name| CString::new(files.join(name).to_str().unwrap()).unwrap();
        let (model_path, net_path) = (path("model"), path("controlnet"));
        let adapter_path = path("adapter.safetensors");
        let (mut adapter, mut detector, mut embedder) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut eyes = init(fpga_own_detector_init);
        eyes.detect = Some(detect);
        let mut memory = init(fpga_own_embedder_init);
        memory.embed = Some(embed);
        memory.embedding_length = 6;
        memory.aligned_size = 0;
        let as_stored = fpga_storage::AsStored as u32;
        let device = CString::new(device_name()).unwrap();
        let mut place = init(fpga_context_params_init);
        place.device = device.as_ptr();
        // SAFETY: outputs are variables, strings end with NUL.
        unsafe {
            ok(fpga_context_new(&raw const place, &raw mut context));
            ok(fpga_model_load(
                context,
                model_path.as_ptr(),
                ptr::null(),
                &raw mut model,
            ));
            ok(fpga_controlnet_load(
                context,
                net_path.as_ptr(),
                as_stored,
                &raw mut net,
            ));
            ok(fpga_adapter_load(
                model,
                adapter_path.as_ptr(),
                ptr::null(),
                &raw mut adapter,
            ));
            ok(fpga_face_detector_new(&raw const eyes, &raw mut detector));
            ok(fpga_face_embedder_new(&raw const memory, &raw mut embedder));
            fpga_context_free(context);
        }
        Self {
            model,
            net,
            adapter,
            detector,
            embedder,
        }
    }

    pub(crate) fn play(&self, scene: &Scene) -> Shown {
        let mut listener = Listener {
            heard: Heard::default(),
            stop_at: scene.stop_at,
        };
        let userdata = (&raw mut listener).cast::<c_void>();
        let shown = self.job(&scene.task).and_then(|job| {
            // SAFETY: the job lives until it is freed here, the listener until after that.
            unsafe {
                ok(fpga_job_set_progress_callback(
                    job,
                    Some(on_progress),
                    userdata,
                ));
                ok(fpga_job_set_preview_callback(
                    job,
                    Some(on_preview),
                    userdata,
                ));
                ok(fpga_job_set_log_callback(job, Some(on_log), userdata));
                if scene.cancelled_before {
                    let mut token = ptr::null_mut();
                    ok(fpga_cancel_token_new(&raw mut token));
                    ok(fpga_job_set_cancel_token(job, token));
                    ok(fpga_cancel_token_cancel(token));
                    fpga_cancel_token_free(token);
                }
                let ran = check(fpga_job_run(job));
                let shown = ran.map(|()| match scene.task {
                    Task::Restore { .. } => restoration(job),
                    Task::Generate(_) => generation(job),
                });
                fpga_job_free(job);
                shown
            }
        });
        let notes = listener.heard.notes.clone();
        HEARD.replace(listener.heard);
        shown.map(|(pictures, report)| Play {
            pictures,
            report: read_report(&report),
            notes,
        })
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        HEARD.with_borrow(|heard| heard.steps.clone())
    }

    pub(crate) fn previews(&self) -> Vec<RgbImage> {
        HEARD.with_borrow(|heard| heard.previews.clone())
    }

    fn job(&self, task: &Task) -> Result<*mut fpga_job, Failure> {
        match task {
            Task::Restore { .. } => self.restore_job(task),
            Task::Generate(paint) => self.generate_job(paint),
        }
    }

    /// Everybody's identities, freed when they go: jobs keep what they need.
    fn identities(&self, people: impl IntoIterator<Item = Embedding>) -> Identities {
        let one = |values: Embedding| {
            let mut reference = init(fpga_reference_init);
            (reference.embedding, reference.embedding_length) = (values.as_ptr(), values.len());
            let mut identity = ptr::null_mut();
            // SAFETY: the numbers live during the call.
            ok(unsafe {
                fpga_identity_new(self.adapter, &raw const reference, 1, &raw mut identity)
            });
            identity
        };
        Identities(people.into_iter().map(one).collect())
    }

    fn restore_job(&self, task: &Task) -> Result<*mut fpga_job, Failure> {
        let Task::Restore {
            picture,
            faces,
            depth,
            search,
        } = task
        else {
            unreachable!("asked for a restoration");
        };
        let view = rgb(&picture.0);
        let masks: Vec<_> = faces
            .iter()
            .map(|face| face.mask.as_ref().map(|bytes| grey(bytes, &view)))
            .collect();
        let prompts: Vec<_> = faces.iter().map(|face| face.prompt.map(string)).collect();
        let worn: Vec<_> = faces
            .iter()
            .map(|face| self.identities(face.identity))
            .collect();
        let one = |index: usize| {
            let mut face = init(fpga_face_init);
            face.identity = worn[index]
                .0
                .first()
                .map_or(ptr::null(), |one| one.cast_const());
            face.r#box = faces[index].edges;
            face.mask = masks[index].as_ref().map_or(ptr::null(), ptr::from_ref);
            face.prompt = prompts[index]
                .as_ref()
                .map_or(ptr::null(), |text| text.as_ptr());
            face
        };
        let list: Vec<fpga_face> = (0..faces.len()).map(one).collect();
        let mut params = init(fpga_restore_params_init);
        params.prompt = c"a face".as_ptr();
        params.steps = 5;
        params.depth = *depth;
        params.model_size = 32;
        params.max_seam_delta_e = f64::INFINITY;
        params.min_sharpness_gain = 0.0;
        (params.seed, params.has_seed) = (7, 1);
        params.variation = 0.5;
        params.recogniser = self.embedder;
        params.min_likeness_gain = f64::NEG_INFINITY;
        let sought = search
            .iter()
            .flat_map(|search| search.people.iter().copied());
        let sought = self.identities(sought);
        let person = |identity: &*mut fpga_identity| {
            let mut person = init(fpga_sought_person_init);
            person.identity = *identity;
            person
        };
        let people: Vec<fpga_sought_person> = sought.0.iter().map(person).collect();
        let mut looking = init(fpga_search_init);
        if let Some(search) = search {
            (looking.detector, looking.embedder) = (self.detector, self.embedder);
            looking.most = search.most.unwrap_or(0);
            looking.min_size = search.min_size;
            (looking.people, looking.num_people) = (people.as_ptr(), people.len());
            params.search = &raw const looking;
        }
        let mut job = ptr::null_mut();
        let list = (list.as_ptr(), list.len());
        // SAFETY: all structs and what they point to live during the call.
        check(unsafe {
            fpga_job_new_restore(
                self.model,
                &raw const view,
                list.0,
                list.1,
                &raw const params,
                &raw mut job,
            )
        })?;
        Ok(job)
    }

    fn generate_job(&self, paint: &Paint) -> Result<*mut fpga_job, Failure> {
        let (prompt, negative) = (string(paint.prompt), string(paint.negative));
        let mut params = init(fpga_generate_params_init);
        params.prompt = prompt.as_ptr();
        params.negative_prompt = negative.as_ptr();
        params.steps = paint.steps;
        params.count = paint.count;
        params.guidance = paint.guidance;
        (params.seed, params.has_seed) = (paint.seed, 1);
        if paint.philox {
            params.noise = fpga_noise::Philox as u32;
        }
        if let Some((sampler, _)) = paint.sampler {
            params.sampler = sampler;
        }
        if let Some((tile, overlap)) = paint.tile {
            (params.tile, params.tile_overlap) = (tile, overlap);
        }
        let (view, mask);
        let size = match &paint.ground {
            &Ground::Blank(width, height) => {
                (params.width, params.height) = (width, height);
                (width, height)
            }
            Ground::Changed(picture, bytes, strength) => {
                view = rgb(&picture.0);
                mask = bytes.as_ref().map(|bytes| grey(bytes, &view));
                params.picture = &raw const view;
                params.mask = mask.as_ref().map_or(ptr::null(), ptr::from_ref);
                params.strength = *strength;
                picture.0.dimensions()
            }
        };
        let condition = cross(size.0, size.1);
        let condition = rgb(&condition);
        let control = |control: &crate::scene::Control| {
            let mut found = init(fpga_control_init);
            found.controlnet = self.net;
            found.condition = &raw const condition;
            found.scale = control.scale;
            (found.window_start, found.window_end) = control.window;
            if control.guess {
                found.mode = fpga_control_mode::Guess as u32;
            }
            found
        };
        let controls: Vec<fpga_control> = paint.controls.iter().map(control).collect();
        params.controls = controls.as_ptr();
        params.num_controls = controls.len();
        let identities = paint.people.iter().map(|person| person.embedding);
        let identities = self.identities(identities);
        let names: Vec<_> = (paint.people.iter())
            .map(|person| person.name.map(string))
            .collect();
        let person = |index: usize| {
            let (mut person, given) = (init(fpga_person_init), &paint.people[index]);
            person.identity = identities.0[index];
            person.name = names[index]
                .as_ref()
                .map_or(ptr::null(), |name| name.as_ptr());
            person.place = fpga_place::Box as u32;
            person.r#box = given.edges;
            person.strength = given.strength;
            (person.window_start, person.window_end) = given.window;
            person
        };
        let people: Vec<fpga_person> = (0..paint.people.len()).map(person).collect();
        (params.people, params.num_people) = (people.as_ptr(), people.len());
        params.measure = u32::from(paint.measure);
        if paint.measure {
            params.recognition_detector = self.detector;
            params.recognition_embedder = self.embedder;
        }
        let mut job = ptr::null_mut();
        // SAFETY: all structs and what they point to live during the call.
        check(unsafe { fpga_job_new_generate(self.model, &raw const params, &raw mut job) })?;
        Ok(job)
    }
}

/// Identities until they are not needed any more.
struct Identities(Vec<*mut fpga_identity>);

impl Drop for Identities {
    fn drop(&mut self) {
        for &identity in &self.0 {
            // SAFETY: made by `CDoor::identities`, and freed once.
            unsafe { fpga_identity_free(identity) };
        }
    }
}

unsafe extern "C" fn detect(
    _userdata: *mut c_void,
    _picture: *const fpga_image_view,
    faces: *mut fpga_detections,
) -> i32 {
    for (edges, score, points) in CROWD {
        let mut face = init(fpga_detection_init);
        (face.r#box, face.score) = (edges, score);
        face.landmarks = points.unwrap_or_default();
        face.has_landmarks = u32::from(points.is_some());
        // SAFETY: the list is the library's, the struct a variable.
        ok(unsafe { fpga_detections_add(faces, &raw const face) });
    }
    0
}

unsafe extern "C" fn embed(
    _userdata: *mut c_void,
    _picture: *const fpga_image_view,
    landmarks: *const f32,
    embedding: *mut f32,
) -> i32 {
    // SAFETY: ten numbers, and room for as many as this embedder promised.
    unsafe { embedding.cast::<Embedding>().write(recognise(*landmarks)) };
    0
}

unsafe extern "C" fn on_progress(userdata: *mut c_void, progress: *const fpga_progress) -> i32 {
    // SAFETY: both were given by the library as they were registered.
    let (listener, progress) = unsafe { (&mut *userdata.cast::<Listener>(), &*progress) };
    let face = if progress.has_face == 1 {
        progress.face + 1
    } else {
        0
    };
    let step = [progress.phase, face, progress.step, progress.steps];
    listener.heard.steps.push(step);
    i32::from(Some(listener.heard.steps.len()) == listener.stop_at)
}

unsafe extern "C" fn on_preview(
    userdata: *mut c_void,
    _progress: *const fpga_progress,
    picture: *const fpga_image_view,
) -> i32 {
    // SAFETY: as above; the pixels live during the call.
    let (listener, picture, pixels) = unsafe {
        let picture = &*picture;
        let size = picture.stride * picture.height as usize;
        let pixels = std::slice::from_raw_parts(picture.pixels, size);
        (&mut *userdata.cast::<Listener>(), picture, pixels)
    };
    let copy = RgbImage::from_raw(picture.width, picture.height, pixels.to_vec());
    listener.heard.previews.push(copy.unwrap());
    0
}

unsafe extern "C" fn on_log(userdata: *mut c_void, level: u32, message: *const c_char) {
    // SAFETY: as above; the message ends with NUL.
    let (listener, words) = unsafe { (&mut *userdata.cast::<Listener>(), CStr::from_ptr(message)) };
    listener
        .heard
        .notes
        .push((level, untimed(words.to_str().unwrap())));
}

/// # Safety
/// `job` is done.
unsafe fn restoration(job: *mut fpga_job) -> (Vec<RgbImage>, String) {
    let (mut result, mut width, mut height) = (ptr::null_mut(), 0, 0);
    // SAFETY: outputs are variables, the buffer has its capacity.
    unsafe {
        ok(fpga_job_take_restoration(job, &raw mut result));
        ok(fpga_restoration_size(
            result,
            &raw mut width,
            &raw mut height,
        ));
        let mut picture = RgbImage::new(width, height);
        let (stride, capacity) = (3 * width as usize, picture.len());
        let pixels = picture.as_mut_ptr();
        ok(fpga_restoration_copy_picture(
            result, pixels, stride, capacity,
        ));
        let report =
            text(|buffer, size, needed| fpga_restoration_report_json(result, buffer, size, needed));
        fpga_restoration_free(result);
        (vec![picture], report)
    }
}

/// # Safety
/// `job` is done.
unsafe fn generation(job: *mut fpga_job) -> (Vec<RgbImage>, String) {
    let (mut result, mut width, mut height, mut count) = (ptr::null_mut(), 0, 0, 0);
    let mut pictures = Vec::new();
    // SAFETY: outputs are variables, the buffer has its capacity.
    unsafe {
        ok(fpga_job_take_generation(job, &raw mut result));
        ok(fpga_generation_num_pictures(result, &raw mut count));
        for index in 0..count {
            ok(fpga_generation_size(
                result,
                index,
                &raw mut width,
                &raw mut height,
            ));
            let mut picture = RgbImage::new(width, height);
            let (stride, capacity) = (3 * width as usize, picture.len());
            let pixels = picture.as_mut_ptr();
            ok(fpga_generation_copy_picture(
                result, index, pixels, stride, capacity,
            ));
            pictures.push(picture);
        }
        let report =
            text(|buffer, size, needed| fpga_generation_report_json(result, buffer, size, needed));
        fpga_generation_free(result);
        (pictures, report)
    }
}

fn init<T>(init: unsafe extern "C" fn(*mut T, usize) -> fpga_status) -> T {
    let mut value = std::mem::MaybeUninit::uninit();
    // SAFETY: the struct has its size, and the function fills all of it.
    unsafe {
        ok(init(value.as_mut_ptr(), size_of::<T>()));
        value.assume_init()
    }
}

fn rgb(picture: &RgbImage) -> fpga_image_view {
    let mut view = init(fpga_image_view_init);
    view.pixels = picture.as_raw().as_ptr();
    view.stride = 3 * picture.width() as usize;
    (view.width, view.height) = picture.dimensions();
    view
}

fn grey(bytes: &[u8], like: &fpga_image_view) -> fpga_image_view {
    fpga_image_view {
        pixels: bytes.as_ptr(),
        stride: like.width as usize,
        format: fpga_pixel_format::Gray8 as u32,
        ..*like
    }
}

fn string(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn ok(status: fpga_status) {
    check(status).unwrap();
}

fn check(status: fpga_status) -> Result<(), Failure> {
    match status {
        fpga_status::Ok => Ok(()),
        status => Err(Failure {
            status: status as u32,
            // SAFETY: the closure's arguments are those of a two-call string.
            message: text(|buffer, size, needed| unsafe {
                fpga_last_error_message(buffer, size, needed)
            }),
        }),
    }
}

/// A string by two calls.
fn text(get: impl Fn(*mut c_char, usize, *mut usize) -> fpga_status) -> String {
    let mut needed = 0;
    assert_eq!(get(ptr::null_mut(), 0, &raw mut needed), fpga_status::Ok);
    let mut bytes = vec![0u8; needed];
    let status = get(bytes.as_mut_ptr().cast(), needed, ptr::null_mut());
    assert_eq!(status, fpga_status::Ok);
    CStr::from_bytes_with_nul(&bytes)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}
