//! `POST /demo`: traces of the sample shop, for who has none of their own yet.

use http::StatusCode;

use super::answer::Answer;
use super::asked::Asked;
use crate::demo::shop;
use crate::intake::Sender;

/// Where the button leads.
pub(super) const PATH: &str = "/demo";

/// Requests of the shop: enough for each kind of failure.
const REQUESTS: u32 = 100;
/// Seconds between two of them.
const BETWEEN: f64 = 0.5;

/// Puts them in, as if they had come within the last minute, and shows the list.
pub(super) fn send(asked: &Asked) -> Answer {
    if !asked.pages.sends_demo() {
        let why = "this console passes segments on to AWS X-Ray; demo traces would go there, too";
        return Answer::text(why.to_owned()).with_status(StatusCode::FORBIDDEN);
    }
    let now = asked.now();
    for request in 0..REQUESTS {
        let start = now - BETWEEN * f64::from(REQUESTS - request);
        // The shop's documents are taken, and if not, Diagnostics says why.
        let _ = asked.api().intake().put_segments(&shop(u64::from(request), start), Sender::Local("demo"));
    }
    Answer::redirect("/traces")
}
