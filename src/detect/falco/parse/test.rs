//! Operators and their right sides.

use super::Parser;
use crate::detect::falco::fault::Fault;
use crate::detect::falco::tree::{Comparison, Membership, Quantifier, Right, RightList, Test};

impl Parser<'_> {
    pub(super) fn test(&mut self) -> Result<Test, Fault> {
        if self.scanner.word("exists") {
            return Ok(Test::Exists);
        }
        for (sign, comparison) in [
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
        ] {
            if self.scanner.take(sign) {
                self.scanner.blank();
                return self.number_or_operand().map(|right| Test::Compare(comparison, right));
            }
        }
        for (sign, comparison) in [("==", Comparison::Equal), ("=", Comparison::Equal), ("!=", Comparison::Unequal)] {
            if self.scanner.take(sign) {
                return self.compared(comparison);
            }
        }
        for (word, comparison) in [
            ("glob", Comparison::Glob),
            ("iglob", Comparison::GlobAnyCase),
            ("contains", Comparison::Contains),
            ("icontains", Comparison::ContainsAnyCase),
            ("bcontains", Comparison::ContainsBytes),
            ("startswith", Comparison::StartsWith),
            ("bstartswith", Comparison::StartsWithBytes),
            ("endswith", Comparison::EndsWith),
            ("regex", Comparison::Regex),
        ] {
            if self.scanner.word(word) {
                if !self.scanner.blank() {
                    return Err(self.scanner.fault(format!("expected a blank after `{word}`")));
                }
                return self.compared(comparison);
            }
        }
        for (word, membership) in
            [("intersects", Membership::Intersects), ("in", Membership::In), ("pmatch", Membership::PathBelow)]
        {
            if self.scanner.word(word) {
                return self.listed().map(|list| Test::Member(membership, list));
            }
        }
        let here = self.scanner.here();
        Err(self.scanner.fault(format!("expected an operator, found {here}")).advise(
            "operators: exists = == != < <= > >= contains icontains startswith endswith glob iglob regex in intersects pmatch",
        ))
    }

    fn compared(&mut self, comparison: Comparison) -> Result<Test, Fault> {
        self.scanner.blank();
        for (word, quantifier) in [("oneof", Quantifier::One), ("anyof", Quantifier::Any), ("allof", Quantifier::All)] {
            let before = self.scanner.at;
            if self.scanner.word(word) && self.scanner.blank() && self.scanner.rest().starts_with('(') {
                return self.values().map(|values| Test::Several(comparison, quantifier, values));
            }
            self.scanner.at = before;
        }
        if let Some(operand) = self.transformed(true)? {
            return Ok(Test::Compare(comparison, Right::Operand(operand)));
        }
        self.scanner.value().map(|value| Test::Compare(comparison, Right::Value(value)))
    }

    fn number_or_operand(&mut self) -> Result<Right, Fault> {
        if let Some(operand) = self.transformed(true)? {
            return Ok(Right::Operand(operand));
        }
        let before = self.scanner.at;
        let value = self.scanner.value()?;
        if is_number(&value) {
            return Ok(Right::Value(value));
        }
        self.scanner.at = before;
        Err(self.scanner.fault(format!("`{value}` is no number")).advise("`<`, `<=`, `>` and `>=` take a number"))
    }

    fn listed(&mut self) -> Result<RightList, Fault> {
        self.scanner.blank();
        if self.scanner.rest().starts_with('(') {
            return self.values().map(RightList::Values);
        }
        if let Some(operand) = self.transformed(true)? {
            return Ok(RightList::Operand(operand));
        }
        self.scanner.value().map(|value| RightList::Values(vec![value]))
    }

    /// Values in brackets.
    fn values(&mut self) -> Result<Vec<String>, Fault> {
        let mut values = Vec::new();
        self.scanner.take("(");
        self.scanner.blank();
        if self.scanner.take(")") {
            return Ok(values);
        }
        loop {
            self.scanner.blank();
            values.push(self.scanner.value()?);
            self.scanner.blank();
            if self.scanner.take(")") {
                return Ok(values);
            }
            if !self.scanner.take(",") {
                let here = self.scanner.here();
                return Err(self.scanner.fault(format!("expected `,` or `)` in a list, found {here}")));
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        return !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    unsigned.starts_with(|first: char| first.is_ascii_digit()) && unsigned.parse::<f64>().is_ok()
}
