//! A set of rules.

/// Rules by their place in the policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// The places that hold `true`.
    pub fn of(flags: impl Iterator<Item = bool>) -> Self {
        let mut words = Vec::new();
        for (at, flag) in flags.enumerate() {
            if at % 64 == 0 {
                words.push(0);
            }
            if let Some(word) = words.last_mut() {
                *word |= u64::from(flag) << (at % 64);
            }
        }
        Self(words)
    }

    /// The first place in both.
    pub fn first_common(&self, other: &Self) -> Option<usize> {
        let words = self.0.iter().zip(&other.0).map(|(left, right)| left & right).enumerate();
        words.filter(|(_, word)| *word != 0).map(|(at, word)| at * 64 + word.trailing_zeros() as usize).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_common_place_is_found_across_words() {
        let set = |places: &[usize]| Bits::of((0..200).map(|at| places.contains(&at)));
        assert_eq!(set(&[0, 5, 130]).first_common(&set(&[6, 130, 199])), Some(130));
        assert_eq!(set(&[63, 64]).first_common(&set(&[64])), Some(64));
        assert_eq!(set(&[1]).first_common(&set(&[2])), None);
    }
}
