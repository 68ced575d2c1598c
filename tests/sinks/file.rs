//! The file sink.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatecrier::alert::Alert;
use gatecrier::sink::Sink as _;
use gatecrier::sink::file::File;
use serde_json::json;

use crate::{HOSTILE, alerts, config, hostile_alert, outcome};

fn file(path: &Path) -> File {
    File::new(&config(json!({"path": path}))).unwrap()
}

fn read(path: &Path) -> Vec<Alert> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn alerts_are_lines_that_only_we_and_our_group_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.jsonl");
    let mut sink = file(&path);
    sink.send(&alerts(2)).await.unwrap();
    let hostile: Vec<Alert> = HOSTILE.iter().map(|text| hostile_alert(text)).collect();
    sink.send(&hostile).await.unwrap();
    let read = read(&path);
    assert_eq!((&read[..2], &read[2..]), (&alerts(2)[..], &hostile[..]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0);
    assert!(sink.check().await.unwrap().contains("bytes"));
}

#[tokio::test]
async fn a_file_that_was_renamed_or_removed_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("alerts.jsonl"), dir.path().join("alerts.jsonl.1"));
    let mut sink = file(&path);
    let all = alerts(3);
    sink.send(&all[..1]).await.unwrap();
    std::fs::rename(&path, &rotated).unwrap();
    sink.send(&all[1..2]).await.unwrap();
    assert_eq!((&read(&rotated)[..], &read(&path)[..]), (&all[..1], &all[1..2]));
    std::fs::remove_file(&path).unwrap();
    // As logrotate's `create` does.
    std::fs::write(&path, "").unwrap();
    sink.send(&all[2..]).await.unwrap();
    assert_eq!(read(&path), all[2..]);
}

#[tokio::test]
async fn half_a_line_of_a_crash_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.jsonl");
    std::fs::write(&path, "{\"id\":\"ha").unwrap();
    file(&path).send(&alerts(1)).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(serde_json::from_str::<Alert>(text.lines().last().unwrap()).unwrap(), alerts(1)[0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("alerts.jsonl");
    let mut sink = file(&path);
    std::fs::remove_dir_all(&folder).unwrap();
    let (outcome, text) = outcome(&mut sink).await;
    assert_eq!(outcome, "retry", "{text}");
    std::fs::create_dir(&folder).unwrap();
    sink.send(&alerts(1)).await.unwrap();
    assert_eq!(read(&path), alerts(1));
}
