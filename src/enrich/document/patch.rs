//! Makes of a JSON patch (RFC 6902) the object that it writes.
//!
//! Indices into lists point at what the log does not show and shift as the patch goes on, so each operation that
//! goes through a list makes an element of its own: what is written is always shown, if in pieces.

use std::collections::BTreeMap;

use crate::event::Raw;

use super::read::{take, text};

/// Most operations looked at. The API server takes no patch with more.
const OPERATIONS_MAX: usize = 10_000;

/// Most parts of an operation's path; what is deeper is not looked at. No Kubernetes type but a schema is so deep.
const PARTS_MAX: usize = 64;

/// What a patch writes.
#[derive(Debug)]
pub(super) struct Patched {
    /// As an object, with null for what is removed.
    pub(super) object: Vec<u8>,
    /// It copies what the log does not show, or goes on beyond what we look at.
    pub(super) opaque: bool,
}

enum Node<'a> {
    Leaf(Raw<'a>),
    Gone,
    Object(BTreeMap<String, Node<'a>>),
    List(Vec<Node<'a>>),
}

/// Reads the operations.
pub(super) fn patched(operations: Raw<'_>) -> Patched {
    let mut root = Node::Object(BTreeMap::new());
    let mut opaque = false;
    for (at, operation) in operations.items().enumerate() {
        let [op, path, value] = take(operation, ["op", "path", "value"]);
        let path = text(path).unwrap_or_default();
        match &*text(op).unwrap_or_default() {
            _ if at >= OPERATIONS_MAX => opaque = true,
            "test" => {}
            "add" | "replace" => opaque |= !write(&mut root, &path, Node::Leaf(value.unwrap_or(Raw::new(b"null")))),
            "remove" => opaque |= !write(&mut root, &path, Node::Gone),
            _ => opaque = true,
        }
        if at >= OPERATIONS_MAX {
            break;
        }
    }
    let mut object = Vec::new();
    print(&root, &mut object);
    Patched { object, opaque }
}

/// Puts a value at a JSON pointer (RFC 6901); whether it could.
fn write<'a>(root: &mut Node<'a>, pointer: &str, value: Node<'a>) -> bool {
    let mut node = root;
    let parts: Vec<_> = pointer.split('/').skip(1).take(PARTS_MAX + 1).collect();
    if parts.len() > PARTS_MAX {
        return false;
    }
    for part in parts {
        node = child(node, part);
    }
    *node = value;
    true
}

fn child<'n, 'a>(node: &'n mut Node<'a>, part: &str) -> &'n mut Node<'a> {
    let is_index = part == "-" || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    open(node, is_index);
    match node {
        Node::List(items) => {
            items.push(Node::Gone);
            let last = items.len() - 1;
            &mut items[last]
        }
        Node::Object(members) => members.entry(part.replace("~1", "/").replace("~0", "~")).or_insert(Node::Gone),
        node => node,
    }
}

/// Makes a value written whole, or nothing, into something that has children.
fn open(node: &mut Node<'_>, by_index: bool) {
    match node {
        Node::Leaf(raw) if raw.bytes().starts_with(b"[") => *node = Node::List(raw.items().map(Node::Leaf).collect()),
        Node::Leaf(raw) if raw.bytes().starts_with(b"{") => {
            let members = raw.members().map(|(key, value)| (key.decode().into_owned(), Node::Leaf(value)));
            *node = Node::Object(members.collect());
        }
        Node::Leaf(_) | Node::Gone if by_index => *node = Node::List(Vec::new()),
        Node::Leaf(_) | Node::Gone => *node = Node::Object(BTreeMap::new()),
        Node::Object(_) | Node::List(_) => {}
    }
}

/// Calls itself no deeper than [`PARTS_MAX`]: a value written whole is copied as it is.
fn print(node: &Node<'_>, to: &mut Vec<u8>) {
    match node {
        Node::Leaf(raw) => to.extend_from_slice(raw.bytes()),
        Node::Gone => to.extend_from_slice(b"null"),
        Node::Object(members) => {
            to.push(b'{');
            for (at, (key, member)) in members.iter().enumerate() {
                to.extend_from_slice(if at > 0 { b"," } else { b"" });
                super::json::string(to, key);
                to.push(b':');
                print(member, to);
            }
            to.push(b'}');
        }
        Node::List(items) => {
            to.push(b'[');
            for (at, item) in items.iter().enumerate() {
                to.extend_from_slice(if at > 0 { b"," } else { b"" });
                print(item, to);
            }
            to.push(b']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patch: &str, object: &str, opaque: bool) {
        let patched = patched(Raw::new(patch.as_bytes()));
        assert_eq!((&*String::from_utf8_lossy(&patched.object), patched.opaque), (object, opaque), "{patch}");
    }

    #[test]
    fn operations_become_the_object_they_write() {
        check(
            r#"[{"op":"add","path":"/a/b","value":{"c":1}},{"op":"replace","path":"/a/b/c","value":2}]"#,
            r#"{"a":{"b":{"c":2}}}"#,
            false,
        );
        check(
            r#"[{"op":"remove","path":"/metadata/labels/a~1b~0c"}]"#,
            r#"{"metadata":{"labels":{"a/b~c":null}}}"#,
            false,
        );
        check(
            r#"[{"op":"add","path":"","value":{"x":[]}},{"op":"add","path":"/x/-","value":1}]"#,
            r#"{"x":[1]}"#,
            false,
        );
        check(r#"[{"op":"test","path":"/a","value":1}]"#, "{}", false);
        check(r#"[{"op":"copy","from":"/a","path":"/b"}]"#, "{}", true);
        check(r#"[{"op":"add","path":"/a"},7,{"path":"/b"}]"#, r#"{"a":null}"#, true);
    }

    #[test]
    fn what_a_list_is_given_stays_whatever_comes_after() {
        check(
            r#"[{"op":"add","path":"/l/0","value":"bad"},{"op":"add","path":"/l/0","value":"good"},{"op":"replace","path":"/l/0","value":"x"}]"#,
            r#"{"l":["bad","good","x"]}"#,
            false,
        );
        check(
            r#"[{"op":"add","path":"/l","value":["a"]},{"op":"add","path":"/l/-","value":"b"}]"#,
            r#"{"l":["a","b"]}"#,
            false,
        );
    }

    #[test]
    fn a_path_without_end_is_opaque() {
        let patch = format!(r#"[{{"op":"add","path":"{}","value":1}}]"#, "/a".repeat(100_000));
        check(&patch, "{}", true);
    }
}
