//! Bodies of all kinds, and what is left of the memory for them.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const LIMIT: u64 = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn take_from(bytes: Vec<u8>, encoding: &str, memory: usize) -> (Result<Taken, Refusal>, usize) {
    let memory = Arc::new(Semaphore::new(memory));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
    headers.insert(CONTENT_LENGTH, bytes.len().into());
    let taken = take(&mut Body::from(bytes), &headers, b"B".to_vec(), LIMIT, &memory).await;
    let left = memory.available_permits();
    (taken, left)
}

#[track_caller]
fn whole(taken: Result<Taken, Refusal>) -> Vec<u8> {
    match taken {
        Ok(Taken::Whole { bytes, room }) => {
            assert!(room.is_some_and(|room| room.num_permits() >= bytes.len()), "it has not the room it takes");
            bytes
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_body_is_taken_whole_compressed_or_not() {
    let text = vec![b'x'; 300_000];
    for (bytes, encoding) in [(text.clone(), "identity"), (gzip(&text), "gzip"), (gzip(&text), "GZIP")] {
        let (taken, left) = take_from(bytes, encoding, 4 << 20).await;
        assert_eq!(whole(taken).len(), 300_001);
        assert!(left <= (4 << 20) - 300_000, "{left}");
    }
    let twice = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(whole(take_from(twice, "gzip", 1 << 20).await.0), b"Bone two");
}

#[tokio::test]
async fn beyond_the_limit_only_the_beginning_is_kept() {
    let text: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for (bytes, encoding) in [(text.clone(), "identity"), (gzip(&text), "gzip")] {
        let (taken, left) = take_from(bytes, encoding, 4 << 20).await;
        let Ok(Taken::TooLong { prefix, length, sha256 }) = taken else { panic!("{taken:?}") };
        assert_eq!(prefix, text[..OVERSIZED_PREFIX_BYTES]);
        assert_eq!((length, sha256), (3_000_000, hex(&Sha256::digest(&text))));
        assert_eq!(left, 4 << 20, "the room is given back");
    }
}

#[tokio::test]
async fn a_bomb_takes_no_more_than_the_limit() {
    let bomb = gzip(&vec![0; 24 << 20]);
    let (taken, _) = take_from(bomb, "gzip", 2 << 20).await;
    assert!(matches!(taken, Ok(Taken::TooLong { length, .. }) if length == 24 << 20), "{taken:?}");
}

#[tokio::test]
async fn without_memory_it_is_asked_to_wait() {
    for (bytes, encoding) in [(vec![b'x'; 500_000], "identity"), (gzip(&vec![b'x'; 500_000]), "gzip")] {
        let (taken, left) = take_from(bytes, encoding, 200_000).await;
        assert_eq!(taken.unwrap_err(), Refusal::Busy);
        assert_eq!(left, 200_000);
    }
}

#[tokio::test]
async fn what_is_compressed_wrongly_is_kept_as_far_as_it_goes() {
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut cut = gzip(&noise);
    cut.truncate(cut.len() / 2);
    let kept = whole(take_from(cut, "gzip", 1 << 20).await.0);
    assert!(kept.len() > 10_000 && noise.starts_with(&kept[1..]), "{} bytes", kept.len());
    let refusal = take_from(b"no gzip".to_vec(), "gzip", 1 << 20).await.0.unwrap_err();
    assert!(matches!(refusal, Refusal::Broken(_)), "{refusal:?}");
    assert_eq!(take_from(b"x".to_vec(), "br", 1 << 20).await.0.unwrap_err(), Refusal::Encoding);
}
