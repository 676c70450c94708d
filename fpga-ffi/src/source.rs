//! `fpga_source`: a checkpoint that is no file of its own, in the caller's memory or behind callbacks.

use std::ffi::{c_char, c_void};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use fpga_core::weights::{RandomRead, TensorSource};

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::Handle;
use crate::status::fpga_status;
use crate::view::{Out, array, optional_text};

/// Reads `length` bytes from `offset` on into `buffer`. Return 0 if all are there, anything else if not.
///
/// Ownership: `buffer` is borrowed until the callback returns.
/// Threads: a thread of a context, or the caller's; never two at once for one source. The callback must
/// not throw, `longjmp` or end the thread, and must not use the source.
pub type fpga_read_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, offset: u64, buffer: *mut u8, length: usize) -> i32,
>;

/// Bytes that the caller reads for the library. Start from `FPGA_IO_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_io {
    /// Size of this struct.
    pub struct_size: usize,
    /// What messages call it; NULL for `"source"`. Borrowed for the call.
    pub name: *const c_char,
    /// Reads a part.
    pub read: fpga_read_callback,
    /// First argument of `read`. Must live as long as the source, and allow being used on another thread.
    pub userdata: *mut c_void,
    /// Bytes of the whole checkpoint.
    pub size: u64,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers and integers.
unsafe impl Growing for fpga_io {
    const NAME: &'static str = "fpga_io";
    const FIRST_SIZE: usize = 4 * size_of::<usize>() + size_of::<u64>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            name: std::ptr::null(),
            read: None,
            userdata: std::ptr::null_mut(),
            size: 0,
        }
    }
}

/// A checkpoint in the layout of `.safetensors` that is no file of its own. Nothing in it ever changes.
pub struct fpga_source {
    pub(crate) tensors: TensorSource,
}

impl Handle for fpga_source {
    const NAME: &'static str = "source";
}

/// Memory that the caller lends until the source is gone.
#[derive(Debug)]
struct Lent {
    start: *const u8,
    size: usize,
}

// SAFETY: the caller promises that nobody changes the bytes; reading them is fine on any thread.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl RandomRead for Lent {
    fn size(&self) -> u64 {
        self.size as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let inside = usize::try_from(offset)
            .ok()
            .filter(|start| start.checked_add(buffer.len()) <= Some(self.size))
            .filter(|start| start.checked_add(buffer.len()).is_some());
        let start = inside.ok_or(io::ErrorKind::UnexpectedEof)?;
        // SAFETY: `start..start + length` was just checked to lie inside, and the caller lends it all.
        unsafe {
            std::ptr::copy_nonoverlapping(self.start.add(start), buffer.as_mut_ptr(), buffer.len());
        }
        Ok(())
    }
}

/// The caller's own reading.
#[derive(Debug)]
struct Callback {
    read: unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i32,
    userdata: *mut c_void,
    size: u64,
    /// One call at a time.
    turn: Mutex<()>,
}

// SAFETY: the header says that the callback runs on other threads: its userdata must allow that.
unsafe impl Send for Callback {}
// SAFETY: calls take turns.
unsafe impl Sync for Callback {}

impl RandomRead for Callback {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller registered this function for this userdata; the buffer outlives the call.
        let code = unsafe { (self.read)(self.userdata, offset, buffer.as_mut_ptr(), buffer.len()) };
        match code {
            0 => Ok(()),
            code => {
                let length = buffer.len();
                let why = format!("read of {length} bytes at {offset} returned {code}");
                Err(io::Error::other(why))
            }
        }
    }
}

/// Sets every field to its default, as `FPGA_IO_INIT` does.
///
/// `size` is `sizeof *io`; it becomes `struct_size`.
///
/// Ownership: `io` stays the caller's.
/// Threads: any.
/// NULL: `io` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_io_init(io: *mut fpga_io, size: usize) -> fpga_status {
    // SAFETY: the caller says that `io` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_io::defaults(), io, size) })
}

/// Opens a `.safetensors` checkpoint that lies in memory. It is not copied.
///
/// Ownership: `bytes` stays the caller's, and must neither change nor go before the source is freed and
/// every load from it has returned; loaded models do not need it any more. `*source` is the caller's;
/// free it with `fpga_source_free`.
/// Threads: any.
/// NULL: no pointer may be NULL, but `name`, which messages use.
/// Errors: `FPGA_STATUS_FORMAT` if the bytes are no sound safetensors file;
/// `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_source_new_memory(
    bytes: *const u8,
    size: usize,
    name: *const c_char,
    source: *mut *mut fpga_source,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output, bytes and a string.
        let (out, bytes, name) = unsafe {
            let out = Out::handle(source)?;
            if bytes.is_null() {
                return Err(Fault::null("bytes"));
            }
            (
                out,
                array(bytes, size, "bytes")?,
                optional_text(name, "name")?,
            )
        };
        let lent = Lent {
            start: bytes.as_ptr(),
            size: bytes.len(),
        };
        out.give(open(name, Arc::new(lent))?);
        Ok(())
    })
}

/// Opens a `.safetensors` checkpoint that the caller reads. Its header is read now, its values by each
/// load.
///
/// Ownership: `io` is borrowed for the call; its `userdata` must live until the source is freed and every
/// load from it has returned. `*source` is the caller's; free it with `fpga_source_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_IO` if the callback fails, `FPGA_STATUS_FORMAT` if the bytes are no sound
/// safetensors file; `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_UTF8`,
/// `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_source_new_io(
    io: *const fpga_io,
    source: *mut *mut fpga_source,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output, a struct and its string.
        let (out, io) = unsafe { (Out::handle(source)?, growing::read(io)?) };
        // SAFETY: as above.
        let name = unsafe { optional_text(io.name, "fpga_io.name") }?;
        let read = io.read.ok_or_else(|| Fault::null("fpga_io.read"))?;
        let callback = Callback {
            read,
            userdata: io.userdata,
            size: io.size,
            turn: Mutex::new(()),
        };
        out.give(open(name, Arc::new(callback))?);
        Ok(())
    })
}

fn open(name: Option<&str>, reader: Arc<dyn RandomRead>) -> Outcome<Arc<fpga_source>> {
    let tensors = TensorSource::from_reader(name.unwrap_or("source"), reader)?;
    Ok(Arc::new(fpga_source { tensors }))
}

/// Gives up the caller's reference to a source.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_source_free(source: *mut fpga_source) {
    release(source);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_memory_is_read_inside_its_bounds_only() {
        let bytes = [1, 2, 3, 4];
        let lent = Lent {
            start: bytes.as_ptr(),
            size: bytes.len(),
        };
        let mut two = [0; 2];
        lent.read_exact_at(&mut two, 2).unwrap();
        assert_eq!(two, [3, 4]);
        for offset in [3, 4, u64::MAX] {
            assert!(lent.read_exact_at(&mut two, offset).is_err(), "{offset}");
        }
    }
}
