//! `fpga_image_view`: pictures and masks in the caller's memory.

use fpga_core::RgbImage;
use ndarray::Array2;

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::status::fpga_status;
use crate::view::{array, zero};

/// How pixels are stored.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_pixel_format {
    /// Three bytes per pixel: red, green, blue; sRGB.
    Rgb8 = 1,
    /// One byte per pixel; as a mask, 255 is fully inside.
    Gray8 = 2,
}

impl fpga_pixel_format {
    fn from_code(code: u32) -> Outcome<Self> {
        [Self::Rgb8, Self::Gray8]
            .into_iter()
            .find(|format| *format as u32 == code)
            .ok_or_else(|| {
                let why = format!("no such pixel format: {code}");
                Fault::argument("fpga_image_view.format", why)
            })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Rgb8 => 3,
            Self::Gray8 => 1,
        }
    }
}

/// A picture in the caller's memory, rows from top to bottom. Start from `FPGA_IMAGE_VIEW_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_image_view {
    /// Size of this struct.
    pub struct_size: usize,
    /// First byte of the top row. Borrowed for the call.
    pub pixels: *const u8,
    /// Bytes from the start of a row to the start of the next; at least width times bytes per pixel.
    pub stride: usize,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// One of `fpga_pixel_format`.
    pub format: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, one pointer and integers.
unsafe impl Growing for fpga_image_view {
    const NAME: &'static str = "fpga_image_view";
    const FIRST_SIZE: usize = 3 * size_of::<usize>() + 16;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            pixels: std::ptr::null(),
            stride: 0,
            width: 0,
            height: 0,
            format: fpga_pixel_format::Rgb8 as u32,
            reserved: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_IMAGE_VIEW_INIT` does: no pixels, RGB.
///
/// `size` is `sizeof *view`; it becomes `struct_size`.
///
/// Ownership: `view` stays the caller's.
/// Threads: any.
/// NULL: `view` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_image_view_init(
    view: *mut fpga_image_view,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `view` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_image_view::defaults(), view, size) })
}

/// A packed copy of the caller's pixels.
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Copies a picture that has the format `needed`.
///
/// # Safety
/// `view` is NULL or a struct whose pixels live during the call.
pub(crate) unsafe fn copy_in(
    view: *const fpga_image_view,
    needed: fpga_pixel_format,
) -> Outcome<Pixels> {
    // SAFETY: this function's contract.
    let view = unsafe { growing::read(view) }?;
    zero(view.reserved, "fpga_image_view.reserved")?;
    let format = fpga_pixel_format::from_code(view.format)?;
    if format != needed {
        let why = format!("needs {needed:?}, found {format:?}");
        return Err(Fault::argument("fpga_image_view.format", why));
    }
    let (width, height) = (view.width, view.height);
    let row = row_bytes(width, height, format, view.stride)?;
    let span = span_bytes(row, height, view.stride)?;
    // SAFETY: the caller says that the pixels are there; `span` ends with the last row's last pixel.
    let bytes = unsafe { array(view.pixels, span, "fpga_image_view.pixels") }?;
    let bytes = bytes
        .chunks(view.stride)
        .flat_map(|line| &line[..row])
        .copied()
        .collect();
    Ok(Pixels {
        width,
        height,
        bytes,
    })
}

/// A picture of the caller's.
///
/// # Safety
/// As [`copy_in`].
pub(crate) unsafe fn picture(view: *const fpga_image_view) -> Outcome<RgbImage> {
    // SAFETY: this function's contract.
    let pixels = unsafe { copy_in(view, fpga_pixel_format::Rgb8) }?;
    RgbImage::from_raw(pixels.width, pixels.height, pixels.bytes)
        .ok_or_else(|| Fault::argument("picture", "its rows do not fill it"))
}

/// A mask of the caller's, 0 to 1; `None` for NULL.
///
/// # Safety
/// As [`copy_in`].
pub(crate) unsafe fn mask(view: *const fpga_image_view) -> Outcome<Option<Array2<f32>>> {
    if view.is_null() {
        return Ok(None);
    }
    // SAFETY: this function's contract.
    let pixels = unsafe { copy_in(view, fpga_pixel_format::Gray8) };
    let pixels = pixels.map_err(|fault| fault.context("mask"))?;
    let shape = (pixels.height as usize, pixels.width as usize);
    let mask = Array2::from_shape_fn(shape, |(y, x)| {
        f32::from(pixels.bytes[y * shape.1 + x]) / 255.0
    });
    Ok(Some(mask))
}

/// A view of the library's own picture, for a callback.
pub(crate) fn view_of(picture: &RgbImage) -> fpga_image_view {
    let (width, height) = picture.dimensions();
    fpga_image_view {
        pixels: picture.as_raw().as_ptr(),
        stride: 3 * width as usize,
        width,
        height,
        ..fpga_image_view::defaults()
    }
}

/// Copies `picture` to the caller's memory as rows of RGB; bytes between rows stay as they are.
///
/// # Safety
/// `pixels` is NULL or valid for writes of `capacity` bytes.
pub(crate) unsafe fn copy_out(
    picture: &RgbImage,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> Outcome {
    let (width, height) = picture.dimensions();
    let packed = (
        picture.as_raw().as_slice(),
        [width, height],
        fpga_pixel_format::Rgb8,
    );
    // SAFETY: this function's contract.
    unsafe { copy_bytes(packed, pixels, stride, capacity) }
}

/// Copies rows without gaps of `[width, height]` pixels; bytes between rows stay as they are.
///
/// # Safety
/// `pixels` is NULL or valid for writes of `capacity` bytes.
pub(crate) unsafe fn copy_bytes(
    (bytes, [width, height], format): (&[u8], [u32; 2], fpga_pixel_format),
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> Outcome {
    if pixels.is_null() {
        return Err(Fault::null("pixels"));
    }
    let row = row_bytes(width, height, format, stride)?;
    let span = span_bytes(row, height, stride)?;
    if capacity < span {
        let why = format!("buffer holds {capacity} bytes, the picture needs {span}");
        return Err(Fault::new(fpga_status::BufferTooSmall, why));
    }
    for (index, line) in bytes.chunks(row).enumerate() {
        // SAFETY: `index · stride + row ≤ span ≤ capacity`.
        unsafe { std::ptr::copy_nonoverlapping(line.as_ptr(), pixels.add(index * stride), row) };
    }
    Ok(())
}

fn row_bytes(width: u32, height: u32, format: fpga_pixel_format, stride: usize) -> Outcome<usize> {
    if width == 0 || height == 0 {
        return Err(Fault::argument(
            "picture",
            format!("{width}×{height} has no pixels"),
        ));
    }
    let row = (width as usize).checked_mul(format.bytes());
    match row {
        Some(row) if row <= stride => Ok(row),
        _ => {
            let why = format!("{stride} bytes are less than a row of {width} {format:?} pixels");
            Err(Fault::argument("stride", why))
        }
    }
}

/// Bytes from the first pixel to the last, which need not have a whole stride after it.
fn span_bytes(row: usize, height: u32, stride: usize) -> Outcome<usize> {
    let above = (height as usize - 1).checked_mul(stride);
    above
        .and_then(|above| above.checked_add(row))
        .filter(|&span| span <= isize::MAX as usize)
        .ok_or_else(|| {
            let why = format!("{height} rows of {stride} bytes do not fit any memory");
            Fault::argument("picture", why)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(pixels: &[u8], stride: usize, width: u32, height: u32) -> fpga_image_view {
        fpga_image_view {
            pixels: pixels.as_ptr(),
            stride,
            width,
            height,
            ..fpga_image_view::defaults()
        }
    }

    fn read(view: &fpga_image_view) -> Outcome<Pixels> {
        // SAFETY: the tests' views describe the slices that they were made of.
        unsafe { copy_in(view, fpga_pixel_format::Rgb8) }
    }

    #[test]
    fn strides_are_followed_in_and_out() {
        // The last row ends with its last pixel: nothing may be read after it.
        let bytes: Vec<u8> = (0..17).collect();
        let pixels = read(&view(&bytes, 11, 2, 2)).unwrap();
        assert_eq!(pixels.bytes, [0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16]);
        let picture = RgbImage::from_raw(2, 2, pixels.bytes).unwrap();
        let mut target = [99; 15];
        // SAFETY: the capacity is the array's.
        unsafe { copy_out(&picture, target.as_mut_ptr(), 8, 14) }.unwrap();
        assert_eq!(
            target,
            [0, 1, 2, 3, 4, 5, 99, 99, 11, 12, 13, 14, 15, 16, 99]
        );
    }

    #[test]
    fn impossible_pictures_are_refused() {
        let bytes = [0; 12];
        assert!(read(&view(&bytes, 5, 2, 2)).is_err(), "stride below a row");
        assert!(read(&view(&bytes, 6, 0, 2)).is_err(), "no pixels");
        assert!(read(&view(&bytes, 6, 2, 0)).is_err(), "no rows");
        assert!(
            read(&view(&bytes, usize::MAX / 2, 2, 4)).is_err(),
            "overflow"
        );
        let gray = fpga_image_view {
            format: fpga_pixel_format::Gray8 as u32,
            ..view(&bytes, 6, 2, 2)
        };
        assert!(read(&gray).is_err(), "gray where colours are needed");
    }

    #[test]
    fn a_small_buffer_is_left_alone() {
        let picture = RgbImage::new(2, 2);
        let mut target = [99; 11];
        // SAFETY: the capacity is the array's.
        let fault = unsafe { copy_out(&picture, target.as_mut_ptr(), 6, 11) }.unwrap_err();
        assert_eq!(fault.status, fpga_status::BufferTooSmall);
        assert_eq!(target, [99; 11]);
    }
}
