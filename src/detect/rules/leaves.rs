//! Every text, number and truth value in some JSON, for keywords.

use crate::enrich::field::Value;
use crate::event::json::Cursor;

/// Shows each until `see` says that it is enough; whether it did. Keys are not shown. Never recurses, and reads what
/// is cut or broken as far as it goes.
pub fn any(json: &[u8], see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
    let mut cursor = Cursor::new(json);
    while let Some(next) = cursor.peek() {
        let enough = match next {
            b'"' => {
                let Ok(text) = cursor.string() else { return false };
                // A key stands before a colon.
                cursor.peek() != Some(b':') && see(Value::Text(&text.decode()))
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {
                if cursor.expect(next).is_err() {
                    return false;
                }
                false
            }
            _ => {
                let Ok(raw) = cursor.value() else { return false };
                match raw.bytes() {
                    b"null" => false,
                    b"true" => see(Value::Bool(true)),
                    b"false" => see(Value::Bool(false)),
                    number => std::str::from_utf8(number).is_ok_and(|number| see(Value::Number(number))),
                }
            }
        };
        if enough {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_shown_and_keys_are_not() {
        let mut seen = Vec::new();
        let json = br#"{"key":"te\u0078t","list":[1,true,null,{"deep":"x"}],"cut":"y"#;
        any(json, &mut |value| {
            seen.push(value.text().unwrap().to_owned());
            false
        });
        assert_eq!(seen, ["text", "1", "true", "x"]);
    }
}
