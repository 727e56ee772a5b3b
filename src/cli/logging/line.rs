//! Names the request on each log line that is written for one.

use std::borrow::Cow;
use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::current_request;

/// The lines of another format, with `request_id` as their last field.
#[derive(Debug)]
pub struct WithRequestId<F> {
    format: F,
    /// What a line ends with.
    end: &'static str,
    /// What goes before and after the id instead.
    field: (&'static str, &'static str),
}

impl<F> WithRequestId<F> {
    /// Around a format whose lines are JSON objects.
    pub fn json(format: F) -> Self {
        Self { format, end: "}\n", field: (",\"request_id\":\"", "\"}\n") }
    }

    /// Around a format whose lines are for people.
    pub fn human(format: F) -> Self {
        Self { format, end: "\n", field: (" request_id=\"", "\"\n") }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.format.format_event(ctx, Writer::new(&mut line), event)?;
        let line = line.strip_suffix(self.end).unwrap_or(&line);
        // An error may quote a message of several lines. In JSON there are no line ends but that of the line.
        let line = if line.contains(['\n', '\r']) {
            Cow::Owned(line.replace('\n', "\\n").replace('\r', "\\r"))
        } else {
            Cow::Borrowed(line)
        };
        // An id is plain ASCII, so that nothing in it needs escaping.
        let (before, after) = self.field;
        let named = current_request::with_id(|id| write!(writer, "{line}{before}{id}{after}"));
        named.unwrap_or_else(|| write!(writer, "{line}{}", self.end))
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::format::{self, JsonFields};
    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::*;
    use crate::log_text::LogText;

    fn log() {
        tracing::info!(field = "{", "a message that ends with }}");
    }

    /// The lines of two events, of which the second is of a request.
    fn lines(subscriber: impl Subscriber + Send + Sync + 'static, written: &LogText) -> Vec<String> {
        with_default(subscriber, || {
            log();
            current_request::sync_scope("a-1_b.c".into(), log);
        });
        let text = written.read();
        assert!(text.ends_with('\n'));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_in_json_has_the_id_as_one_more_member() {
        let written = LogText::default();
        let format = WithRequestId::json(format::format().json().flatten_event(true));
        let layer = layer().with_writer(written.clone()).fmt_fields(JsonFields::new()).event_format(format);
        let read = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let lines: Vec<_> = lines(registry().with(layer), &written).iter().map(read).collect();
        assert_eq!((lines.len(), lines[0].get("request_id")), (2, None));
        assert_eq!((&lines[1]["request_id"], &lines[1]["field"]), (&"a-1_b.c".into(), &"{".into()));
        assert_eq!(lines[1]["message"], lines[0]["message"]);
    }

    #[test]
    fn a_line_for_people_ends_with_the_id() {
        let written = LogText::default();
        let layer =
            layer().with_writer(written.clone()).event_format(WithRequestId::human(format::format().with_ansi(false)));
        let lines = lines(registry().with(layer), &written);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with(r#"field="{""#), "{lines:?}");
        assert!(lines[1].ends_with(r#"field="{" request_id="a-1_b.c""#), "{lines:?}");
    }

    #[test]
    fn an_error_of_several_lines_is_one_line_in_the_log() {
        let written = LogText::default();
        let format = WithRequestId::human(format::format().with_ansi(false));
        with_default(registry().with(layer().with_writer(written.clone()).event_format(format)), || {
            tracing::error!(error = %"one\r\ntwo", "failed");
        });
        let text = written.read();
        assert!(text.ends_with("failed error=one\\r\\ntwo\n"), "{text}");
    }
}
