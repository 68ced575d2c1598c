//! Nested networks, flattened: a sorted array of cuts, each with what holds from there to the next.

use ipnet::{Ipv4Net, Ipv6Net};

/// An address as a number.
pub trait Number: Copy + Ord {
    /// The first of all addresses.
    const ZERO: Self;

    /// The address after it; none after the last.
    fn next(self) -> Option<Self>;
}

impl Number for u32 {
    const ZERO: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Number for u128 {
    const ZERO: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// One network, both ends included, and the index it answers with.
#[derive(Debug, Clone, Copy)]
pub struct Block<N> {
    first: N,
    last: N,
    index: u32,
}

impl Block<u32> {
    /// An IPv4 network.
    pub fn v4(net: Ipv4Net, index: u32) -> Self {
        Self { first: net.network().into(), last: net.broadcast().into(), index }
    }
}

impl Block<u128> {
    /// An IPv6 network.
    pub fn v6(net: Ipv6Net, index: u32) -> Self {
        Self { first: net.network().into(), last: net.broadcast().into(), index }
    }
}

/// Stands where no network holds.
const NOTHING: u32 = u32::MAX;

/// Every address has an answer: the index of the innermost network around it, or nothing.
///
/// `starts` begins with the first of all addresses and rises; `answers[i]` holds from `starts[i]` to the next start.
/// The two are apart so that the search walks over addresses only.
#[derive(Debug, Clone)]
pub struct Ranges<N> {
    starts: Vec<N>,
    answers: Vec<u32>,
}

impl<N: Number> Ranges<N> {
    /// Flattens networks, which come sorted by first address, the wider before the narrower.
    /// Networks nest or lie apart, they never overlap in part; so a stack holds those open at any address.
    pub fn new(blocks: impl IntoIterator<Item = Block<N>>) -> Self {
        let mut ranges = Self { starts: vec![N::ZERO], answers: vec![NOTHING] };
        let mut open: Vec<Block<N>> = Vec::new();
        for block in blocks {
            ranges.close(&mut open, Some(block.first));
            ranges.cut(block.first, block.index);
            open.push(block);
        }
        ranges.close(&mut open, None);
        ranges.starts.shrink_to_fit();
        ranges.answers.shrink_to_fit();
        ranges
    }

    /// Ends the networks that end before `upto` (all of them when there is none); what lies around each holds again.
    fn close(&mut self, open: &mut Vec<Block<N>>, upto: Option<N>) {
        while let Some(ended) = open.pop_if(|block| upto.is_none_or(|upto| block.last < upto)) {
            if let Some(next) = ended.last.next() {
                self.cut(next, open.last().map_or(NOTHING, |around| around.index));
            }
        }
    }

    /// From `start` on, `answer` holds.
    fn cut(&mut self, start: N, answer: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.answers.pop();
        }
        // Neighbours with the same answer are one range.
        if self.answers.last() != Some(&answer) {
            self.starts.push(start);
            self.answers.push(answer);
        }
    }

    /// The index of the innermost network that holds the address.
    pub fn lookup(&self, address: N) -> Option<u32> {
        let after = self.starts.partition_point(|start| *start <= address);
        let answer = *self.answers.get(after.checked_sub(1)?)?;
        (answer != NOTHING).then_some(answer)
    }
}

#[cfg(test)]
impl<N> Ranges<N> {
    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }
}
