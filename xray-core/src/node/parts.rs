//! The values that nodes take.

use super::tree::flag;

/// How far an incoming trace header is believed.
///
/// Anyone on the internet can send `Sampled=1`: a service that is reachable from there and pays for its traces
/// wants [`Trust::JoinOnly`] or [`Trust::None`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Its trace is joined and its decision obeyed.
    #[default]
    Full,
    /// Its trace is joined; the decision is our rules'.
    JoinOnly,
    /// It is ignored: a new trace and our own decision.
    None,
}

/// What kind of call a subsegment is: written as `namespace`, and what makes it a node of the service map.
///
/// Given to [`SubsegmentBuilder::namespace`](crate::SubsegmentBuilder::namespace).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Namespace {
    /// A call to an AWS service: `aws`.
    Aws,
    /// A call to anything else outside the process: `remote`.
    Remote,
}

/// What went wrong, as X-Ray counts it; for [`Node::mark`](crate::Node::mark). All three may be set together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The caller's mistake (4xx).
    pub error: bool,
    /// Told to slow down (429); set `error` too.
    pub throttle: bool,
    /// Our failure (5xx).
    pub fault: bool,
}

impl Flags {
    /// The flags of an HTTP status: 4xx error, 429 error and throttle, 5xx fault, others none.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::Flags;
    ///
    /// assert_eq!(Flags::of_status(404), Flags { error: true, ..Flags::default() });
    /// assert_eq!(Flags::of_status(429), Flags { error: true, throttle: true, ..Flags::default() });
    /// assert_eq!(Flags::of_status(503), Flags { fault: true, ..Flags::default() });
    /// assert_eq!(Flags::of_status(302), Flags::default());
    /// ```
    pub fn of_status(status: u16) -> Flags {
        Flags { error: status / 100 == 4, throttle: status == 429, fault: status / 100 == 5 }
    }

    /// The flags of a node.
    pub(crate) fn bits(self) -> u16 {
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        bit(self.error, flag::ERROR) | bit(self.throttle, flag::THROTTLE) | bit(self.fault, flag::FAULT)
    }
}

/// The request side of the `http` block, for [`Node::set_http_request`](crate::Node::set_http_request). What is absent is not
/// written.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpRequestParts<'a> {
    /// `GET`, `POST`, …
    pub method: Option<&'a str>,
    /// The URL; query, fragment and userinfo are removed, and 250 bytes kept.
    pub url: Option<&'a str>,
    /// The `User-Agent` header; 250 bytes kept.
    pub user_agent: Option<&'a str>,
    /// The client's address.
    pub client_ip: Option<&'a str>,
    /// `client_ip` came from `X-Forwarded-For`. For segments; written when true.
    pub x_forwarded_for: bool,
    /// The service called is traced too. For subsegments; written when true.
    pub traced: bool,
}

/// A URL in parts, for who has them apart: it is then put together where it is written. For
/// [`Opening::http_request_to`](crate::Opening::http_request_to).
#[derive(Clone, Copy, Debug, Default)]
pub struct UrlParts<'a> {
    /// `https`.
    pub scheme: &'a str,
    /// Host and port; user name and password are removed.
    pub authority: &'a str,
    /// The path with its leading slash, or nothing; query and fragment are removed.
    pub path: &'a str,
}

/// One exception of a cause, for [`Node::record_exception`](crate::Node::record_exception).
#[derive(Clone, Copy, Debug, Default)]
pub struct ExceptionParts<'a> {
    /// The type's name; `error` where there is none.
    pub kind: &'a str,
    /// What it says; 512 bytes kept.
    pub message: &'a str,
    /// It came from the other side of a call.
    pub remote: bool,
}

/// An annotation's value, as [`Node::annotate`](crate::Node::annotate) takes it: text (1,000 bytes kept), a number or a boolean.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnnotationValue<'a> {
    /// Text.
    Str(&'a str),
    /// A signed whole number.
    I64(i64),
    /// An unsigned whole number.
    U64(u64),
    /// A fractional number; what JSON has no number for becomes text.
    F64(f64),
    /// True or false.
    Bool(bool),
}

macro_rules! annotation_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for AnnotationValue<'_> {
            fn from(value: $from) -> Self {
                AnnotationValue::$variant(value.into())
            }
        }
    )*};
}

annotation_from! {
    i8 => I64, i16 => I64, i32 => I64, i64 => I64,
    u8 => U64, u16 => U64, u32 => U64, u64 => U64,
    f32 => F64, f64 => F64, bool => Bool,
}

impl From<usize> for AnnotationValue<'_> {
    fn from(value: usize) -> Self {
        AnnotationValue::U64(value as u64)
    }
}

impl From<isize> for AnnotationValue<'_> {
    fn from(value: isize) -> Self {
        AnnotationValue::I64(value as i64)
    }
}

impl<'a> From<&'a str> for AnnotationValue<'a> {
    fn from(value: &'a str) -> Self {
        AnnotationValue::Str(value)
    }
}

impl<'a> From<&'a String> for AnnotationValue<'a> {
    fn from(value: &'a String) -> Self {
        AnnotationValue::Str(value)
    }
}
