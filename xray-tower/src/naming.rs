//! What a served request's segment is called.
//!
//! X-Ray draws one node of the service map per name, so a name is a service, not a route. Behind one
//! process serving several sites the `Host` header can tell them apart; only hosts that match a
//! pattern become names, for anybody can send any `Host`.

use std::borrow::Cow;

use xray_core::sampling::Pattern;

use crate::head;

/// How segments are named. The default is the service name the X-Ray layer was made with.
///
/// # Examples
///
/// ```
/// use xray_tower::Naming;
///
/// xray_tower::server().name("orders");                        // this name, always
/// xray_tower::server().name(Naming::host("*.example.com"));   // shop.example.com, blog.example.com
/// ```
#[derive(Clone, Debug, Default)]
pub struct Naming(Rule);

#[derive(Clone, Debug, Default)]
enum Rule {
    #[default]
    Service,
    Fixed(String),
    Host(Pattern),
}

impl Naming {
    /// The service name given to `init` or to the X-Ray layer, or `AWS_XRAY_TRACING_NAME`.
    pub fn service() -> Naming {
        Naming(Rule::Service)
    }

    /// Always `name`. X-Ray takes at most 200 characters: letters, digits, space and
    /// `_ . : / % & # = + \ - @`; others are removed when it is sent.
    pub fn fixed(name: impl Into<String>) -> Naming {
        Naming(Rule::Fixed(name.into()))
    }

    /// The request's host, in lower case and without port, where `pattern` matches it; else the
    /// service name. `*` stands for any text, `?` for one character; case does not count.
    pub fn host(pattern: &str) -> Naming {
        Naming(Rule::Host(Pattern::new(pattern)))
    }

    /// The name for a request to `authority`; `None` means the service name.
    pub(crate) fn name<'a>(&'a self, authority: Option<&'a str>) -> Option<Cow<'a, str>> {
        match &self.0 {
            Rule::Service => None,
            Rule::Fixed(name) => Some(Cow::Borrowed(name)),
            Rule::Host(pattern) => {
                let host = authority.map(head::host);
                host.filter(|host| !host.is_empty() && pattern.matches(host)).map(lower_case)
            }
        }
    }
}

impl From<&str> for Naming {
    fn from(name: &str) -> Naming {
        Naming::fixed(name)
    }
}

impl From<String> for Naming {
    fn from(name: String) -> Naming {
        Naming::fixed(name)
    }
}

/// Host names do not know case, X-Ray's names do: one site must not become two nodes of the map.
fn lower_case(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matching_host_is_the_name_and_another_is_not() {
        let naming = Naming::host("*.example.com");
        assert_eq!(naming.name(Some("shop.example.com")).as_deref(), Some("shop.example.com"));
        assert_eq!(naming.name(Some("Shop.Example.COM:8080")).as_deref(), Some("shop.example.com"));
        assert_eq!(naming.name(Some("example.org")), None);
        assert_eq!(naming.name(None), None);
    }

    #[test]
    fn any_pattern_refuses_an_empty_host() {
        assert_eq!(Naming::host("*").name(Some("")), None);
        assert_eq!(Naming::host("*").name(Some(":80")), None);
        assert_eq!(Naming::host("*").name(Some("10.0.0.1")).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn a_fixed_name_does_not_look_at_the_host() {
        assert_eq!(Naming::from("orders").name(Some("shop.example.com")).as_deref(), Some("orders"));
        assert_eq!(Naming::service().name(Some("shop.example.com")), None);
    }
}
