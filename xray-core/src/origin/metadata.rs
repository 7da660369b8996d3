//! Plain HTTP to the metadata services of EC2 and ECS.
//!
//! Both are on the machine or its link: an answer takes milliseconds. No redirect is followed, no proxy used, and no
//! more than [`ANSWER_BYTES`] read.

use std::time::Duration;

use serde_json::Value;

/// Asks, and reads what comes as JSON; none if it is not, comes too late or says anything but 200.
pub(super) fn json(url: &str, headers: &[(&str, &str)]) -> Option<Value> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    serde_json::from_slice(&read(request.call().ok()?)?).ok()
}

/// A short text in answer to a PUT without a body.
pub(super) fn put(url: &str, header: (&str, &str)) -> Option<String> {
    let response = agent().put(url).header(header.0, header.1).send_empty().ok()?;
    let text = String::from_utf8(read(response)?).ok()?;
    // It goes into a header of the next request.
    (text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Option<Vec<u8>> {
    if response.status() != 200 {
        return None;
    }
    response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec().ok()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(WHOLE))
        .build()
        .into()
}

/// As the X-Ray SDK for Java waits; a machine without the service mostly refuses at once.
const CONNECT: Duration = Duration::from_millis(500);
/// One request with its answer.
const WHOLE: Duration = Duration::from_secs(1);
/// The largest answer in use is some 5 kB.
const ANSWER_BYTES: u64 = 64 * 1024;
