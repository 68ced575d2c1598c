//! What a webhook's body says when it is not the alert as it is.
//!
//! The template is an administrator's, what it is filled with is anybody's. In JSON each value is written as JSON, with
//! its quotes, and the whole is read back before it is sent. A name that does not exist is an error, and is found when
//! the template is read, not by the first alert.

use anyhow::{Context as _, anyhow, bail};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::alert::{Alert, Severity};
use crate::event::Timestamp;
use crate::sink::facts::facts;
use crate::sink::text::{cut, shape, visible};
use crate::sink::trial;

/// What the template is called, as there is one.
const NAME: &str = "template";
/// Most steps of one rendering. Beyond it the template is at fault.
const STEPS_MAX: u64 = 1_000_000;
/// Fields of an alert that may be missing, and the fields below them that may.
const OPTIONAL: [(&str, &[&str]); 4] = [
    ("client", &["ip", "zone", "trusted", "scope", "forwarded", "peer", "country", "asn", "as_org", "place_date"]),
    ("actor", &["kind", "name", "groups", "credential", "impersonated", "user_agent"]),
    ("request", &["verb", "action", "resource", "api_group", "namespace", "name", "uri", "outcome", "code", "command"]),
    ("evidence", &["event", "cut", "bytes"]),
];

/// Templates for receivers that many have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A CloudEvent in structured mode.
    Cloudevents,
    /// A Mattermost incoming webhook.
    Mattermost,
    /// Splunk's HTTP event collector.
    Splunk,
}

impl Preset {
    /// The template and its content type.
    pub(super) fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Cloudevents => (include_str!("presets/cloudevents.json.j2"), "application/cloudevents+json"),
            Self::Mattermost => (include_str!("presets/mattermost.json.j2"), "application/json"),
            Self::Splunk => (include_str!("presets/splunk.json.j2"), "application/json"),
        }
    }
}

/// A template that was read and tried.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    is_json: bool,
}

impl Template {
    /// Reads a template and tries it with an alert. The error names the line.
    pub(super) fn new(source: &str, content_type: &str) -> anyhow::Result<Self> {
        let is_json = content_type.contains("json");
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(move |_| if is_json { AutoEscape::Json } else { AutoEscape::None });
        environment.set_fuel(Some(STEPS_MAX));
        environment.add_filter("visible", |text: String| visible(&text).into_owned());
        environment.add_filter("cut", |text: String, most: usize| cut(&text, most));
        environment.add_filter("markdown", |text: String, most: usize| shape(&text, most, push_markdown));
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| explained(&error))?;
        let template = Self { environment, is_json };
        let trial = trial::alert(Severity::High, "test", Timestamp::from_micros(0));
        template.render(&trial).context("try the template with an alert")?;
        Ok(template)
    }

    /// The body for an alert.
    pub(super) fn render(&self, alert: &Alert) -> anyhow::Result<Vec<u8>> {
        let values = values(alert, !self.is_json)?;
        let rendered =
            self.environment.get_template(NAME).and_then(|template| template.render(minijinja::value::Serde(values)));
        let text = rendered.map_err(|error| explained(&error))?;
        if self.is_json
            && let Err(error) = serde_json::from_str::<IgnoredAny>(&text)
        {
            bail!(
                "what the template makes is not JSON ({error}): values come with their quotes, write `{{{{ summary }}}}` without"
            );
        }
        Ok(text.into_bytes())
    }
}

/// What a template may name: the alert's fields, and the facts that chats are shown. What an alert does not have is
/// null, and so is everything below it.
fn values(alert: &Alert, is_shown: bool) -> anyhow::Result<Value> {
    let mut values = serde_json::to_value(alert)?;
    for (field, below) in OPTIONAL {
        let value = values[field].take();
        let mut filled: Map<String, Value> = below.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        if let Value::Object(set) = value {
            filled.extend(set);
        }
        values[field] = Value::Object(filled);
    }
    let facts = facts(alert).into_iter().map(|(name, value)| serde_json::json!({"name": name, "value": value}));
    values["facts"] = facts.collect();
    values["key"] = alert.key().into();
    if is_shown {
        show(&mut values);
    }
    Ok(values)
}

/// Makes every text visible, on one line. How deep it goes is bounded by what evidence is: masked JSON.
fn show(value: &mut Value) {
    match value {
        Value::String(text) => *text = visible(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(show),
        Value::Object(items) => items.values_mut().for_each(show),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Markdown takes a backslash before any sign of ASCII for an escape; an at sign becomes one that mentions nobody.
fn push_markdown(character: char, out: &mut String) {
    match character {
        '@' => out.push('＠'),
        sign if sign.is_ascii_punctuation() && !matches!(sign, '.' | ',') => out.extend(['\\', sign]),
        other => out.push(other),
    }
}

fn explained(error: &minijinja::Error) -> anyhow::Error {
    let line = error.line().map_or(String::new(), |line| format!("line {line}: "));
    let detail = error.detail().map_or(String::new(), |detail| format!(": {detail}"));
    anyhow!("{line}{}{detail}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;

    fn render(source: &str, alert: &Alert) -> String {
        String::from_utf8(Template::new(source, "application/json").unwrap().render(alert).unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_json_whatever_it_holds() {
        let mut alert = sample::alert("a", 1);
        alert.summary = "\"},{{ id }}\n\u{1b}".to_owned();
        let text = render(r#"{"a": {{ summary }}, "b": {{ count }}, "c": {{ client.asn }}}"#, &alert);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, serde_json::json!({"a": alert.summary, "b": 1, "c": 64500}));
    }

    #[test]
    fn what_an_alert_does_not_have_is_null() {
        let bare = Alert { client: None, actor: None, request: None, evidence: None, ..sample::alert("a", 1) };
        assert_eq!(render("[{{ client.country }}, {{ actor.name }}]", &bare), "[null, null]");
    }

    #[test]
    fn a_mistake_is_found_when_the_template_is_read_and_has_a_line() {
        for (source, expected) in [
            ("{\n\"a\": {{ sumary }}}", "line 2"),
            ("{\n\n\"a\": {{ client.adress }}}", "line 3"),
            ("{\n{% if %}", "line 2"),
            ("{\n\"a\": {{ summary | shout }}}", "line 2"),
            ("{\"a\": \"{{ summary }}\"}", "come with their quotes"),
            ("{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}", "fuel"),
        ] {
            let error = format!("{:#}", Template::new(source, "application/json").unwrap_err());
            assert!(error.contains(expected), "{source}: {error}");
        }
    }

    #[test]
    fn plain_text_is_on_one_line_and_visible() {
        let mut alert = sample::alert("a", 1);
        alert.summary = "a\nb\u{202e}".to_owned();
        let text = Template::new("{{ severity }}: {{ summary }}", "text/plain").unwrap().render(&alert).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "high: a\\nb\\u{202e}");
    }

    #[test]
    fn presets_are_templates_that_work() {
        let mut hostile = sample::alert("a", 1);
        hostile.summary = "@all [x](https://evil.example)\n# y".to_owned();
        for preset in [Preset::Cloudevents, Preset::Mattermost, Preset::Splunk] {
            let (source, content_type) = preset.template();
            let body = Template::new(source, content_type).unwrap().render(&hostile).unwrap();
            let value: Value = serde_json::from_slice(&body).unwrap();
            if preset == Preset::Mattermost {
                let text = value["text"].as_str().unwrap();
                assert!(!text.contains('@') && text.contains("\\[x\\]\\(https\\:"), "{text}");
            }
        }
    }
}
