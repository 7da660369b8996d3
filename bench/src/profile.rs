//! What callgrind counted beneath a function.
//!
//! A profile names functions `(12) name` once and `(12)` from then on. A line `cfn=` says who is called next, `calls=`
//! how often, and the line after that what the calls cost, all they called included. Source: Valgrind's manual,
//! "Callgrind Format Specification".

use std::collections::HashMap;

/// Instructions and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beneath {
    pub instructions: u64,
    pub calls: u64,
}

/// The calls of every function that `is_meant` by one that is not.
pub fn beneath(profile: &str, is_meant: impl Fn(&str) -> bool) -> Beneath {
    let mut names: HashMap<&str, bool> = HashMap::new();
    let (mut within, mut called, mut counts, mut sum) = (false, false, false, Beneath::default());
    for line in profile.lines() {
        let (caller, callee) = (line.strip_prefix("fn="), line.strip_prefix("cfn="));
        if let Some(function) = caller.or(callee) {
            let (number, full) = function.split_once(' ').unwrap_or((function, ""));
            if !full.is_empty() {
                names.insert(number, is_meant(full));
            }
            let named = names.get(number).copied().unwrap_or(false);
            if caller.is_some() {
                within = named;
            } else {
                called = named && !within;
            }
        } else if let Some(calls) = line.strip_prefix("calls=") {
            counts = called;
            if counts {
                let calls = calls.split_whitespace().next().and_then(|calls| calls.parse().ok());
                sum.calls += calls.unwrap_or(0_u64);
            }
        } else if counts {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok());
            sum.instructions += cost.unwrap_or(0_u64);
            counts = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_summed_over_callers_and_nothing_else_is() {
        let profile = "events: Ir\n\nfl=(1) a.rs\nfn=(1) main\n16 400\ncfn=(2) guard::counted_close::h12\ncalls=3 50\n\
                       +1 600\ncfn=(3) other\ncalls=1 9\n* 70\n18 2\n\nfn=(2)\n50 300\ncfn=(4) guard::counted_close::part\ncalls=3 60\n51 90\n\nfn=(3)\n9 7\ncfn=(2)\ncalls=1 50\n\
                       10 150\n";
        let of = |name: &'static str| beneath(profile, |function| function.contains(name));
        assert_eq!(of("counted_close"), Beneath { instructions: 750, calls: 4 });
        assert_eq!(of("counted_open"), Beneath::default());
    }
}
