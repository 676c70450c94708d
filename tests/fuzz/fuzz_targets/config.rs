//! `config.json` of every network and of the schedule: what is accepted must be small enough to build.
#![no_main]

use burn::tensor::Device;
use fpga_core::control::ControlNetConfig;
use fpga_core::diffusion::{NoiseSchedule, ScheduleConfig};
use fpga_core::text::ClipTextConfig;
use fpga_core::unet::UNetConfig;
use fpga_core::vae::VaeConfig;
use fpga_core::vision::ClipVisionConfig;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(schedule) = ScheduleConfig::from_json(text) {
        let _ = NoiseSchedule::from_config(&schedule);
    }
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let device = Device::flex();
    // Parameters own no memory before they are used: building is cheap whatever the sizes.
    if let Ok(config) = UNetConfig::from_json(&json) {
        let _ = config.init(&device);
    }
    if let Ok(config) = ControlNetConfig::from_json(&json) {
        let _ = config.init(&device);
    }
    if let Ok(config) = VaeConfig::from_json(&json) {
        let _ = config.init(&device);
    }
    if let Ok(config) = ClipTextConfig::from_json(&json) {
        let _ = config.init(&device);
    }
    let _ = ClipVisionConfig::from_json(&json);
});
