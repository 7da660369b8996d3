//! The client of AWS X-Ray: one try a call, for the relay tries again by itself.

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_xray::Client;
use aws_sdk_xray::config::Region;
use aws_sdk_xray::config::SharedHttpClient;
use aws_sdk_xray::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};

use super::RelayConfig;

/// The official daemon's own.
const SESSION: &str = "xray-daemon";

/// A client of HTTP and HTTPS, by this proxy.
pub(super) fn http(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.proxy_config(proxy.clone()).tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// The proxy of the settings, for HTTPS; what is wrong with it.
pub(super) fn proxy(config: &RelayConfig) -> Result<ProxyConfig, String> {
    let Some(url) = &config.proxy else { return Ok(ProxyConfig::disabled()) };
    let proxy = ProxyConfig::https(url.as_str()).map_err(|error| error.to_string())?;
    Ok(match &config.no_proxy {
        Some(hosts) => proxy.no_proxy(hosts),
        None => proxy,
    })
}

pub(super) async fn client(config: &RelayConfig, region: String, proxy: ProxyConfig) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(config.pace.answer).build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http(proxy))
        .region(Region::new(region))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let loader = match &config.profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    };
    #[cfg(test)]
    let loader = match &config.credentials {
        Some(credentials) => loader.credentials_provider(credentials.clone()),
        None => loader,
    };
    let sdk = loader.load().await;
    let mut own = aws_sdk_xray::config::Builder::from(&sdk);
    if let Some(url) = &config.endpoint {
        own = own.endpoint_url(url);
    }
    if let Some(role) = &config.role_arn {
        let role = AssumeRoleProvider::builder(role).session_name(SESSION).configure(&sdk).build().await;
        own = own.credentials_provider(role);
    }
    Client::from_conf(own.build())
}

/// Why a call failed, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The same call may go well later.
    Later(Reason),
    /// It will not: what was sent is not as AWS wants it.
    Refused {
        /// The exception.
        code: String,
        /// What it says.
        message: String,
    },
}

/// Kinds of failures, as telemetry has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Timeout,
    Connection,
    Client,
    Server,
    Other,
}

/// A refusal is certain only where AWS said so in words: 400 and 413 by an exception that is none of the passing ones
/// (throttled, signature or credentials out of date).
pub(super) fn failure<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Failure {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    match (error, status) {
        (SdkError::TimeoutError(_), _) => Failure::Later(Reason::Timeout),
        (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => Failure::Later(Reason::Timeout),
        (SdkError::DispatchFailure(failure), _) if failure.is_io() => Failure::Later(Reason::Connection),
        (SdkError::ServiceError(_), Some(400)) if code == "InvalidRequestException" => refused(error),
        (SdkError::ServiceError(_), Some(413)) => refused(error),
        (_, Some(400..=499)) => Failure::Later(Reason::Client),
        (_, Some(500..=599)) => Failure::Later(Reason::Server),
        _ => Failure::Later(Reason::Other),
    }
}

fn refused<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Failure {
    Failure::Refused {
        code: error.code().unwrap_or("InvalidRequestException").to_owned(),
        message: error.message().unwrap_or_default().to_owned(),
    }
}
