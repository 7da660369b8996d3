//! `/map`: the service map.

use maud::html;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};

pub(super) fn show(asked: &Asked) -> Answer {
    let command = format!("xrc map{}", asked.query.span(asked.now()).option(asked.now()));
    asked.page(&Frame { command: &command, ..Frame::new(Section::Map) }, html! { h1 { "Map" } })
}
