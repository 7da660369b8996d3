//! One sampling rule: whom it matches, and how many of them are recorded.

use std::fmt;
use std::sync::Arc;

use super::response::ResponseAttribute;
use super::wildcard::Pattern;
use super::{SamplingRequest, SegmentEnd};

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
    /// Those of them that only the end of a request knows.
    response: Vec<ResponseAttribute>,
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
            response: Vec::new(),
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
    /// An attribute that is known only at the end of a request (`http.status_code`, `fault`, `error`, `throttle`,
    /// `duration`) makes the rule one on the response: it is skipped when a request begins and decides when it has
    /// ended. See [`Rules`](super::Rules#rules-on-the-response).
    pub fn with_attribute(mut self, name: &str, pattern: &str) -> Rule {
        match ResponseAttribute::new(name, pattern) {
            Some(attribute) => self.response.push(attribute),
            None => self.attributes.push((name.into(), Pattern::new(pattern))),
        }
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

    /// True for a rule on the response, which decides when a request has ended.
    pub fn is_late(&self) -> bool {
        !self.response.is_empty()
    }

    /// Pattern for the segment's name.
    pub fn service(&self) -> &str {
        self.service.as_str()
    }

    /// Pattern for what the service runs on.
    pub fn service_type(&self) -> &str {
        self.service_type.as_str()
    }

    /// Pattern for the `Host` header.
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    /// Pattern for the HTTP method.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Pattern for the path.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Names of attributes, and the pattern for each.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, pattern)| (&**name, pattern.as_str()))
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Whether the request is this rule's. Never where the rule is one on the response.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::sampling::{Rule, SamplingRequest};
    ///
    /// let writes = Rule::new("writes").with_method("P*");
    /// assert!(writes.matches(&SamplingRequest::new("orders").with_method("POST")));
    /// assert!(!writes.matches(&SamplingRequest::new("orders").with_method("GET")));
    /// ```
    pub fn matches(&self, request: &SamplingRequest<'_>) -> bool {
        !self.is_late() && self.matches_start(request)
    }

    /// Whether the beginning of a request is what the rule asks for. The parts that differ most between rules are asked
    /// first.
    pub(super) fn matches_start(&self, request: &SamplingRequest<'_>) -> bool {
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

    /// Whether the end of a request is what this rule on the response asks for.
    pub(super) fn matches_end(&self, end: &SegmentEnd<'_>) -> bool {
        self.response.iter().all(|attribute| attribute.matches(end))
    }

    /// The first attribute of the response that can never match.
    pub(super) fn never_met(&self) -> Option<NeverMet<'_>> {
        self.response.iter().find_map(|attribute| {
            let expected = attribute.expected()?;
            let is_known = attribute.is_known();
            Some(NeverMet { name: &attribute.name, pattern: &attribute.pattern, expected, is_known })
        })
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
        let of_request = self.attributes.iter().map(|(name, pattern)| (name, pattern));
        let of_response = self.response.iter().map(|attribute| (&attribute.name, &attribute.pattern));
        for (name, pattern) in of_request.chain(of_response) {
            write!(f, "{separator}attribute {name:?} {pattern:?}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("any request")?;
        }
        write!(f, "; fixed_target {}, rate {}", self.fixed_target, self.rate)
    }
}

/// An attribute of the response whose pattern can never match, and what would be understood.
pub(super) struct NeverMet<'a> {
    pub(super) name: &'a str,
    pub(super) pattern: &'a Pattern,
    pub(super) expected: &'static str,
    /// It is one that can be asked for, by another pattern.
    pub(super) is_known: bool,
}

/// Name, priority, the patterns other than `*`, fixed target and rate, on one line.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {:?}", self.name())?;
        match (self.priority, self.is_late()) {
            (Some(priority), true) => write!(f, " (priority {priority}, at the end)")?,
            (Some(priority), false) => write!(f, " (priority {priority})")?,
            (None, true) => f.write_str(" (at the end)")?,
            (None, false) => {}
        }
        f.write_str(": ")?;
        self.write_terms(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
    fn a_rule_on_the_response_asks_the_end_and_what_is_known_at_the_start() {
        let rule = Rule::new("slow errors of gold")
            .with_attribute("tenant", "gold*")
            .with_attribute("http.status_code", "5*")
            .with_attribute("duration", ">1");
        assert!(rule.is_late() && rule.matches_start(&request()));
        assert!(!rule.matches(&request()), "nothing is decided at the start");
        assert!(!rule.matches_start(&request().with_attributes(&[])));
        let end = |seconds, status| SegmentEnd::new("orders", Duration::from_secs(seconds)).with_status(status);
        assert!(rule.matches_end(&end(2, 500)));
        assert!(!rule.matches_end(&end(2, 404)) && !rule.matches_end(&end(1, 500)));
        assert!(!Rule::new("any").is_late());
    }
}
