//! The live log file and its backups, oldest first.
//!
//! The API server renames `audit.log` to `audit-2006-01-02T15-04-05.000.log` and may compress it to `….log.gz`.
//! Distributions run logrotate as well, over the live file (`audit.log.1`, `audit.log.2.gz`, `audit.log-20060102`)
//! or over the API server's own backups (`audit-….log.1.gz`), so no one suffix is taken for granted.

use std::cmp::Reverse;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::identity::Inode;

/// Most listings made to get two that agree. Beyond it the next poll tries again.
const LISTINGS_MAX: usize = 10;

/// One file of the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub path: PathBuf,
    /// The file on its disk.
    pub inode: Inode,
    /// Unix milliseconds: when it was rotated if its name says so, else when it was last written.
    pub time_ms: i64,
    /// Whether it is compressed.
    pub gz: bool,
    /// Whether the API server writes into it.
    pub live: bool,
    /// logrotate's count in the name: the higher, the older.
    number: u32,
    /// Whether the name says when it was rotated.
    stamped: bool,
}

/// Where the log and its backups are.
#[derive(Debug, Clone)]
pub struct Family {
    path: PathBuf,
    backups: Option<String>,
}

impl Family {
    /// The family of the log at `path`; `backups` is a pattern of file names, with `*` and `?`, instead of ours.
    pub fn new(path: PathBuf, backups: Option<String>) -> Self {
        Self { path, backups }
    }

    /// What the path of the live file leads to now.
    pub fn live(&self) -> io::Result<Metadata> {
        let meta = fs::metadata(&self.path)?;
        // Opening a named pipe would wait for a writer, maybe for ever.
        if meta.is_file() { Ok(meta) } else { Err(io::Error::other("not a regular file")) }
    }

    /// Whether the last part of `path` is that of the live file.
    pub fn is_live_name(&self, path: &Path) -> bool {
        path.file_name() == self.path.file_name() || path.file_name() == self.real_path().file_name()
    }

    /// The folder that changes when the log does.
    pub fn folder(&self) -> PathBuf {
        folder_of(&self.real_path())
    }

    /// All files, oldest first, the live one last. Of a plain file and its compressed twin the plain one is
    /// taken: while both exist, the other may be half written.
    pub fn list(&self) -> io::Result<Vec<Member>> {
        // A file that is renamed while the folder is read may be missed. Two listings that agree did not race.
        let mut last = self.list_once()?;
        for _ in 1..LISTINGS_MAX {
            let next = self.list_once()?;
            if next.iter().map(identity).eq(last.iter().map(identity)) {
                return Ok(in_order(without_twins(next)));
            }
            last = next;
        }
        Err(io::Error::new(io::ErrorKind::Interrupted, "the folder changes faster than it can be read"))
    }

    fn list_once(&self) -> io::Result<Vec<Member>> {
        let real = self.real_path();
        let base = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut members = Vec::new();
        for entry in fs::read_dir(folder_of(&real))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(parsed) = self.parse(&base, &name) else { continue };
            match fs::metadata(entry.path()) {
                Ok(meta) if meta.is_file() => members.push(parsed.member(entry.path(), &meta)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        members.sort_by(|a, b| a.path.cmp(&b.path));
        match self.live() {
            Ok(meta) => members.push(Member { live: true, ..Name::default().member(self.path.clone(), &meta) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(members)
    }

    fn parse(&self, base: &str, name: &str) -> Option<Name> {
        match &self.backups {
            _ if name == base => None,
            None => parse(base, name),
            Some(pattern) => {
                matches(pattern.as_bytes(), name.as_bytes()).then(|| parse(base, name).unwrap_or_default())
            }
        }
    }

    /// The path with links resolved: backups are made beside the file itself.
    fn real_path(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }
}

/// Unix milliseconds of the last write.
pub fn modified_ms(meta: &Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|age| i64::try_from(age.as_millis()).ok()).unwrap_or(0)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn identity(member: &Member) -> (&Path, Inode) {
    (&member.path, member.inode)
}

/// What a backup's name says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Name {
    rotated_ms: Option<i64>,
    number: u32,
    gz: bool,
}

impl Name {
    fn member(self, path: PathBuf, meta: &Metadata) -> Member {
        Member {
            gz: self.gz || path.extension().is_some_and(|extension| extension == "gz"),
            path,
            inode: Inode::of(meta),
            time_ms: self.rotated_ms.unwrap_or_else(|| modified_ms(meta)),
            live: false,
            number: self.number,
            stamped: self.rotated_ms.is_some(),
        }
    }
}

fn parse(base: &str, name: &str) -> Option<Name> {
    let (rest, gz) = name.strip_suffix(".gz").map_or((name, false), |rest| (rest, true));
    if let Some(rotated) = stamp(base, rest) {
        return Some(Name { rotated_ms: Some(rotated), number: 0, gz });
    }
    let (rest, number) = match rest.rsplit_once('.') {
        Some((before, digits)) if is_number(digits) && before != base => (before, digits.parse().ok()?),
        _ => (rest, 0),
    };
    if let Some(rotated) = stamp(base, rest) {
        return Some(Name { rotated_ms: Some(rotated), number, gz });
    }
    // `audit.log.1` and `audit.log-20060102`, and with more than one suffix `audit.log-20060102.1`.
    match rest.strip_prefix(base)?.split_at_checked(1)? {
        (".", digits) if is_number(digits) => Some(Name { rotated_ms: None, number: digits.parse().ok()?, gz }),
        ("-", date) if !date.is_empty() && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            Some(Name { rotated_ms: None, number, gz })
        }
        _ => None,
    }
}

/// The time in a name as lumberjack makes it: the stem, a dash, the time in UTC, the extension.
fn stamp(base: &str, name: &str) -> Option<i64> {
    let (stem, extension) = base.rfind('.').map_or((base, ""), |dot| base.split_at(dot));
    let text = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?;
    let time = jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%M-%S%.f", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn without_twins(members: Vec<Member>) -> Vec<Member> {
    let plain: Vec<PathBuf> = members.iter().filter(|member| !member.gz).map(|member| member.path.clone()).collect();
    let is_twin = |member: &Member| member.gz && !member.live && plain.contains(&member.path.with_extension(""));
    members.into_iter().filter(|member| !is_twin(member)).collect()
}

/// Names with a time go by it. Names with a count go by the count, since a copy or a touch may have given them any
/// time of last writing. The two are merged by time; the live file is the newest.
fn in_order(members: Vec<Member>) -> Vec<Member> {
    let (live, backups): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.live);
    let (mut stamped, mut counted): (Vec<_>, Vec<_>) = backups.into_iter().partition(|member| member.stamped);
    stamped.sort_by_key(|member| (member.time_ms, Reverse(member.number)));
    counted.sort_by_key(|member| (Reverse(member.number), member.time_ms));
    let mut ordered = Vec::with_capacity(stamped.len() + counted.len() + 1);
    let (mut stamped, mut counted) = (stamped.into_iter().peekable(), counted.into_iter().peekable());
    loop {
        let next = match (stamped.peek(), counted.peek()) {
            (Some(one), Some(other)) if one.time_ms <= other.time_ms => stamped.next(),
            (_, Some(_)) => counted.next(),
            (_, None) => stamped.next(),
        };
        let Some(next) = next else { break };
        ordered.push(next);
    }
    ordered.extend(live);
    ordered
}

/// Shell patterns with `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, name) || name.split_first().is_some_and(|(_, name)| matches(pattern, name))
        }
        (Some((b'?', pattern)), Some((_, name))) => matches(pattern, name),
        (Some((one, pattern)), Some((other, name))) => one == other && matches(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_backups_are_told_from_others() {
        let stamped = |number, gz| Some(Name { rotated_ms: Some(1_136_214_245_123), number, gz });
        let counted = |number, gz| Some(Name { rotated_ms: None, number, gz });
        let cases = [
            ("audit-2006-01-02T15-04-05.123.log", stamped(0, false)),
            ("audit-2006-01-02T15-04-05.123.log.gz", stamped(0, true)),
            ("audit-2006-01-02T15-04-05.123.log.1.gz", stamped(1, true)),
            ("audit-2006-01-02T15-04-05.123.log.2", stamped(2, false)),
            ("audit.log.1", counted(1, false)),
            ("audit.log.12.gz", counted(12, true)),
            ("audit.log-20060102", counted(0, false)),
            ("audit.log-20060102.gz", counted(0, true)),
            ("audit.log", None),
            ("audit.log.gz.tmp", None),
            ("audit.log.bak", None),
            ("audit-old.log", None),
            ("audit-policy.yaml", None),
            ("audit2.log.1", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Family::new("audit.log".into(), None).parse("audit.log", name), expected, "{name}");
        }
    }

    #[test]
    fn names_without_an_extension_and_with_digits_work() {
        let parsed = parse("audit", "audit-2006-01-02T15-04-05.123.gz").unwrap();
        assert_eq!((parsed.rotated_ms, parsed.gz), (Some(1_136_214_245_123), true));
        assert_eq!(parse("audit.1", "audit.1.2").unwrap().number, 2);
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in
            [("a*.log*", "a-1.log.gz", true), ("a?.log", "ab.log", true), ("a?.log", "abc.log", false), ("*", "", true)]
        {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[track_caller]
    fn check_order(files: &[(&str, u64)], expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for (name, modified) in files {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(*modified)).unwrap();
        }
        let list = Family::new(folder.path().join("audit.log"), None).list().unwrap();
        let names: Vec<_> = list.iter().map(|member| member.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn backups_come_oldest_first_and_the_live_file_last() {
        check_order(
            &[
                ("audit.log", 1),
                ("audit-2006-01-02T15-04-06.000.log", 0),
                ("audit-2006-01-02T15-04-05.000.log.gz", 9_999_999_999),
                ("other.log", 1),
            ],
            &["audit-2006-01-02T15-04-05.000.log.gz", "audit-2006-01-02T15-04-06.000.log", "audit.log"],
        );
    }

    #[test]
    fn counts_go_before_times_of_writing() {
        check_order(
            &[("audit.log.10.gz", 50), ("audit.log.2", 60), ("audit.log.1", 60), ("audit.log.3", 99)],
            &["audit.log.10.gz", "audit.log.3", "audit.log.2", "audit.log.1"],
        );
    }

    #[test]
    fn a_plain_file_hides_its_compressed_twin() {
        check_order(&[("audit.log.1", 5), ("audit.log.1.gz", 6)], &["audit.log.1"]);
    }
}
