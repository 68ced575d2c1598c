//! The audit webhook of the release binary on one core: events a second in lists of 400, and how long an answer takes
//! while each body is synced.
//!
//! `GATECRIER_SECONDS` says how long. The events are the quiet log's, another day in each round.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

// Each bench uses its part of it.
#[allow(dead_code)]
mod program;
mod quiet;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use program::{Program, Receiver};
use quiet::{Log, postpone};

/// What must be taken, events a second.
const RATE: f64 = 16_000.0;
const EVENTS_A_LIST: usize = 400;
const ANSWER_P99_MAX: Duration = Duration::from_millis(50);

/// As many API servers.
const SENDERS: usize = 4;

/// Bodies of one round of the log.
fn bodies(lines: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let list = |lines: &[&[u8]]| {
        let mut body = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#.to_vec();
        body.extend(lines.join(&b','));
        body.extend_from_slice(b"]}\n");
        body
    };
    lines.chunks_exact(EVENTS_A_LIST).map(list).collect()
}

/// Posts, and says how long the answer took.
fn post(stream: &mut TcpStream, body: &[u8]) -> Duration {
    let begun = Instant::now();
    let head = format!("POST /audit/lab HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut reader = BufReader::new(&*stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let took = begun.elapsed();
    assert_eq!(reader.buffer(), b"", "more than an answer");
    took
}

/// One sender, at its share of the rate; how long each answer took.
fn send(address: SocketAddr, bodies: &[Vec<u8>], rate: f64) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let begun = Instant::now();
    let mut took = Vec::new();
    for (n, body) in bodies.iter().enumerate() {
        let due = begun + Duration::from_secs_f64((n * EVENTS_A_LIST) as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        took.push(post(&mut stream, body));
    }
    took
}

fn main() {
    let seconds = std::env::var("GATECRIER_SECONDS").map_or(20.0, |seconds| seconds.parse().unwrap());
    let [bodied, metadata] = Log::both();
    for (name, log) in [("metadata", metadata), ("bodies", bodied)] {
        let receiver = Receiver::listen();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program = Program::start_with(&receiver, &format!("{{ api: {{ webhook: {{ listen: \"{address}\" }} }} }}"));
        let mut bytes = log.chunks().collect::<Vec<_>>().concat();
        let mut all = Vec::new();
        while ((all.len() * EVENTS_A_LIST) as f64) < RATE * seconds {
            all.extend(bodies(&bytes));
            postpone(&mut bytes, 1);
        }
        let shares: Vec<Vec<Vec<u8>>> =
            (0..SENDERS).map(|n| all.iter().skip(n).step_by(SENDERS).cloned().collect()).collect();
        let (cpu, begun) = (program.cpu(), Instant::now());
        let senders =
            shares.into_iter().map(|share| std::thread::spawn(move || send(address, &share, RATE / SENDERS as f64)));
        let mut took: Vec<_> =
            senders.collect::<Vec<_>>().into_iter().flat_map(|sender| sender.join().unwrap()).collect();
        let elapsed = begun.elapsed().as_secs_f64();
        let events = (took.len() * EVENTS_A_LIST) as u64;
        program.wait_until_read(events);
        let busy = (program.cpu() - cpu).as_secs_f64();
        took.sort();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("{name}: {events} events in lists of {EVENTS_A_LIST}");
        println!("{:44}{:>10.0} (asked: {RATE})", "  events a second, answered", events as f64 / elapsed);
        println!("{:44}{:>10.0}", "  events a second of CPU, answered and judged", events as f64 / busy);
        println!("{:44}{:>7.1} {:.1} {:.1} ms", "  answer, median, p99, longest", at(0.5), at(0.99), at(1.0));
        println!("{:44}{:>7.1} MB", "  memory, most", program.memory().most);
        assert!(at(0.99) <= ANSWER_P99_MAX.as_secs_f64() * 1e3, "too slow");
        assert!(events as f64 / busy >= RATE, "one core is not enough");
    }
}
