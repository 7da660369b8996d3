//! One sampling rule: whom it matches, and how many of them are recorded.

use std::fmt;
use std::sync::Arc;

use super::SamplingRequest;
use super::wildcard::Pattern;

/// A sampling rule: patterns that all have to match, then a reservoir and a rate.
///
/// A new rule matches every request and records like the built-in default: [`Rule::DEFAULT_FIXED_TARGET`] a
/// second, then [`Rule::DEFAULT_RATE`] of the rest.
///
/// In patterns `*` stands for any number of characters, `?` for exactly one, letters match in either case, and
/// nothing else is special. A part that the request lacks is matched by `*` alone.
///
/// # Examples
///
/// ```
/// use xray_core::sampling::Rule;
///
/// let rule = Rule::new("checkout")
///     .with_method("POST")
///     .with_path("/api/*/checkout")
///     .with_fixed_target(10)
///     .with_rate(0.5);
/// assert_eq!(
///     rule.to_string(),
///     r#"rule "checkout": http_method "POST", url_path "/api/*/checkout"; fixed_target 10, rate 0.5"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a rule does nothing until it is added with `Rules::with_rule`"]
pub struct Rule {
    name: Arc<str>,
    service: Pattern,
    service_type: Pattern,
    host: Pattern,
    method: Pattern,
    path: Pattern,
    attributes: Vec<(Box<str>, Pattern)>,
    priority: Option<u32>,
    fixed_target: u32,
    rate: f64,
}

impl Rule {
    /// Traces each second that the built-in default rule records first. Source: every official SDK.
    pub const DEFAULT_FIXED_TARGET: u32 = 1;

    /// Share of the other requests that the built-in default rule records. Source: every official SDK.
    pub const DEFAULT_RATE: f64 = 0.05;

    /// A rule that matches every request. The name goes into decisions, and with them into segments.
    pub fn new(name: &str) -> Rule {
        Rule {
            name: name.into(),
            service: Pattern::any(),
            service_type: Pattern::any(),
            host: Pattern::any(),
            method: Pattern::any(),
            path: Pattern::any(),
            attributes: Vec::new(),
            priority: None,
            fixed_target: Rule::DEFAULT_FIXED_TARGET,
            rate: Rule::DEFAULT_RATE,
        }
    }

    /// Matches only segments whose name matches this pattern.
    pub fn with_service(mut self, pattern: &str) -> Rule {
        self.service = Pattern::new(pattern);
        self
    }

    /// Matches only services of this type (`AWS::ECS::Container` and the like).
    pub fn with_service_type(mut self, pattern: &str) -> Rule {
        self.service_type = Pattern::new(pattern);
        self
    }

    /// Matches only requests whose `Host` header, port included, matches this pattern.
    pub fn with_host(mut self, pattern: &str) -> Rule {
        self.host = Pattern::new(pattern);
        self
    }

    /// Matches only requests with this HTTP method.
    pub fn with_method(mut self, pattern: &str) -> Rule {
        self.method = Pattern::new(pattern);
        self
    }

    /// Matches only requests with this path; queries are never part of it.
    pub fn with_path(mut self, pattern: &str) -> Rule {
        self.path = Pattern::new(pattern);
        self
    }

    /// Matches only requests that have this attribute with a value that matches. May be called for several; all
    /// of them have to be there, `*` too asks for the attribute.
    ///
    /// An attribute that is known only at the end of a request (`http.status_code`, `fault` and the like) can
    /// not be matched at its start: [`Rules`](super::Rules) sets such a rule aside.
    pub fn with_attribute(mut self, name: &str, pattern: &str) -> Rule {
        self.attributes.push((name.into(), Pattern::new(pattern)));
        self
    }

    /// Rules are asked in rising order of priority, those without one last.
    pub fn with_priority(mut self, priority: u32) -> Rule {
        self.priority = Some(priority);
        self
    }

    /// Traces recorded each second before the rate decides; 0 for none.
    pub fn with_fixed_target(mut self, fixed_target: u32) -> Rule {
        self.fixed_target = fixed_target;
        self
    }

    /// Share of the other requests that is recorded, 0.0–1.0.
    ///
    /// A rate outside is brought to the nearer end (what is no number to 0.0) when the rule is added to
    /// [`Rules`](super::Rules), with a warning there.
    pub fn with_rate(mut self, rate: f64) -> Rule {
        self.rate = rate;
        self
    }

    /// Name of the rule.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Priority, if it has one.
    pub fn priority(&self) -> Option<u32> {
        self.priority
    }

    /// Traces recorded each second before the rate decides.
    pub fn fixed_target(&self) -> u32 {
        self.fixed_target
    }

    /// Share of the other requests that is recorded.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Whether the request is this rule's. The parts that differ most between rules are asked first.
    pub(super) fn matches(&self, request: &SamplingRequest<'_>) -> bool {
        self.path.matches_part(request.path)
            && self.method.matches_part(request.method)
            && self.host.matches_part(request.host)
            && self.service.matches(request.service)
            && self.service_type.matches_part(request.service_type)
            && self.attributes.iter().all(|(name, pattern)| {
                let mut of_request = request.attributes.iter();
                of_request.any(|(found, value)| *found == &**name && pattern.matches(value))
            })
    }

    /// The first of its attributes that is not known before the response.
    pub(super) fn response_attribute(&self) -> Option<&str> {
        self.attributes.iter().map(|(name, _)| &**name).find(|name| is_of_response(name))
    }

    /// Writes what is asked of a request, and what is recorded: `url_path "/x"; fixed_target 1, rate 0.05`.
    pub(super) fn write_terms(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("service_name", &self.service),
            ("service_type", &self.service_type),
            ("host", &self.host),
            ("http_method", &self.method),
            ("url_path", &self.path),
        ];
        let mut separator = "";
        for (field, pattern) in parts.into_iter().filter(|(_, pattern)| !pattern.is_any()) {
            write!(f, "{separator}{field} {pattern:?}")?;
            separator = ", ";
        }
        for (name, pattern) in &self.attributes {
            write!(f, "{separator}attribute {name:?} {pattern:?}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("any request")?;
        }
        write!(f, "; fixed_target {}, rate {}", self.fixed_target, self.rate)
    }
}

/// Name, priority, the patterns other than `*`, fixed target and rate, on one line.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {:?}", self.name())?;
        if let Some(priority) = self.priority {
            write!(f, " (priority {priority})")?;
        }
        f.write_str(": ")?;
        self.write_terms(f)
    }
}

/// Whether an attribute of this name is set by the response or the end of the work.
///
/// The names are X-Ray's own (filter expressions, segment documents) and OpenTelemetry's semantic conventions.
fn is_of_response(name: &str) -> bool {
    let families = ["http.response", "rpc.response.", "exception."];
    let names = [
        "http.status",
        "http.status_code",
        "rpc.grpc.status_code",
        "rpc.connect_rpc.error_code",
        "grpc.status_code",
        "otel.status_code",
        "otel.status_description",
        "status",
        "status_code",
        "error",
        "error.type",
        "error.message",
        "fault",
        "throttle",
        "exception",
        "duration",
        "response_time",
        "responsetime",
    ];
    let starts_with = |family: &str| name.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family));
    families.iter().any(|family| starts_with(family))
        || names.iter().any(|of_response| name.eq_ignore_ascii_case(of_response))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> SamplingRequest<'static> {
        SamplingRequest::new("orders")
            .with_host("shop.example.com:8080")
            .with_method("GET")
            .with_path("/api/orders/7")
            .with_service_type("AWS::ECS::Container")
            .with_attributes(&[("tenant", "gold-7"), ("region", "eu")])
    }

    #[test]
    fn every_part_of_a_rule_has_to_match() {
        let rule = Rule::new("all parts")
            .with_service("ord*")
            .with_host("*.example.com:*")
            .with_method("get")
            .with_path("/api/*/?")
            .with_service_type("AWS::ECS::*")
            .with_attribute("tenant", "gold-?")
            .with_attribute("region", "*");
        assert!(rule.matches(&request()));
        assert!(!rule.matches(&SamplingRequest { service: "billing", ..request() }));
        assert!(!rule.matches(&request().with_host("example.com")));
        assert!(!rule.matches(&request().with_method("PUT")));
        assert!(!rule.matches(&request().with_path("/api/orders/77")));
        assert!(!rule.matches(&request().with_service_type("AWS::EC2::Instance")));
        assert!(!rule.matches(&request().with_attributes(&[("tenant", "gold-7")])));
        assert!(!rule.matches(&request().with_attributes(&[("tenant", "tin"), ("region", "eu")])));
    }

    #[test]
    fn a_path_rule_matches_although_the_host_is_missing() {
        let rule = Rule::new("path").with_path("/health");
        assert!(rule.matches(&SamplingRequest::new("orders").with_path("/health")));
        assert!(!rule.matches(&SamplingRequest::new("orders")));
    }

    #[test]
    fn a_request_with_nothing_but_a_name_fails_no_rule_by_accident() {
        let bare = SamplingRequest::new("job");
        assert!(Rule::new("any").matches(&bare));
        assert!(Rule::new("any").matches(&SamplingRequest::default()));
        assert!(Rule::new("service").with_service("job").matches(&bare));
        for rule in [
            Rule::new("host").with_host("?*"),
            Rule::new("method").with_method("G*"),
            Rule::new("path").with_path(""),
            Rule::new("type").with_service_type("AWS*"),
            Rule::new("attribute").with_attribute("tenant", "*"),
        ] {
            assert!(!rule.matches(&bare), "{rule}");
        }
    }

    #[test]
    fn attributes_of_the_response_are_told_apart() {
        for name in [
            "http.status_code",
            "HTTP.Response.Status_Code",
            "http.response_content_length",
            "fault",
            "duration",
            "error.type",
        ] {
            assert_eq!(
                Rule::new("").with_attribute("a", "*").with_attribute(name, "*").response_attribute(),
                Some(name)
            );
        }
        for name in ["tenant", "http.route", "http.request.method", "errors", "faulty", "http", "url.path"] {
            assert_eq!(Rule::new("").with_attribute(name, "*").response_attribute(), None, "{name}");
        }
    }
}
