//! Batches of rows that come from a stream, for data sets that do not fit into memory.

use super::source::BatchSource;
use crate::error::{Error, Result};

/// Batches of a stream that begins again at every epoch.
///
/// `open` gives the rows of epoch 0, 1, …: the same rows in the same order whenever it is asked for the
/// same epoch, as [`RowStream`](crate::data::RowStream) and
/// [`ShardReader`](crate::data::shards::ShardReader) do. `make` turns so many rows into a batch. Rows at
/// the end of an epoch that fill no batch are left out. Going on after an interruption reads over the rows
/// that were given before, without making batches of them.
pub struct Streamed<Open, Rows, Make> {
    open: Open,
    make: Make,
    size: usize,
    rows: Option<Rows>,
    epoch: u64,
    /// Batches of this epoch.
    in_epoch: u64,
    position: u64,
}

impl<Open, Rows, Row, Make, B> Streamed<Open, Rows, Make>
where
    Open: FnMut(u64) -> Result<Rows>,
    Rows: Iterator<Item = Result<Row>>,
    Make: FnMut(Vec<Row>) -> Result<B>,
{
    /// Batches of `size` rows.
    ///
    /// # Errors
    /// `size` is 0.
    pub fn new(size: usize, open: Open, make: Make) -> Result<Self> {
        if size == 0 {
            return Err(Error::invalid("size of a batch", "must be at least 1"));
        }
        Ok(Self {
            open,
            make,
            size,
            rows: None,
            epoch: 0,
            in_epoch: 0,
            position: 0,
        })
    }

    /// The epoch that the next row comes from, if it has one left.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The rows of the next batch.
    fn take(&mut self) -> Result<Vec<Row>> {
        loop {
            let rows = match &mut self.rows {
                Some(rows) => rows,
                None => self.rows.insert((self.open)(self.epoch)?),
            };
            let batch = rows.take(self.size).collect::<Result<Vec<_>>>()?;
            if batch.len() == self.size {
                self.in_epoch += 1;
                self.position += 1;
                return Ok(batch);
            }
            if self.in_epoch == 0 {
                let why = format!("epoch {} has {}", self.epoch, batch.len());
                let what = format!("a batch needs {} rows", self.size);
                return Err(Error::invalid(what, why));
            }
            (self.rows, self.in_epoch) = (None, 0);
            self.epoch += 1;
        }
    }
}

impl<Open, Rows, Row, Make, B> BatchSource for Streamed<Open, Rows, Make>
where
    Open: FnMut(u64) -> Result<Rows>,
    Rows: Iterator<Item = Result<Row>>,
    Make: FnMut(Vec<Row>) -> Result<B>,
{
    type Batch = B;

    fn next_batch(&mut self) -> Result<B> {
        let rows = self.take()?;
        (self.make)(rows)
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        if position < self.position {
            self.rows = None;
            (self.epoch, self.in_epoch, self.position) = (0, 0, 0);
        }
        while self.position < position {
            self.take()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten rows, rotated in every epoch.
    fn source(size: usize) -> impl BatchSource<Batch = Vec<u64>> {
        let open = |epoch: u64| Ok((0..10).map(move |row| Ok((row + epoch) % 10)));
        Streamed::new(size, open, Ok).unwrap()
    }

    #[test]
    fn epochs_follow_each_other_without_their_rests() {
        let mut source = source(4);
        let batches: Vec<_> = (0..4).map(|_| source.next_batch().unwrap()).collect();
        let expected = [[0, 1, 2, 3], [4, 5, 6, 7], [1, 2, 3, 4], [5, 6, 7, 8]];
        assert_eq!(batches, expected.map(Vec::from));
    }

    #[test]
    fn any_place_is_found_again() {
        let mut whole = source(3);
        let all: Vec<_> = (0..20).map(|_| whole.next_batch().unwrap()).collect();
        for place in [0, 1, 3, 8, 13] {
            let mut later = source(3);
            later.seek(place).unwrap();
            assert_eq!(later.position(), place);
            assert_eq!(later.next_batch().unwrap(), all[place as usize]);
            // And backwards.
            whole.seek(place).unwrap();
            assert_eq!(whole.next_batch().unwrap(), all[place as usize]);
        }
    }

    #[test]
    fn too_few_rows_and_broken_ones_are_told() {
        let error = source(11).next_batch().unwrap_err().to_string();
        assert!(error.contains("needs 11 rows"), "{error}");
        let broken = |_| {
            let rows = [Ok(1), Err(Error::invalid("row 2", "is broken"))];
            Ok(rows.into_iter())
        };
        let mut source = Streamed::new(2, broken, Ok).unwrap();
        let error = source.next_batch().unwrap_err().to_string();
        assert!(error.contains("row 2"), "{error}");
        assert!(Streamed::new(0, |_| Ok(std::iter::empty::<Result<u8>>()), Ok).is_err());
    }
}
