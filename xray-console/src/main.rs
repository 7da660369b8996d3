//! `xrc`: X-Ray on your own machine.
#![forbid(unsafe_code)]

fn main() {
    println!("xrc {}", env!("CARGO_PKG_VERSION"));
}
