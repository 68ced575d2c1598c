//! One record: an event, or a list of events.

use crate::event::json::{Cursor, Fault};
use crate::event::{Event, Text};

/// How reading a record ended.
pub(super) struct Item {
    pub(super) outcome: Outcome,
    /// What could be read of a faulty record was handed over as an event.
    pub(super) salvaged: bool,
}

pub(super) enum Outcome {
    /// It was an event or a list of events, and is behind the cursor.
    Whole,
    /// It was JSON, and something else.
    NotAudit,
    /// It could not be read to its end.
    Faulty(Fault),
}

/// Reads the record at the cursor and hands its events over. `bytes` ends where the record must have ended.
pub(super) fn read<'a>(bytes: &'a [u8], cursor: &mut Cursor<'a>, each: &mut impl FnMut(Event<'a>)) -> Item {
    let start = cursor.at();
    let mut event = Event { offset: start, ..Event::default() };
    let mut list = false;
    let ended = members(cursor, |key, cursor| {
        if key.raw() == b"items" && event.audit_id.is_empty() {
            list = true;
            return items(bytes, cursor, each);
        }
        field(&mut event, key, cursor)
    });
    event.bytes = &bytes[start..cursor.at()];
    match ended {
        Ok(()) if list => Item { outcome: Outcome::Whole, salvaged: true },
        Ok(()) if is_audit(&event) => {
            each(event);
            Item { outcome: Outcome::Whole, salvaged: true }
        }
        Ok(()) => Item { outcome: Outcome::NotAudit, salvaged: false },
        Err(fault) => {
            let salvaged = list || salvage(event, bytes, each);
            Item { outcome: Outcome::Faulty(fault), salvaged }
        }
    }
}

/// Reads what was an event before, as far as it goes.
pub(super) fn again(bytes: &[u8]) -> Event<'_> {
    let mut event = Event { bytes, ..Event::default() };
    event.marks.truncated = members(&mut Cursor::new(bytes), |key, cursor| field(&mut event, key, cursor)).is_err();
    event
}

/// Hands over what stands of a faulty record, when it stands for a request at all.
fn salvage<'a>(mut event: Event<'a>, bytes: &'a [u8], each: &mut impl FnMut(Event<'a>)) -> bool {
    let speaks = is_audit(&event) && !event.verb.is_empty();
    if speaks {
        event.bytes = &bytes[event.offset..];
        event.marks.truncated = true;
        each(event);
    }
    speaks
}

fn is_audit(event: &Event<'_>) -> bool {
    !event.audit_id.is_empty() && !event.stage.is_empty()
}

/// Walks the members of the object at the cursor, which each call must step over.
fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(Text<'a>, &mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    cursor.expect(b'{')?;
    if cursor.peek() == Some(b'}') {
        return cursor.expect(b'}');
    }
    loop {
        let key = cursor.string()?;
        cursor.expect(b':')?;
        each(key, cursor)?;
        match cursor.peek() {
            Some(b',') => cursor.expect(b',')?,
            _ => return cursor.expect(b'}'),
        }
    }
}

/// The events of an `EventList`. An item that is not readable ends the list: what follows it has no known start.
fn items<'a>(bytes: &'a [u8], cursor: &mut Cursor<'a>, each: &mut impl FnMut(Event<'a>)) -> Result<(), Fault> {
    cursor.expect(b'[')?;
    if cursor.peek() == Some(b']') {
        return cursor.expect(b']');
    }
    loop {
        cursor.peek();
        let start = cursor.at();
        let mut event = Event { offset: start, ..Event::default() };
        let ended = members(cursor, |key, cursor| field(&mut event, key, cursor));
        event.bytes = &bytes[start..cursor.at()];
        match ended {
            Ok(()) => each(event),
            Err(fault) => {
                salvage(event, bytes, each);
                return Err(fault);
            }
        }
        match cursor.peek() {
            Some(b',') => cursor.expect(b',')?,
            _ => return cursor.expect(b']'),
        }
    }
}

/// Notes the value at the cursor if the key is one we read. Of duplicates the last wins, as in the API server.
#[inline]
fn field<'a>(event: &mut Event<'a>, key: Text<'a>, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
    let value = cursor.value()?;
    let text = || value.text().unwrap_or_default();
    match key.raw() {
        b"apiVersion" => event.api_version = text(),
        b"level" => event.level = text(),
        b"auditID" => event.audit_id = text(),
        b"stage" => event.stage = text(),
        b"requestURI" => event.request_uri = text(),
        b"verb" => event.verb = text(),
        b"user" => event.user = value,
        b"impersonatedUser" => event.impersonated_user = Some(value),
        b"sourceIPs" => event.source_ips = value,
        b"userAgent" => event.user_agent = text(),
        b"objectRef" => event.object_ref = value,
        b"responseStatus" => event.response_status = Some(value),
        b"requestObject" => event.request_object = Some(value),
        b"responseObject" => event.response_object = Some(value),
        b"requestReceivedTimestamp" => event.received = text(),
        b"stageTimestamp" => event.stage_time = text(),
        // The older schema has one time only.
        b"timestamp" if event.stage_time.is_empty() => event.stage_time = text(),
        b"annotations" => event.annotations = value,
        _ => {}
    }
    Ok(())
}
