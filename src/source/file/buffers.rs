//! Buffers that come back when their batch has been analyzed.
//!
//! They are a megabyte each and freed by another thread than the one that fills them. Taken anew for every batch,
//! they would leave the allocator with far more memory than is ever in use at once.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Most buffers kept for use: as many as may be on their way at once. Beyond it they are freed.
const KEPT_MAX: usize = 8;

/// The buffers of one reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    /// Somebody reads on and will want them.
    wanted: bool,
}

impl Buffers {
    /// An empty buffer, one that came back if there is any.
    pub(super) fn take(&self) -> Vec<u8> {
        self.with(|kept| {
            kept.wanted = true;
            kept.buffers.pop().unwrap_or_default()
        })
    }

    /// The contents of a buffer. The buffer comes back when nobody holds them any more, unless it is longer than
    /// `bytes_max`.
    pub(super) fn lend(&self, buffer: Vec<u8>, bytes_max: usize) -> Bytes {
        match buffer.capacity() <= bytes_max {
            true => Bytes::from_owner(Lent { buffer, owner: self.clone() }),
            false => buffer.into(),
        }
    }

    /// There is nothing to read now: what is kept is freed, and what comes back as well.
    pub(super) fn release(&self) {
        self.with(|kept| *kept = Kept::default());
    }

    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A buffer on its way.
struct Lent {
    buffer: Vec<u8>,
    owner: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.owner.with(|kept| {
            if kept.wanted && kept.buffers.len() < KEPT_MAX {
                kept.buffers.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lends a buffer of this capacity and gives it back; the capacity of the one taken next.
    fn again(buffers: &Buffers, capacity: usize, bytes_max: usize) -> usize {
        buffers.take();
        let mut buffer = Vec::with_capacity(capacity);
        buffer.extend_from_slice(b"line\n");
        let bytes = buffers.lend(buffer, bytes_max);
        assert_eq!(&bytes[..], b"line\n");
        drop(bytes);
        buffers.take().capacity()
    }

    #[test]
    fn a_buffer_comes_back_empty_once_its_bytes_are_dropped() {
        assert_eq!(again(&Buffers::default(), 100, 100), 100);
    }

    #[test]
    fn a_longer_one_is_freed() {
        assert_eq!(again(&Buffers::default(), 101, 100), 0);
    }

    #[test]
    fn nothing_is_kept_while_there_is_nothing_to_read() {
        let buffers = Buffers::default();
        let lent = [100, 100].map(|capacity| {
            buffers.take();
            buffers.lend(Vec::with_capacity(capacity), 100)
        });
        let [first, second] = lent;
        drop(first);
        buffers.release();
        drop(second);
        assert_eq!(buffers.take().capacity(), 0);
    }
}
