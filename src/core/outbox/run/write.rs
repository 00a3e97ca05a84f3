//! A run to one member's socket: one message as it lies, little as one copy, much as parts.

use std::io::{self, IoSlice};

use super::super::Outbox;
use super::super::flush::{COPY_BYTES_MAX, PARTS_MAX};
use super::{Run, Runs};

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
        let (run, packs) = (queue.run, queue.packs());
        let Run {
            number, messages, ..
        } = &runs[run as usize];
        if let [message] = &messages[..] {
            let form = store.form(message, packs, *deflate_bytes_min);
            let bytes = store.get(form).ready()?;
            return Some((bytes.len(), write(&[IoSlice::new(bytes)])));
        }
        let joined = &mut joined[usize::from(packs)];
        if joined.number != *number {
            joined.number = *number;
            joined.bytes.clear();
            for message in messages {
                let form = store.form(message, packs, *deflate_bytes_min);
                let bytes = store.get(form).ready();
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
        let mut forms = [0; PARTS_MAX];
        for (form, message) in forms.iter_mut().zip(messages) {
            *form = store.form(message, packs, *deflate_bytes_min);
        }
        let mut slices = [IoSlice::new(&[]); PARTS_MAX];
        let slices = &mut slices[..messages.len()];
        for (slice, form) in slices.iter_mut().zip(forms) {
            *slice = IoSlice::new(store.get(form).ready()?);
        }
        let offered = slices.iter().map(|slice| slice.len()).sum();
        Some((offered, write(slices)))
    }
}
