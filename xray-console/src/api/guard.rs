//! Who may call what: a console on a developer's machine is reachable from every web page in that developer's browser.
//!
//! | call | admitted |
//! |---|---|
//! | [intake](Kind::Intake): segments in, sampling rules out | any Host, no token: SDKs can send none, and call sidecars by name; never from a web page of another origin |
//! | [queries](Kind::Query) | from this machine, with a loopback Host (a name that a stranger's DNS points here is none); elsewhere, and by any name, only with the token; never from a web page of another origin |
//!
//! A proxy on this machine speaks for callers anywhere: where a token is set, what says that it was passed on
//! (`X-Forwarded-For`, `Forwarded`, `Via`) is from elsewhere. A proxy that does not say so cannot be told from a program here.
//!
//! Without a token set, there is no elsewhere. A page is of another origin when `Origin` is not this server as the
//! request calls it, or `Sec-Fetch-Site` says so. The token is given as `Authorization: Bearer TOKEN`; or, for
//! clients that sign (boto3, the AWS CLI), as their access key id. Signatures are not checked.
//!
//! Pages are queries with two differences. A browser gives the token as a cookie, which it got for a link that had the
//! token in it; the cookie is `SameSite=Strict`, so no other site's page can make use of it. And a link on a page of
//! another origin may lead to them: who follows it sees the page, the other page does not.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

use super::operation::Kind;
use super::{ApiError, ApiErrorKind};

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Guard {
    /// What admits queries from elsewhere.
    pub(crate) token: Option<String>,
    /// False where queries are not answered at all.
    pub(crate) queries: bool,
    /// Where it listens by TCP.
    #[cfg(feature = "web")]
    pub(crate) port: u16,
}

#[cfg(feature = "web")]
impl Guard {
    /// The name of the cookie that holds the token. Browsers send a host's cookies to all of its ports, so two consoles of
    /// one host go by two names: by the port they are called by, for containers listen at one port behind several; a
    /// proxy may leave that out, and passes on to the port of this one.
    pub(crate) fn cookie(&self, caller: &Caller<'_>) -> String {
        let port = caller.host().and_then(|host| host.port_u16()).unwrap_or(self.port);
        format!("xrc-token-{port}")
    }

    /// Whether this is the token.
    pub(crate) fn knows(&self, shown: &str) -> bool {
        self.token.as_deref().is_some_and(|token| same(shown.as_bytes(), token.as_bytes()))
    }
}

/// What a request tells about who sends it.
pub(crate) struct Caller<'a> {
    pub(crate) peer: IpAddr,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

impl Guard {
    pub(crate) fn admit(&self, kind: Kind, caller: &Caller<'_>) -> Result<(), ApiError> {
        let host = caller.host();
        let here = host.as_ref().is_some_and(|host| is_loopback(host.host()));
        let trusted = self.token.as_deref().is_some_and(|token| caller.shows(token));
        #[cfg(feature = "web")]
        let trusted =
            trusted || self.token.as_deref().is_some_and(|token| caller.has_cookie(&self.cookie(caller), token));
        #[cfg(feature = "web")]
        let follows_link = kind == Kind::Page && caller.navigates();
        #[cfg(not(feature = "web"))]
        let follows_link = false;
        if caller.is_foreign_page(host.as_ref(), here || trusted, follows_link) {
            return Err(denied("a web page of another origin may not call this server"));
        }
        if kind == Kind::Intake {
            return Ok(());
        }
        if !self.queries {
            return Err(denied("queries are switched off: this process passes segments on to AWS X-Ray; ask there"));
        }
        let passed_on = self.token.is_some() && caller.is_passed_on();
        if trusted || (here && !passed_on && caller.peer.to_canonical().is_loopback()) {
            return Ok(());
        }
        Err(denied(match self.token {
            Some(_) => "this query needs the token: as `Authorization: Bearer TOKEN`, or as access key id",
            None => {
                "queries are answered on this machine only, by a loopback name such as localhost; others need a token"
            }
        }))
    }
}

impl Caller<'_> {
    /// Whether a proxy says that it sends this for somebody else.
    fn is_passed_on(&self) -> bool {
        ["x-forwarded-for", "forwarded", "via"].iter().any(|name| self.headers.contains_key(*name))
    }

    /// What the request calls this server: none if it says nothing, or several things.
    fn host(&self) -> Option<Authority> {
        if let Some(authority) = self.uri.authority() {
            return Some(authority.clone());
        }
        let mut hosts = self.headers.get_all(HOST).iter();
        let host = hosts.next()?;
        if hosts.next().is_some() {
            return None;
        }
        host.to_str().ok()?.parse().ok()
    }

    /// Whether a browser is about to show the answer in a window of its own, not in a frame.
    #[cfg(feature = "web")]
    fn navigates(&self) -> bool {
        let is = |name: &str, wanted: &[u8]| self.headers.get(name).is_some_and(|value| value.as_bytes() == wanted);
        is("sec-fetch-mode", b"navigate") && is("sec-fetch-dest", b"document")
    }

    fn is_foreign_page(&self, host: Option<&Authority>, host_is_ours: bool, follows_link: bool) -> bool {
        let site = self.headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") && !follows_link {
            return true;
        }
        // Several origins, or one that is no text, are nobody's own page.
        self.headers.get_all(ORIGIN).iter().any(|origin| {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            !host_is_ours || origin.map(|(_, authority)| authority) != host.map(Authority::as_str)
        })
    }

    /// Whether the request shows this token.
    fn shows(&self, token: &str) -> bool {
        self.headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            let bearer = value.strip_prefix("Bearer ").map(str::trim);
            let key = value.strip_prefix("AWS4-HMAC-SHA256 ").and_then(|fields| {
                let credential = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
                credential.split('/').next()
            });
            bearer.or(key).is_some_and(|shown| same(shown.as_bytes(), token.as_bytes()))
        })
    }
}

#[cfg(feature = "web")]
impl Caller<'_> {
    /// Whether the cookie of this name holds the token, as form data is escaped.
    fn has_cookie(&self, cookie: &str, token: &str) -> bool {
        let token = crate::web::escaped(token);
        let cookies = self.headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == cookie && same(value.as_bytes(), token.as_bytes()))
    }
}

/// In a time that does not tell how much of it is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Whether a name can mean only this machine, whoever resolves it.
fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

fn denied(message: &str) -> ApiError {
    ApiError::new(ApiErrorKind::AccessDeniedException, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    const HERE: &str = "127.0.0.1";
    const ELSEWHERE: &str = "192.0.2.7";

    /// `admitted` or the reason's first words; headers are `name: value`.
    fn ask(guard: &Guard, kind: Kind, peer: &str, headers: &[&str]) -> String {
        let mut map = HeaderMap::new();
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            map.append(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        let caller = Caller { peer: peer.parse().unwrap(), uri: &Uri::from_static("/Traces"), headers: &map };
        match guard.admit(kind, &caller) {
            Ok(()) => "admitted".to_owned(),
            Err(error) => error.message().split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    }

    fn guard(token: Option<&str>, queries: bool) -> Guard {
        Guard {
            token: token.map(str::to_owned),
            queries,
            #[cfg(feature = "web")]
            port: 2000,
        }
    }

    fn closed() -> Guard {
        guard(None, true)
    }

    fn exposed() -> Guard {
        guard(Some(TOKEN), true)
    }

    const FOREIGN: &str = "a web page";
    const ONLY_HERE: &str = "queries are answered";
    const NEEDS_TOKEN: &str = "this query needs";

    #[test]
    fn intake_takes_any_host_and_no_token() {
        for guard in [closed(), exposed(), guard(None, false)] {
            for (peer, host) in [(HERE, "localhost:2000"), (ELSEWHERE, "xray-sidecar:2000"), (ELSEWHERE, "a.example")] {
                assert_eq!(ask(&guard, Kind::Intake, peer, &[&format!("host: {host}")]), "admitted", "{host}");
            }
            assert_eq!(ask(&guard, Kind::Intake, ELSEWHERE, &[]), "admitted", "no host at all");
        }
    }

    #[test]
    fn no_page_of_another_origin_reaches_anything() {
        let cases: [&[&str]; 9] = [
            &["host: localhost:2000", "origin: https://evil.example"],
            &["host: localhost:2000", "origin: null"],
            &["host: localhost:2000", "origin: http://localhost:3000"],
            &["host: localhost:2000", "origin: http://localhost"],
            // A stranger's name that resolves to this machine: origin and host agree.
            &["host: evil.example:2000", "origin: http://evil.example:2000"],
            &["host: localhost:2000", "sec-fetch-site: cross-site"],
            &["host: localhost:2000", "sec-fetch-site: same-site"],
            &["host: localhost:2000", "origin: http://localhost:2000", "origin: http://evil.example"],
            &["origin: http://localhost:2000"],
        ];
        for headers in cases {
            for kind in [Kind::Intake, Kind::Query] {
                for guard in [closed(), exposed()] {
                    let answer = ask(&guard, kind, HERE, headers);
                    assert_eq!(
                        answer.split(' ').take(3).collect::<Vec<_>>().join(" "),
                        FOREIGN,
                        "{headers:?} {kind:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn own_pages_and_programs_are_admitted() {
        let cases: [&[&str]; 7] = [
            &["host: localhost:2000"],
            &["host: 127.0.0.1:2000"],
            &["host: [::1]:2000"],
            &["host: LOCALHOST.:2000"],
            &["host: xray.localhost"],
            &["host: localhost:2000", "origin: http://localhost:2000", "sec-fetch-site: same-origin"],
            &["host: localhost:2000", "sec-fetch-site: none"],
        ];
        for headers in cases {
            for peer in [HERE, "::1", "::ffff:127.0.0.1"] {
                assert_eq!(ask(&closed(), Kind::Query, peer, headers), "admitted", "{headers:?} from {peer}");
            }
        }
    }

    #[test]
    fn queries_want_a_loopback_host_and_a_caller_on_this_machine() {
        for host in ["evil.example:2000", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.1:2000", "0.0.0.0"] {
            assert_eq!(ask(&closed(), Kind::Query, HERE, &[&format!("host: {host}")]), ONLY_HERE, "{host}");
        }
        assert_eq!(ask(&closed(), Kind::Query, HERE, &[]), ONLY_HERE, "no host");
        assert_eq!(
            ask(&closed(), Kind::Query, HERE, &["host: localhost", "host: evil.example"]),
            ONLY_HERE,
            "two hosts"
        );
        assert_eq!(
            ask(&closed(), Kind::Query, ELSEWHERE, &["host: localhost:2000"]),
            ONLY_HERE,
            "a Host can be written by anyone"
        );
    }

    #[test]
    fn from_elsewhere_the_token_admits_and_nothing_else() {
        let bearer = format!("authorization: Bearer {TOKEN}");
        let signed = format!(
            "authorization: AWS4-HMAC-SHA256 Credential={TOKEN}/20260101/local/xray/aws4_request, SignedHeaders=host, Signature=00"
        );
        for header in [&bearer, &signed] {
            assert_eq!(ask(&exposed(), Kind::Query, ELSEWHERE, &["host: build-box:2000", header]), "admitted");
            assert_eq!(
                ask(&closed(), Kind::Query, ELSEWHERE, &["host: build-box:2000", header]),
                ONLY_HERE,
                "no token is set"
            );
        }
        for wrong in [
            "Bearer 0123456789abcdee",
            "Bearer 0123",
            "Bearer ",
            "Basic 0123456789abcdef",
            "AWS4-HMAC-SHA256 Credential=AKIA/x",
        ] {
            let header = format!("authorization: {wrong}");
            assert_eq!(
                ask(&exposed(), Kind::Query, ELSEWHERE, &["host: build-box:2000", &header]),
                NEEDS_TOKEN,
                "{wrong}"
            );
        }
        assert_eq!(ask(&exposed(), Kind::Query, HERE, &["host: localhost:2000"]), "admitted", "here as ever");
        let page = ["host: build-box:2000", "origin: http://build-box:2000", &bearer];
        assert_eq!(ask(&exposed(), Kind::Query, ELSEWHERE, &page), "admitted", "its own page, with the token");
    }

    #[test]
    fn what_a_proxy_here_passes_on_is_from_elsewhere() {
        let bearer = format!("authorization: Bearer {TOKEN}");
        for header in ["x-forwarded-for: 192.0.2.7", "forwarded: for=192.0.2.7", "via: 1.1 proxy"] {
            let headers = ["host: localhost:2000", header];
            assert_eq!(ask(&exposed(), Kind::Query, HERE, &headers), NEEDS_TOKEN, "{header}");
            assert_eq!(ask(&exposed(), Kind::Query, HERE, &[headers[0], header, &bearer]), "admitted", "{header}");
            assert_eq!(ask(&exposed(), Kind::Intake, HERE, &headers), "admitted", "{header}");
        }
    }

    #[cfg(feature = "web")]
    #[test]
    fn pages_are_reached_by_links_and_cookies_but_not_in_frames() {
        let link = |dest: &str| {
            let dest = format!("sec-fetch-dest: {dest}");
            ask(
                &closed(),
                Kind::Page,
                HERE,
                &["host: localhost:2000", "sec-fetch-site: cross-site", "sec-fetch-mode: navigate", &dest],
            )
        };
        assert_eq!((link("document").as_str(), link("iframe").as_str()), ("admitted", FOREIGN));
        let cookie = format!("cookie: a=b; xrc-token-2000={TOKEN}");
        for kind in [Kind::Page, Kind::Query] {
            assert_eq!(ask(&exposed(), kind, ELSEWHERE, &["host: build-box:2000", &cookie]), "admitted");
            assert_eq!(ask(&closed(), kind, ELSEWHERE, &["host: build-box:2000", &cookie]), ONLY_HERE);
            let foreign = ["host: build-box:2000", &cookie, "sec-fetch-site: cross-site"];
            assert_eq!(ask(&exposed(), kind, ELSEWHERE, &foreign), FOREIGN);
        }
        for (host, expected) in
            [("build-box:2001", NEEDS_TOKEN), ("build-box", "admitted"), ("[fd00::1]:2000", "admitted")]
        {
            let headers = [&format!("host: {host}"), cookie.as_str()];
            assert_eq!(ask(&exposed(), Kind::Page, ELSEWHERE, &headers), expected, "{host}");
        }
        let rebound = ["host: evil.example", "sec-fetch-mode: navigate", "sec-fetch-dest: document"];
        assert_eq!(ask(&closed(), Kind::Page, HERE, &rebound), ONLY_HERE);
    }

    #[test]
    fn switched_off_queries_are_off_for_everyone() {
        let guard = guard(Some(TOKEN), false);
        let bearer = format!("authorization: Bearer {TOKEN}");
        assert_eq!(ask(&guard, Kind::Query, HERE, &["host: localhost:2000", &bearer]), "queries are switched");
    }
}
