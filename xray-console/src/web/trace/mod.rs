//! `/t/ID`: one trace along time.

use http::StatusCode;
use maud::html;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::shown;
use super::shown::quoted;
use crate::text::{self, ShowOptions, Style};

pub(super) fn show(asked: &Asked) -> Answer {
    let Some(trace) = asked.store().trace(&asked.rest) else {
        let body = html! { h1 { "No such trace" } p { code { (shown(&asked.rest)) } } };
        let frame = Frame { title: "No such trace", ..Frame::new(Section::Traces) };
        return asked.page(&frame, body).with_status(StatusCode::NOT_FOUND);
    };
    let command = format!("xrc show {}", quoted(&trace.id));
    let body = html! { pre { (text::show(&trace, &ShowOptions::default(), Style::new(120))) } };
    asked.page(&Frame { title: &trace.id, command: &command, ..Frame::new(Section::Traces) }, body)
}
