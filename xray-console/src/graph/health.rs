//! The colour of a node: how often requests to it succeed.

/// How a node or edge fares, by its share of requests without error or fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// No completed request.
    Idle,
    /// More than 99 in 100 succeed.
    Green,
    /// 95 to 99 in 100 succeed, both included.
    Yellow,
    /// Fewer than 95 in 100 succeed.
    Red,
}

impl Health {
    /// Of so many requests that succeeded, out of so many.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::graph::Health;
    ///
    /// assert_eq!(Health::of(991, 1000), Health::Green);
    /// assert_eq!(Health::of(99, 100), Health::Yellow);
    /// assert_eq!(Health::of(95, 100), Health::Yellow);
    /// assert_eq!(Health::of(949, 1000), Health::Red);
    /// assert_eq!(Health::of(0, 0), Health::Idle);
    /// ```
    pub fn of(ok: u64, total: u64) -> Health {
        // Whole numbers, so that exactly 99 % is not a matter of rounding.
        let (share, all) = (u128::from(ok) * 100, u128::from(total));
        match () {
            () if total == 0 => Health::Idle,
            () if share > all * 99 => Health::Green,
            () if share >= all * 95 => Health::Yellow,
            () => Health::Red,
        }
    }
}
