//! A run to one member's socket: one message as it lies, little as one copy, much as parts.

use std::io::{self, IoSlice};

use super::super::Outbox;
use super::super::flush::{COPY_BYTES_MAX, PARTS_MAX};
use super::super::store::Form;
use super::{Run, Runs, Told};

impl Outbox {
    /// Writes all of its run to a member with one call of `write`; how many bytes that is, and how many were taken.
    /// Nothing, if some of it is still to be packed.
    pub(in crate::core::outbox) fn write_run(
        &mut self,
        key: u32,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> Option<(usize, io::Result<usize>)> {
        let Outbox {
            queues,
            runs: Runs { runs, joined, .. },
            store,
            deflate_bytes_min,
            ..
        } = self;
        let queue = queues[key as usize];
        let (run, form) = (queue.run, queue.form());
        let Run {
            number, messages, ..
        } = &runs[run as usize];
        if let [told] = &messages[..] {
            let bytes = store.form(told.message, form, *deflate_bytes_min)?;
            return Some((bytes.len(), write(&[IoSlice::new(bytes)])));
        }
        let joined = &mut joined[form as usize];
        if joined.number != *number {
            joined.number = *number;
            joined.bytes.clear();
            for told in messages {
                let bytes = store.form(told.message, form, *deflate_bytes_min);
                joined.bytes.extend_from_slice(bytes.unwrap_or_default());
                if bytes.is_none() || joined.bytes.len() > COPY_BYTES_MAX {
                    joined.bytes.clear();
                    break;
                }
            }
        }
        if !joined.bytes.is_empty() {
            return Some((joined.bytes.len(), write(&[IoSlice::new(&joined.bytes)])));
        }
        if form != Form::Plain {
            let prepare = |told: &Told| _ = store.prepare(told.message, form, *deflate_bytes_min);
            messages.iter().for_each(prepare);
        }
        let mut slices = [IoSlice::new(&[]); PARTS_MAX];
        let slices = &mut slices[..messages.len()];
        for (slice, told) in slices.iter_mut().zip(messages) {
            *slice = IoSlice::new(store.ready(told.message, form)?);
        }
        let offered = slices.iter().map(|slice| slice.len()).sum();
        Some((offered, write(slices)))
    }
}
