//! What does not fit a card is an error that says so, and the card goes on afterwards.

#![cfg(any(feature = "cuda", feature = "wgpu", feature = "wgsl"))]

use burn::tensor::{Device, Tensor};
use fpga_core::nn::read_values;
use fpga_core::pipeline::DeviceChoice;
use fpga_core::{Error, ErrorKind};

#[test]
fn more_than_a_card_holds_is_an_error_and_the_card_goes_on() {
    let device = card();
    // Four terabytes.
    let error = read_values(Tensor::<2>::zeros([1 << 20, 1 << 20], &device)).unwrap_err();
    assert_full(&error);

    let one = read_values(Tensor::<1>::ones([3], &device) * 2.0).unwrap();
    assert_eq!(one, [2.0; 3]);
}

/// The failure of a tensor reaches whoever reads what was made of it.
#[test]
fn what_is_made_of_more_than_a_card_holds_is_an_error_too() {
    let device = card();
    let large = Tensor::<2>::ones([1 << 20, 1 << 20], &device);
    let small = (large * 3.0).narrow(0, 0, 1).narrow(1, 0, 4);
    assert_full(&read_values(small).unwrap_err());
}

fn card() -> Device {
    let name = std::env::var("FPGA_TEST_DEVICE").unwrap_or_else(|_| "wgpu:0".to_owned());
    name.parse::<DeviceChoice>().unwrap().open().unwrap()
}

fn assert_full(error: &Error) {
    assert!(
        matches!(error.kind(), ErrorKind::Device { .. }),
        "{error:?}"
    );
    let told = error.to_string();
    assert!(told.contains("ran out of memory"), "{told}");
}
