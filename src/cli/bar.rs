//! Progress bars: on a terminal only, on stderr.

use indicatif::{ProgressBar, ProgressStyle};

/// Moves a bar: so many are done, of so many.
pub(crate) fn steps(bar: &ProgressBar) -> impl Fn(usize, usize) + Sync + '_ {
    |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    }
}

/// A bar over things called `what`; draws nothing when stderr is no terminal.
pub(crate) fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

/// A bar over bytes; draws nothing when stderr is no terminal.
pub(crate) fn bytes() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style)
}
