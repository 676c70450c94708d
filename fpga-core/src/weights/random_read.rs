//! Checkpoints that do not lie in a file of their own: in memory, in an archive, in the caller's hands.

use std::fmt::Debug;
use std::io;

/// Bytes that can be read at any place, by several threads at once.
pub trait RandomRead: Debug + Send + Sync {
    /// Number of bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on. Callers stay below [`size`](Self::size).
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl RandomRead for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        let bytes = range.ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_inside_its_bounds_only() {
        let bytes: Vec<u8> = (0..10).collect();
        let mut three = [0; 3];
        bytes.read_exact_at(&mut three, 7).unwrap();
        assert_eq!(three, [7, 8, 9]);
        for offset in [8, 10, u64::MAX] {
            assert!(bytes.read_exact_at(&mut three, offset).is_err(), "{offset}");
        }
    }
}
