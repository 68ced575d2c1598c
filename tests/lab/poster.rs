//! Posts by hand, so that nothing is mended on the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Header lines, in lower case.
    pub head: String,
    pub body: String,
}

/// Opens a request without its body; `more` are header lines, each with its line break.
pub fn open(address: SocketAddr, path: &str, more: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The answer to what was written; nothing when the connection was cut without one.
pub fn answer(mut stream: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    // A connection that is cut after the answer gave it all the same.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Posts a body with more header lines.
pub fn post_with(address: SocketAddr, path: &str, more: &str, body: &[u8]) -> Answer {
    let mut stream = open(address, path, more, body.len());
    // The answer may come before all is written.
    let _ = stream.write_all(body);
    answer(stream).unwrap_or_else(|| panic!("no answer to a post to {path}"))
}

/// Posts a body.
pub fn post(address: SocketAddr, path: &str, body: impl AsRef<[u8]>) -> Answer {
    post_with(address, path, "", body.as_ref())
}
