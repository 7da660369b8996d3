//! What X-Ray's API answers instead of an answer.

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Why an operation was refused: one of the exceptions of X-Ray's model, with a message that says what to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ApiError {
    kind: ApiErrorKind,
    message: String,
    resource: Option<String>,
}

/// The exceptions of X-Ray's model, and those that stand before any of its operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// The request is not as the model wants it: 400.
    InvalidRequestException,
    /// Too much at once: 429.
    ThrottledException,
    /// What is asked for is not there: 404.
    ResourceNotFoundException,
    /// More sampling rules than an account may have: 400.
    RuleLimitExceededException,
    /// More tags than a resource may have: 400.
    TooManyTagsException,
    /// A resource policy that is no JSON: 400.
    MalformedPolicyDocumentException,
    /// A resource policy that would lock out who puts it: 400.
    LockoutPreventionException,
    /// A resource policy has another revision than the request says: 400.
    InvalidPolicyRevisionIdException,
    /// A resource policy that is too large: 400.
    PolicySizeLimitExceededException,
    /// More resource policies than an account may have: 400.
    PolicyCountLimitExceededException,
    /// No such operation: 404.
    UnknownOperationException,
    /// Not from there, or not without the token: 403.
    AccessDeniedException,
    /// A body longer than is read: 413.
    RequestEntityTooLargeException,
    /// The request did not arrive in time: 408.
    RequestTimeoutException,
    /// AWS X-Ray could not be asked: 503.
    ServiceUnavailableException,
    /// A mistake of ours: 500.
    InternalFailure,
}

impl ApiErrorKind {
    pub(crate) fn status(self) -> StatusCode {
        use ApiErrorKind as K;
        match self {
            K::ThrottledException => StatusCode::TOO_MANY_REQUESTS,
            K::ResourceNotFoundException | K::UnknownOperationException => StatusCode::NOT_FOUND,
            K::AccessDeniedException => StatusCode::FORBIDDEN,
            K::RequestEntityTooLargeException => StatusCode::PAYLOAD_TOO_LARGE,
            K::RequestTimeoutException => StatusCode::REQUEST_TIMEOUT,
            K::ServiceUnavailableException => StatusCode::SERVICE_UNAVAILABLE,
            K::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The name as it stands in `x-amzn-ErrorType`.
impl fmt::Display for ApiErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl ApiError {
    pub(crate) fn new(kind: ApiErrorKind, message: impl Into<String>) -> ApiError {
        ApiError { kind, message: message.into(), resource: None }
    }

    /// The request is not as the model wants it.
    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(ApiErrorKind::InvalidRequestException, message)
    }

    /// There is no such resource.
    pub(crate) fn not_found(message: impl Into<String>, resource: &str) -> ApiError {
        ApiError::new(ApiErrorKind::ResourceNotFoundException, message).of(resource)
    }

    /// With the resource it speaks of, where the model has a member for it.
    pub(crate) fn of(self, resource: &str) -> ApiError {
        ApiError { resource: Some(resource.to_owned()), ..self }
    }

    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(ApiErrorKind::InternalFailure, message)
    }

    /// Which of the exceptions.
    #[must_use]
    pub fn kind(&self) -> ApiErrorKind {
        self.kind
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body of the answer: `Message`, and `ResourceName` where the model has it.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = serde_json::json!({ "Message": self.message });
        if let (Some(resource), Some(object)) = (&self.resource, body.as_object_mut()) {
            object.insert("ResourceName".to_owned(), resource.as_str().into());
        }
        body.to_string().into_bytes()
    }
}
