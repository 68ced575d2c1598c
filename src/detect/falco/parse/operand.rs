//! Functions over fields, and the arguments of fields.

use super::Parser;
use crate::detect::falco::fault::Fault;
use crate::detect::falco::scan::Scanner;
use crate::detect::falco::traced::Traced;
use crate::detect::falco::tree::{Operand, OperandKind};

/// Functions over fields. `val` only gives a field as it is, on the right side.
const TRANSFORMERS: &[&str] = &["tolower", "toupper", "b64", "basename", "len", "join", "concat"];

/// Parses a transformer with its arguments, as an output may hold one; returns the bytes it takes.
pub(in crate::detect::falco) fn transformer(text: &Traced, at: usize) -> Result<Option<(Operand, usize)>, Fault> {
    let mut parser = Parser { scanner: Scanner { text, at }, depth: 0 };
    let operand = parser.transformed(false)?;
    Ok(operand.map(|operand| (operand, parser.scanner.at - at)))
}

/// Parses a field's argument, as an output may hold one; returns the bytes it takes.
pub(in crate::detect::falco) fn argument(text: &Traced, at: usize) -> Result<(Option<String>, usize), Fault> {
    let mut scanner = Scanner { text, at };
    let argument = scanner.argument()?;
    Ok((argument, scanner.at - at))
}

impl Parser<'_> {
    /// A transformer with its arguments, if one begins here; on the right side also `val(field)`.
    pub(super) fn transformed(&mut self, right: bool) -> Result<Option<Operand>, Fault> {
        let before = self.scanner.at;
        let spot = self.scanner.text.spot(before);
        let name = match self.scanner.dotted_name() {
            Some(name) if !name.contains('.') && self.scanner.take("(") => name,
            _ => {
                self.scanner.at = before;
                return Ok(None);
            }
        };
        if name == "val" && !right {
            return Err(Fault::new(spot, "`val()` stands on the left side").advise("write the field itself"));
        }
        if name != "val" && !TRANSFORMERS.contains(&name) {
            if !right {
                let fault = Fault::new(spot, format!("there is no function `{name}`"));
                return Err(
                    fault.advise(format!("functions: {}, and val() on the right side", TRANSFORMERS.join(", ")))
                );
            }
            self.scanner.at = before;
            return Ok(None);
        }
        let mut arguments = self.deeper(Self::arguments)?;
        if name == "val" {
            return match (arguments.pop(), arguments.is_empty()) {
                (Some(field @ Operand { kind: OperandKind::Field { .. }, .. }), true) => Ok(Some(field)),
                _ => Err(Fault::new(spot, "`val()` takes one field")),
            };
        }
        Ok(Some(Operand { spot, kind: OperandKind::Transformed { transformer: name.to_owned(), arguments } }))
    }

    fn arguments(&mut self) -> Result<Vec<Operand>, Fault> {
        let mut arguments = Vec::new();
        loop {
            self.scanner.blank();
            arguments.push(self.argument()?);
            self.scanner.blank();
            if self.scanner.take(")") {
                return Ok(arguments);
            }
            if !self.scanner.take(",") {
                let here = self.scanner.here();
                return Err(self.scanner.fault(format!("expected `,` or `)`, found {here}")));
            }
        }
    }

    fn argument(&mut self) -> Result<Operand, Fault> {
        if let Some(operand) = self.transformed(false)? {
            return Ok(operand);
        }
        let before = self.scanner.at;
        let spot = self.scanner.text.spot(before);
        if let Some(name) = self.scanner.dotted_name()
            && name.contains('.')
        {
            let argument = self.scanner.argument()?;
            return Ok(Operand { spot, kind: OperandKind::Field { name: name.to_owned(), argument } });
        }
        self.scanner.at = before;
        let value = self.scanner.value()?;
        Ok(Operand { spot, kind: OperandKind::Literal(value) })
    }
}
