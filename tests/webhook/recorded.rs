//! Requests that a kube-apiserver v1.36.3 sent, as they went over the wire, with those that it sent again after a 429
//! and a 503. In them, eve may not read a secret and an administrator does, with a forged chain of addresses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::lab::poster::answer;
use crate::lab::wait_for;
use crate::{Bench, PLAIN};

fn requests() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/webhook");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path| {
        let mut request = Vec::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut request).unwrap();
        request
    };
    files.into_iter().map(read).collect()
}

#[test]
fn what_a_kube_apiserver_sends_is_taken_and_what_it_sends_again_is_known() {
    let (bench, requests) = (Bench::new(PLAIN), requests());
    assert_eq!(requests.len(), 6);
    let (process, address) = bench.start();
    let mut events = 0;
    for request in &requests {
        let mut stream = TcpStream::connect(address).unwrap();
        let line = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        stream.write_all(&[&request[..line], b"Connection: close\r\n", &request[line..]].concat()).unwrap();
        let answer = answer(stream).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{}", answer.head);
        let body = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let list: serde_json::Value = serde_json::from_slice(&request[body..]).unwrap();
        events += list["items"].as_array().unwrap().len();
    }
    wait_for("all events to be analyzed", || process.total("gatecrier_events_total") as usize == events);
    assert_eq!(process.total("gatecrier_malformed_records_total"), 0.0);
    wait_for("the repeats to be known", || process.total("gatecrier_duplicate_records_total") > 0.0);
    bench.receiver.wait_for("eve from 127.0.0.1");
    let newest = bench.receiver.newest();
    let eve = newest.values().find(|alert| alert["actor"]["name"] == "eve").unwrap();
    assert_eq!(eve["cluster"], "prod", "from the path");
}
