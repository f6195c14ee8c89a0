//! Some of many models, the same ones in whatever order they come.

use std::collections::BTreeSet;
use std::fmt;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use crate::column::Texts;
use crate::error::BulkError;

/// A place that says nothing of whose model it is, the same in all processes: FNV-1a of the file, with its bits mixed as splitmix64 does.
pub(crate) fn place(file: &str) -> u64 {
    let digest = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut sum = file.bytes().fold(0xcbf2_9ce4_8422_2325, digest);
    sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    sum ^ (sum >> 31)
}

/// The models with the lowest places.
pub(crate) struct Drawing {
    most: usize,
    lowest: BTreeSet<(u64, String)>,
    bytes: usize,
}

/// The models of a drawing's file.
pub(crate) fn drawn(file: &str) -> Result<Vec<String>, BulkError> {
    serde_json::from_str(file).map_err(|_| BulkError::NoDrawing { bytes: file.len() })
}

impl Drawing {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, lowest: BTreeSet::new(), bytes: 0 }
    }

    fn add(&mut self, file: &str) {
        let place = place(file);
        let is_full = self.lowest.len() >= self.most;
        if is_full && self.lowest.last().is_none_or(|(highest, _)| place > *highest) {
            return;
        }
        if self.lowest.insert((place, file.to_owned())) {
            self.bytes += file.len();
        }
        if self.lowest.len() > self.most
            && let Some((_, file)) = self.lowest.pop_last()
        {
            self.bytes -= file.len();
        }
    }

    /// A list of models; NULL of none.
    fn file(&self) -> ScalarValue {
        let files: Vec<&str> = self.lowest.iter().map(|(_, file)| file.as_str()).collect();
        // Texts: it cannot fail.
        let list = (!files.is_empty()).then(|| serde_json::to_string(&files).unwrap_or_default());
        ScalarValue::LargeUtf8(list)
    }
}

impl Accumulator for Drawing {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let files = Texts::at(values, 0)?;
        for row in 0..files.rows() {
            if let Some(file) = files.get(row)? {
                self.add(file);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = Texts::at(states, 0)?;
        for row in 0..states.rows() {
            let Some(state) = states.get(row)? else { continue };
            drawn(state)?.iter().for_each(|file| self.add(file));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.file()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.file())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }
}

impl fmt::Debug for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drawing").field("models", &self.lowest.len()).finish_non_exhaustive()
    }
}
