//! Parses conditions, with Falco's own ways: `and` and `or` are followed by a blank or by a bracket, and a bracket that
//! follows at once is a finished operand.

mod operand;
mod test;

use super::fault::Fault;
use super::scan::Scanner;
use super::traced::Traced;
use super::tree::{Check, Operand, OperandKind, Tree};

pub(super) use operand::{argument, transformer};

/// Deepest nesting of brackets, `not` and transformers. A condition that is deeper is refused; Falco allows 1000.
const DEPTH_MAX: usize = 100;

/// Parses a condition.
pub(super) fn condition(text: &Traced) -> Result<Tree, Fault> {
    let mut parser = Parser { scanner: Scanner::new(text), depth: 0 };
    parser.scanner.blank();
    if parser.scanner.is_at_end() {
        return Err(parser.scanner.fault("the condition is empty"));
    }
    let tree = parser.or()?;
    parser.scanner.blank();
    if parser.scanner.is_at_end() { Ok(tree) } else { Err(parser.left_over()) }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    depth: usize,
}

impl Parser<'_> {
    fn left_over(&self) -> Fault {
        let here = self.scanner.here();
        let fault = self.scanner.fault(format!("{here} cannot stand here"));
        let rest = self.scanner.rest();
        match rest {
            _ if ["AND", "OR", "NOT"].iter().any(|word| rest.starts_with(word)) => {
                fault.advise("write it in lower case")
            }
            _ if rest.starts_with("and") => {
                fault.advise("a bracket right behind `or` is a finished operand: write a blank before the bracket")
            }
            _ => fault.advise("expected `and`, `or` or the end of the condition"),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.scanner.fault(format!("nested deeper than {DEPTH_MAX}")).advise("split it into macros"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Result<Tree, Fault> {
        self.joined("or", Tree::Or, Self::and)
    }

    fn and(&mut self) -> Result<Tree, Fault> {
        self.joined("and", Tree::And, Self::not)
    }

    fn joined(
        &mut self,
        word: &str,
        join: fn(Vec<Tree>) -> Tree,
        operand: fn(&mut Self) -> Result<Tree, Fault>,
    ) -> Result<Tree, Fault> {
        let first = operand(self)?;
        let mut all = vec![first];
        loop {
            self.scanner.blank();
            if !self.scanner.word(word) {
                break;
            }
            if self.scanner.blank() {
                all.push(operand(self)?);
            } else if self.scanner.take("(") {
                all.push(self.bracketed()?);
            } else {
                let here = self.scanner.here();
                return Err(self.scanner.fault(format!("expected a blank or `(` after `{word}`, found {here}")));
            }
        }
        match all.len() {
            1 => Ok(all.swap_remove(0)),
            _ => Ok(join(all)),
        }
    }

    fn not(&mut self) -> Result<Tree, Fault> {
        let mut negated = false;
        self.scanner.blank();
        let tree = loop {
            if !self.scanner.word("not") {
                break self.check()?;
            }
            negated = !negated;
            if !self.scanner.blank() {
                if !self.scanner.take("(") {
                    let here = self.scanner.here();
                    return Err(self.scanner.fault(format!("expected a blank or `(` after `not`, found {here}")));
                }
                break self.bracketed()?;
            }
        };
        Ok(if negated { Tree::Not(Box::new(tree)) } else { tree })
    }

    /// What follows an opening bracket.
    fn bracketed(&mut self) -> Result<Tree, Fault> {
        let tree = self.deeper(|parser| {
            parser.scanner.blank();
            parser.or()
        })?;
        self.scanner.blank();
        match self.scanner.take(")") {
            true => Ok(tree),
            false if self.scanner.is_at_end() => Err(self.scanner.fault("a bracket is not closed").advise("add `)`")),
            false => Err(self.left_over()),
        }
    }

    fn check(&mut self) -> Result<Tree, Fault> {
        self.scanner.blank();
        if self.scanner.take("(") {
            return self.bracketed();
        }
        let spot = self.scanner.text.spot(self.scanner.at);
        let left = match self.transformed(false)? {
            Some(left) => left,
            None => {
                let Some(name) = self.scanner.dotted_name() else {
                    let here = self.scanner.here();
                    return Err(self.scanner.fault(format!("expected a field, a macro or `(`, found {here}")));
                };
                if !name.contains('.') {
                    return Ok(Tree::Macro(name.to_owned(), spot));
                }
                let argument = self.scanner.argument()?;
                Operand { spot, kind: OperandKind::Field { name: name.to_owned(), argument } }
            }
        };
        self.scanner.blank();
        let spot = self.scanner.text.spot(self.scanner.at);
        let test = self.test()?;
        Ok(Tree::Check(Box::new(Check { left, test, spot })))
    }
}
