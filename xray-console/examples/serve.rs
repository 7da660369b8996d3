//! A console for another process: prints its address, and runs until its input ends.
//!
//! ```text
//! cargo run -p xray-console --no-default-features --example serve
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{Read, Write};

use xray_console::Console;

fn main() -> Result<(), Box<dyn Error>> {
    let console = Console::start()?;
    println!("{}", console.address());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // What went wrong is for whoever looks after the other process.
    for trouble in console.intake().troubles() {
        eprintln!("{} from {}: {}", trouble.code, trouble.sender, trouble.message);
    }
    Ok(())
}
