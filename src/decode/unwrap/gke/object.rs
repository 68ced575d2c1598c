//! What a request was about, and JSON being written.

use serde_json::to_string;

/// A JSON object being written.
pub(super) struct Object(Vec<u8>);

impl Object {
    pub(super) fn new() -> Self {
        Self(vec![b'{'])
    }

    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        // A text is always JSON.
        self.raw(key, to_string(value).unwrap_or_default().as_bytes())
    }

    pub(super) fn raw(&mut self, key: &str, value: &[u8]) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(to_string(key).unwrap_or_default().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// What a request was about: a path, or a resource.
#[derive(Debug, Default)]
pub(super) struct Target<'a> {
    pub(super) verb: &'a str,
    /// Without a resource, the path.
    path: &'a str,
    group: &'a str,
    version: &'a str,
    namespace: &'a str,
    resource: &'a str,
    name: &'a str,
    pub(super) subresource: String,
}

impl<'a> Target<'a> {
    /// From a method such as `io.k8s.core.v1.pods.exec.create`, and what it was called on, such as
    /// `core/v1/namespaces/NAMESPACE/pods/NAME/exec`. A path that is no resource has a method of three words.
    pub(super) fn read(method: &'a str, resource_name: &'a str) -> Self {
        let words: Vec<&str> = method.split('.').collect();
        let verb = words.last().copied().unwrap_or_default();
        let path = Self { verb, path: resource_name, ..Self::default() };
        let parts: Vec<&str> = resource_name.split('/').collect();
        let &[group, version, ref rest @ ..] = parts.as_slice() else { return path };
        // The resource stands behind the version in the method as well, which tells `namespaces/x/status` from
        // `namespaces/x/pods`.
        let Some(at) = words.iter().position(|word| *word == version) else { return path };
        if words.len() < 5 || rest.is_empty() {
            return path;
        }
        let of_namespaces = words.get(at + 1) == Some(&"namespaces");
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !of_namespaces && !rest.is_empty() => (*namespace, rest),
            ["namespaces", name, ..] => (*name, rest),
            rest => ("", rest),
        };
        Self {
            verb,
            path: "",
            group: if group == "core" { "" } else { group },
            version,
            namespace,
            resource: rest.first().copied().unwrap_or_default(),
            name: rest.get(1).copied().unwrap_or_default(),
            subresource: rest.get(2..).unwrap_or_default().join("/"),
        }
    }

    /// The request's path as far as it is known; the query is not.
    pub(super) fn uri(&self, dry_run: bool) -> String {
        let mut uri = if self.resource.is_empty() {
            format!("/{}", self.path.trim_start_matches('/'))
        } else {
            self.resource_path()
        };
        if dry_run {
            uri.push_str("?dryRun=All");
        }
        uri
    }

    fn resource_path(&self) -> String {
        let mut path = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if !self.namespace.is_empty() && self.resource != "namespaces" {
            path.push_str("/namespaces/");
            path.push_str(self.namespace);
        }
        // What is created has its name in the body, not in the path.
        let named = self.verb != "create" || !self.subresource.is_empty();
        let parts = [self.resource, if named { self.name } else { "" }, &self.subresource];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        path
    }

    /// The reference to the object; of a path there is none.
    pub(super) fn reference(&self) -> Option<Vec<u8>> {
        if self.resource.is_empty() {
            return None;
        }
        let mut reference = Object::new();
        let fields = [
            ("resource", self.resource),
            ("namespace", self.namespace),
            ("name", self.name),
            ("apiGroup", self.group),
            ("apiVersion", self.version),
            ("subresource", &self.subresource),
        ];
        for (key, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            reference.text(key, value);
        }
        Some(reference.finish())
    }
}
