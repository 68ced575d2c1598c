//! "Did you mean …": the known word nearest to a mistyped one.

/// From so many letters on, the beginning of a known word is taken for the whole.
const BEGUN_LETTERS_MIN: usize = 3;

/// The word in `known` that `typed` was probably meant to be.
pub fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    let letters = typed.chars().count();
    known
        .iter()
        .map(|word| (distance(&typed, &plain(word)), *word))
        .filter(|(distance, word)| {
            let begun = letters >= BEGUN_LETTERS_MIN && plain(word).starts_with(&typed);
            begun || *distance <= (letters / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = vec![row; to.len() + 1];
        for column in 1..=to.len() {
            let changed = last[column - 1] + usize::from(from[row - 1] != to[column - 1]);
            current[column] = changed.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1];
            if swapped {
                current[column] = current[column].min(before_last[column - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_words_find_their_way() {
        let known = ["networks", "sources", "sinks", "hiding_hops", "cidrs"];
        for (typed, meant) in [
            ("netwroks", Some("networks")),
            ("network", Some("networks")),
            ("Sources", Some("sources")),
            ("hiding-hops", Some("hiding_hops")),
            ("cidr", Some("cidrs")),
            ("sink", Some("sinks")),
            ("hiding", Some("hiding_hops")),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, &known), meant, "{typed}");
        }
    }

    #[test]
    fn a_swap_is_one_step() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
