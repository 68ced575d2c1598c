//! The pages in `docs/sinks/`: each kind of sink has one, and its example is a configuration that works.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use gatecrier::config::Sinks;
use serde::Deserialize;

#[derive(Deserialize)]
struct Example {
    sinks: Sinks,
}

#[test]
fn each_kind_has_a_page_whose_example_is_read() {
    let mut pages = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sinks")).unwrap() {
        let path = entry.unwrap().path();
        let (kind, page) = (path.file_stem().unwrap().to_str().unwrap(), std::fs::read_to_string(&path).unwrap());
        let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let example: Example = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(example.sinks.list().iter().all(|sink| sink.kind == kind), "{kind}: the example is of another kind");
        assert!(!example.sinks.is_empty(), "{kind}: the example names no sink");
        for part in ["| Setting | Default | Description |", "`min_severity`", "`required`"] {
            assert!(page.contains(part), "{kind}: `{part}` is missing");
        }
        pages.insert(kind.to_owned());
    }
    assert_eq!(pages, Sinks::kinds().into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
}
