//! The modifiers behind a field's name, and which of them go together.

use crate::detect::rules::mistake::{Mistake, Result};
use crate::detect::rules::wanted::{Operator, Part};
use crate::yaml::{Location, nearest};

/// Every modifier, for "did you mean".
const KNOWN: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "cased",
    "exists",
    "neq",
    "re",
    "i",
    "ignorecase",
    "m",
    "multiline",
    "s",
    "dotall",
    "cidr",
    "lt",
    "lte",
    "gt",
    "gte",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "fieldref",
    "expand",
    "base64",
    "base64offset",
    "wide",
    "utf16le",
    "utf16be",
    "utf16",
    "windash",
];

/// What the modifiers of one item come to.
#[derive(Debug, Clone, Default)]
pub struct Modifiers {
    /// How values are compared.
    pub comparing: Comparing,
    /// What is done to values first, in this order.
    pub changes: Vec<Change>,
    /// Anything may stand before the value.
    pub open_start: bool,
    /// Anything may stand behind the value.
    pub open_end: bool,
    /// Every value has to be met, instead of one.
    pub all: bool,
    /// Upper and lower case differ.
    pub cased: bool,
    /// The whole is turned round.
    pub negated: bool,
    /// `contains`, `startswith` or `endswith` was written.
    pub placed: bool,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparing {
    /// As they are written.
    #[default]
    Plainly,
    /// As regular expressions with these flags.
    Regex { insensitive: bool, multiline: bool, dotall: bool },
    /// As networks.
    Network,
    /// By presence alone.
    Presence,
    /// As numbers.
    Number(Operator),
    /// As a part of a time.
    Part(Part, Operator),
    /// As names of other fields.
    Reference,
}

/// What is done to a value before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `%name%` becomes the values of a list.
    Expand,
    Base64,
    /// Base64 as it looks at each of three offsets.
    Base64Offset,
    /// Two bytes a character, the low one first.
    Utf16Le,
    Utf16Be,
    /// With a byte order mark, the low one first.
    Utf16,
    /// A dash may be any of five.
    WinDash,
}

impl Change {
    fn encodes(self) -> bool {
        !matches!(self, Self::Expand | Self::WinDash)
    }
}

/// Reads what stands behind the field's name. `from` is where each modifier begins, in characters.
pub fn modifiers<'k>(words: impl Iterator<Item = (usize, &'k str)>, at: Location) -> Result<Modifiers> {
    let mut read = Modifiers::default();
    let mut last = (0, "");
    for (from, word) in words {
        let part = |mistake: Mistake| mistake.part(from, word.chars().count());
        if !KNOWN.contains(&word) {
            let advice = nearest(word, KNOWN)
                .map_or_else(|| format!("modifiers: {}", KNOWN.join(", ")), |known| format!("did you mean `{known}`?"));
            return Err(part(Mistake::new(at, format!("there is no modifier `{word}`"), advice)));
        }
        read.add(word).map_err(|(message, advice)| part(Mistake::new(at, message, advice)))?;
        last = (from, word);
    }
    read.check().map_err(|(message, advice)| Mistake::new(at, message, advice).part(last.0, last.1.len()))?;
    Ok(read)
}

type Refusal = (String, &'static str);

fn refuse(message: impl Into<String>, advice: &'static str) -> std::result::Result<(), Refusal> {
    Err((message.into(), advice))
}

impl Modifiers {
    fn add(&mut self, word: &str) -> std::result::Result<(), Refusal> {
        match word {
            "contains" => (self.open_start, self.open_end, self.placed) = (true, true, true),
            "startswith" => (self.open_end, self.placed) = (true, true),
            "endswith" => (self.open_start, self.placed) = (true, true),
            "all" => self.all = true,
            "cased" => self.cased = true,
            "neq" => self.negated = true,
            "re" => {
                return self.compare(Comparing::Regex { insensitive: false, multiline: false, dotall: false }, word);
            }
            "cidr" => return self.compare(Comparing::Network, word),
            "exists" => return self.compare(Comparing::Presence, word),
            "fieldref" => return self.compare(Comparing::Reference, word),
            "i" | "ignorecase" | "m" | "multiline" | "s" | "dotall" => return self.flag(word),
            "lt" => return self.order(Operator::Lt, word),
            "lte" => return self.order(Operator::Lte, word),
            "gt" => return self.order(Operator::Gt, word),
            "gte" => return self.order(Operator::Gte, word),
            "minute" => return self.compare(Comparing::Part(Part::Minute, Operator::Eq), word),
            "hour" => return self.compare(Comparing::Part(Part::Hour, Operator::Eq), word),
            "day" => return self.compare(Comparing::Part(Part::Day, Operator::Eq), word),
            "week" => return self.compare(Comparing::Part(Part::Week, Operator::Eq), word),
            "month" => return self.compare(Comparing::Part(Part::Month, Operator::Eq), word),
            "year" => return self.compare(Comparing::Part(Part::Year, Operator::Eq), word),
            _ => return self.change(word),
        }
        Ok(())
    }

    fn compare(&mut self, comparing: Comparing, word: &str) -> std::result::Result<(), Refusal> {
        if self.comparing != Comparing::Plainly {
            return refuse(format!("`{word}` cannot follow another way to compare"), "keep one of them");
        }
        if self.placed {
            return refuse(format!("`{word}` has to come first"), "write it right behind the field's name");
        }
        self.comparing = comparing;
        Ok(())
    }

    fn order(&mut self, operator: Operator, word: &str) -> std::result::Result<(), Refusal> {
        if let Comparing::Part(part, Operator::Eq) = self.comparing {
            self.comparing = Comparing::Part(part, operator);
            return Ok(());
        }
        self.compare(Comparing::Number(operator), word)
    }

    fn flag(&mut self, word: &str) -> std::result::Result<(), Refusal> {
        let Comparing::Regex { insensitive, multiline, dotall } = &mut self.comparing else {
            return refuse(format!("`{word}` is a flag of `re`"), "write `re` before it");
        };
        let flag = match word {
            "i" | "ignorecase" => insensitive,
            "m" | "multiline" => multiline,
            _ => dotall,
        };
        *flag = true;
        Ok(())
    }

    fn change(&mut self, word: &str) -> std::result::Result<(), Refusal> {
        let change = match word {
            "expand" => Change::Expand,
            "base64" => Change::Base64,
            "base64offset" => Change::Base64Offset,
            "wide" | "utf16le" => Change::Utf16Le,
            "utf16be" => Change::Utf16Be,
            "utf16" => Change::Utf16,
            _ => Change::WinDash,
        };
        if self.placed && change.encodes() {
            let advice = "write it before `contains`, `startswith` or `endswith`: wildcards cannot be encoded";
            return refuse(format!("`{word}` comes too late"), advice);
        }
        self.changes.push(change);
        Ok(())
    }

    fn check(&self) -> std::result::Result<(), Refusal> {
        let encodes = self.changes.iter().any(|change| change.encodes());
        let finished = match self.changes.iter().rev().find(|change| change.encodes()) {
            None | Some(Change::Base64 | Change::Base64Offset) => true,
            Some(_) => false,
        };
        if !finished {
            return refuse(
                "text of two bytes a character stands nowhere in a log",
                "write `base64` or `base64offset` behind it",
            );
        }
        let other = self.changes.iter().any(|change| *change != Change::Expand);
        match self.comparing {
            Comparing::Presence if self.placed || self.all || self.cased || !self.changes.is_empty() => {
                refuse("`exists` stands alone", "take the other modifiers out")
            }
            Comparing::Regex { .. } if self.cased => {
                refuse("`re` minds case by itself", "take `cased` out; `re|i` is for the opposite")
            }
            Comparing::Number(_) | Comparing::Part(..) | Comparing::Network if self.placed || self.cased => {
                refuse("numbers and networks have no parts and no case", "take the other modifier out")
            }
            Comparing::Plainly => Ok(()),
            Comparing::Number(_) | Comparing::Part(..) | Comparing::Reference if !self.changes.is_empty() => {
                refuse("this value cannot be changed before it is compared", "take one of the two modifiers out")
            }
            _ if encodes || other => {
                refuse("this value cannot be encoded before it is compared", "take one of the two modifiers out")
            }
            _ => Ok(()),
        }
    }
}
