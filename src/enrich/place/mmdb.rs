//! Writes small MaxMind-format files for tests, by the specification at maxmind.github.io/MaxMind-DB.

use ipnet::IpNet;

/// A value of the data section.
#[derive(Debug, Clone)]
pub enum Value {
    /// UTF-8 text.
    Text(&'static str),
    /// An unsigned number, 32 bits.
    Number(u32),
    /// Keys and values.
    Map(Vec<(&'static str, Value)>),
}

const TYPE_TEXT: u8 = 2;
const TYPE_U16: u8 = 5;
const TYPE_U32: u8 = 6;
const TYPE_MAP: u8 = 7;
const TYPE_U64: u8 = 9;
const TYPE_ARRAY: u8 = 11;

#[derive(Clone, Copy)]
enum Slot {
    Empty,
    Node(usize),
    Record(usize),
}

/// A file that knows the given networks, built at `epoch` (Unix seconds). Networks do not nest.
pub fn file(networks: &[(&str, Value)], epoch: u64) -> Vec<u8> {
    let (mut tree, mut data) = (vec![[Slot::Empty; 2]], Vec::new());
    for (network, value) in networks {
        insert(&mut tree, network.parse().unwrap(), data.len());
        write(&mut data, value);
    }
    let mut bytes = Vec::new();
    for slot in tree.iter().flatten() {
        let record = match slot {
            Slot::Empty => tree.len(),
            Slot::Node(node) => *node,
            Slot::Record(offset) => tree.len() + 16 + offset,
        };
        bytes.extend_from_slice(&(record as u32).to_be_bytes()[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut bytes, tree.len() as u32, epoch);
    bytes
}

/// The tree is of 128-bit addresses; IPv4 lives below `::/96`.
fn insert(tree: &mut Vec<[Slot; 2]>, network: IpNet, offset: usize) {
    let (address, length) = match network {
        IpNet::V4(net) => (u128::from(u32::from(net.network())), 96 + net.prefix_len()),
        IpNet::V6(net) => (u128::from(net.network()), net.prefix_len()),
    };
    let side = |depth: u8| (address >> (127 - depth) & 1) as usize;
    let mut node = 0;
    for depth in 0..length - 1 {
        node = match tree[node][side(depth)] {
            Slot::Node(next) => next,
            _ => {
                tree.push([Slot::Empty; 2]);
                let next = tree.len() - 1;
                tree[node][side(depth)] = Slot::Node(next);
                next
            }
        };
    }
    tree[node][side(length - 1)] = Slot::Record(offset);
}

fn metadata(bytes: &mut Vec<u8>, nodes: u32, epoch: u64) {
    head(bytes, TYPE_MAP, 9);
    for (key, value) in [
        ("binary_format_major_version", 2u16),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 24),
    ] {
        text(bytes, key);
        head(bytes, TYPE_U16, 2);
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    text(bytes, "node_count");
    write(bytes, &Value::Number(nodes));
    text(bytes, "database_type");
    text(bytes, "Test");
    text(bytes, "build_epoch");
    head(bytes, TYPE_U64, 8);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    text(bytes, "languages");
    head(bytes, TYPE_ARRAY, 0);
    text(bytes, "description");
    head(bytes, TYPE_MAP, 0);
}

fn write(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(value) => text(bytes, value),
        Value::Number(value) => {
            head(bytes, TYPE_U32, 4);
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        Value::Map(entries) => {
            head(bytes, TYPE_MAP, entries.len());
            for (key, value) in entries {
                text(bytes, key);
                write(bytes, value);
            }
        }
    }
}

fn text(bytes: &mut Vec<u8>, value: &str) {
    head(bytes, TYPE_TEXT, value.len());
    bytes.extend_from_slice(value.as_bytes());
}

/// The control byte: type and size. Types above 7 have a byte of their own, sizes from 29 to 284 too.
fn head(bytes: &mut Vec<u8>, kind: u8, size: usize) {
    let short = size.min(29) as u8;
    match kind {
        1..=7 => bytes.push(kind << 5 | short),
        _ => bytes.extend_from_slice(&[short, kind - 7]),
    }
    if size >= 29 {
        bytes.push(u8::try_from(size - 29).unwrap());
    }
}
