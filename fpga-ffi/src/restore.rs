//! What a restoration needs, owned: its request borrows from it.

use std::sync::Arc;

use burn::tensor::Device;
use fpga_core::RgbImage;
use fpga_core::pipeline::{LandmarkControl, Recogniser, RestoreRequest};

use crate::context::fpga_context;
use crate::controlnet::fpga_controlnet;
use crate::embedder::fpga_face_embedder;
use crate::face::{self, fpga_face};
use crate::fault::Outcome;
use crate::handle::{share, share_optional};
use crate::identity::CommonAdapter;
use crate::image::{self, fpga_image_view};
use crate::params::{self, fpga_restore_params};
use crate::search::{self, OwnSearch};

/// What a restoration needs.
pub(crate) struct Restoration {
    picture: RgbImage,
    /// Without its picture and networks.
    request: RestoreRequest<'static>,
    adapter: CommonAdapter,
    search: Option<OwnSearch>,
    recogniser: Option<Arc<fpga_face_embedder>>,
    landmarks: Option<OwnLandmarkControl>,
}

struct OwnLandmarkControl {
    controlnet: Arc<fpga_controlnet>,
    scale: f64,
    window: (f64, f64),
}

impl Restoration {
    pub(crate) fn request(&self) -> RestoreRequest<'_> {
        let adapter = self.adapter.get();
        let recogniser = self.recogniser.as_ref();
        let landmarks = self.landmarks.as_ref();
        RestoreRequest {
            picture: &self.picture,
            search: self.search.as_ref().map(OwnSearch::borrowed),
            adapter: adapter.map(|adapter| adapter.adapter.attention()),
            recogniser: recogniser.map(|embedder| Recogniser(&*embedder.embedder)),
            landmark_control: landmarks.map(|control| LandmarkControl {
                net: &control.controlnet.net,
                scale: control.scale,
                window: control.window,
            }),
            ..self.request.clone()
        }
    }

    /// Bytes that its face networks take while they run; the model's networks rest then.
    pub(crate) fn working(&self) -> u64 {
        let recogniser = self.recogniser.as_ref();
        let recogniser = recogniser.map_or(0, |embedder| embedder.home.working);
        let search = self.search.as_ref().map_or(0, OwnSearch::working);
        recogniser.max(search)
    }

    /// Refuses networks that live elsewhere than the model.
    pub(crate) fn check_devices(&self, context: &fpga_context) -> Outcome {
        if let Some(adapter) = self.adapter.get() {
            context.check_device("adapter", &adapter.context)?;
        }
        self.landmarks.as_ref().map_or(Ok(()), |control| {
            context.check_device("landmark_controlnet", &control.controlnet.context)
        })
    }
}

/// What the caller encoded goes to `device`.
///
/// # Safety
/// `picture` and `params` are NULL or structs, `faces` is NULL or an array of `count` of them, whose
/// pointers live during the call.
pub(crate) unsafe fn copy_in(
    picture: *const fpga_image_view,
    (faces, count): (*const fpga_face, usize),
    params: *const fpga_restore_params,
    device: &Device,
) -> Outcome<Restoration> {
    let mut adapter = CommonAdapter::default();
    // SAFETY: this function's contract.
    unsafe {
        let params = params::read(params)?;
        let picture = image::picture(picture)?;
        let request = RestoreRequest {
            faces: face::copy_in(faces, count, &mut adapter, device)?,
            ..params::settings(&params, device)?
        };
        Ok(Restoration {
            picture,
            request,
            search: search::copy_in(params.search, &mut adapter, device)?,
            recogniser: share_optional(params.recogniser)?,
            landmarks: landmarks(&params)?,
            adapter,
        })
    }
}

/// # Safety
/// The handle of `params` lives during the call.
unsafe fn landmarks(params: &fpga_restore_params) -> Outcome<Option<OwnLandmarkControl>> {
    if params.landmark_controlnet.is_null() {
        return Ok(None);
    }
    Ok(Some(OwnLandmarkControl {
        // SAFETY: this function's contract.
        controlnet: unsafe { share(params.landmark_controlnet) }?,
        scale: params.landmark_scale,
        window: (params.landmark_window_start, params.landmark_window_end),
    }))
}
