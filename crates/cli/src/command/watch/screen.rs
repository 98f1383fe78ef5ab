//! The screen, drawn from what is known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState, Wrap};
use wirelight_inspect::FILTER_WORDS;
use wirelight_inspect::view::{Detail, Layer, Message, Phase, Summary};

use super::state::{Link, Side, State};
use crate::print::escape;

/// How many bytes a line of them holds.
const BYTES_A_LINE: usize = 16;
/// How many bytes of a piece are shown.
const PIECE_BYTES_MAX: usize = 4096;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, middle, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(title(state), head);
    match &state.detail {
        Some(detail) => draw_detail(frame, state, detail, middle),
        None => draw_list(frame, state, middle),
    }
    frame.render_widget(bottom(state), foot);
    if state.helps {
        draw_help(frame);
    }
}

fn title(state: &State) -> Line<'static> {
    let (matched, kept, seen) = state.counts;
    let mut parts = vec![Span::from(" wirelight watch ").reversed(), format!("  {kept} kept of {seen}").into()];
    if !state.filter.is_empty() {
        parts.push(format!("  {matched} are ").into());
        parts.push(escape(&state.filter).bold());
    }
    if !state.recording {
        parts.push("  paused".yellow());
    }
    Line::from(parts)
}

fn bottom(state: &State) -> Line<'static> {
    if let Some(writing) = &state.writing {
        return Line::from(vec!["filter: ".bold(), escape(writing).into(), "_".into()]);
    }
    if let Some(trouble) = &state.trouble {
        return Line::from(escape(trouble)).red();
    }
    if let Some(note) = &state.note {
        return Line::from(escape(note)).green();
    }
    if let Link::Asking(words) = &state.link {
        return Line::from(escape(words)).yellow();
    }
    let keys = match state.detail {
        Some(_) => " j k scroll   s m b i sides   n N next, previous   r again   y copy   q back   ? keys",
        None => " j k choose   Enter why   / filter   p pause   x forget all   q end   ? keys",
    };
    Line::from(keys).dim()
}

fn draw_list(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if state.exchanges.is_empty() {
        let words = match (state.filter.is_empty(), state.counts.1) {
            (true, _) | (_, 0) => "Nothing was recorded yet: exchanges come here as they end.",
            _ => "No exchange that is kept is that. Press / to change the filter.",
        };
        return frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: true }).dim(), area);
    }
    let widths = [
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Percentage(35),
        Constraint::Length(4),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    let heading = Row::new(["id", "method", "target", "", "size", "time", "why"]).bold();
    let table = Table::new(state.exchanges.iter().map(row), widths).header(heading);
    let table = table.row_highlight_style(Modifier::REVERSED);
    let mut chosen = TableState::new().with_selected(Some(state.chosen));
    frame.render_stateful_widget(table, area, &mut chosen);
}

fn row(summary: &Summary) -> Row<'static> {
    let why = summary.why.as_ref().map_or_else(String::new, |why| format!("{}: {}", why.outcome, why.because));
    let status = if summary.status == 0 { "...".to_owned() } else { summary.status.to_string() };
    let style = match (summary.declined, summary.status) {
        (true, _) => Style::new().fg(Color::Red),
        (_, 300..400) => Style::new().fg(Color::Cyan),
        (_, 400..) => Style::new().fg(Color::Yellow),
        (_, 0) => Style::new().dim(),
        _ => Style::new(),
    };
    Row::new([
        summary.id.clone(),
        escape(summary.method.as_deref().unwrap_or("?")),
        escape(summary.target.as_deref().unwrap_or("(unreadable)")),
        status,
        format!("{:>8}", size(summary.sent_bytes)),
        format!("{:>8}", time(summary.total_us as i64)),
        escape(&why),
    ])
    .style(style)
}

fn draw_detail(frame: &mut Frame<'_>, state: &State, detail: &Detail, area: Rect) {
    let summary = &detail.summary;
    let [tabs, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let mut parts = Vec::new();
    for (side, name) in Side::ALL {
        let name = Span::from(format!(" {name} "));
        parts.push(if side == state.side { name.reversed() } else { name.dim() });
    }
    frame.render_widget(Line::from(parts), tabs);
    let text = match state.side {
        Side::Story => story(detail),
        Side::Messages => messages(detail),
        Side::Bytes => bytes(detail),
        Side::Timing => timing(detail),
    };
    let method = summary.method.as_deref().unwrap_or("?");
    let target = summary.target.as_deref().unwrap_or("(unreadable)");
    let title = format!(" {} {} -> {} {} ", escape(method), escape(target), summary.status, summary.reason);
    let block = Block::bordered().title(title).title_bottom(format!(" {} ", summary.id));
    // How far there is to scroll: a line that is too wide takes several.
    let width = usize::from(body.width.saturating_sub(2)).max(1);
    let last = text.lines.iter().map(|line| line.width().div_ceil(width).max(1)).sum::<usize>();
    let last = u16::try_from(last).unwrap_or(u16::MAX);
    let page = Paragraph::new(text).block(block).wrap(Wrap { trim: false });
    let scroll = state.scroll.min(last.saturating_sub(body.height.saturating_sub(2)));
    frame.render_widget(page.scroll((scroll, 0)), body);
}

fn story(detail: &Detail) -> Text<'static> {
    let mut lines = Vec::new();
    for sentence in &detail.story {
        let at = sentence.at_us.map_or_else(String::new, time);
        let told = Span::from(escape(&sentence.sentence));
        let told = if sentence.declines { told.red() } else { told };
        lines.push(Line::from(vec![format!("{at:>9}  ").dim(), told]));
        if let Some(decided) = sentence.trail.and_then(|index| detail.trail.get(index)) {
            let rule = &decided.rule;
            let cited = format!("{:>11}{} ({}): {}", "", rule.name, rule.section, rule.says);
            lines.push(Line::from(escape(&cited)).dim());
        }
    }
    lines.into()
}

fn messages(detail: &Detail) -> Text<'static> {
    let mut lines = Vec::new();
    let mut show = |title: String, message: Option<&Message>| {
        lines.push(Line::from(title).bold());
        match message {
            Some(message) => lines.extend(message_lines(message)),
            None => lines.push(Line::from("  none").dim()),
        }
        lines.push(Line::default());
    };
    show("Request, as it came".to_owned(), detail.request.as_ref());
    for hop in &detail.hops {
        show(format!("Sent on to {}, attempt {}", escape(&hop.upstream), hop.attempt), Some(&hop.request));
        let came = hop.error.as_ref().map_or_else(|| "What came back".to_owned(), |error| escape(error));
        show(came, hop.response.as_ref());
    }
    show("Response, as it left".to_owned(), detail.response.as_ref());
    lines.into()
}

fn message_lines(message: &Message) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(format!("  {}", escape(&message.line)))];
    for field in message.fields.iter().chain(&message.trailers) {
        let value = Span::from(escape(&field.value));
        let value = if field.redacted { value.dim() } else { value };
        lines.push(Line::from(vec![format!("  {}: ", escape(&field.name)).cyan(), value]));
    }
    let Some(content) = message.content.as_ref().filter(|content| content.length > 0) else { return lines };
    lines.push(Line::default());
    match &content.text {
        Some(text) => lines.extend(text.lines().map(|line| Line::from(format!("  {}", escape(line))))),
        None => lines.push(Line::from(format!("  {} that are no text", size(content.length))).dim()),
    }
    if content.truncated {
        lines.push(Line::from(format!("  ({} of {} are kept)", size(content.kept), size(content.length))).dim());
    }
    lines
}

fn bytes(detail: &Detail) -> Text<'static> {
    let mut lines = Vec::new();
    for piece in &detail.wire {
        let at = piece.at_us.map_or_else(String::new, time);
        let title = format!("{} {} {}", if piece.direction == "sent" { ">" } else { "<" }, piece.direction, at);
        lines.push(Line::from(title).bold());
        let bytes = STANDARD.decode(&piece.bytes).unwrap_or_default();
        let shown = &bytes[..bytes.len().min(PIECE_BYTES_MAX)];
        for (index, line) in shown.chunks(BYTES_A_LINE).enumerate() {
            let hex: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
            let plain = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
            let text: String = line.iter().map(plain).collect();
            let start = index * BYTES_A_LINE;
            let named = piece.spans.iter().filter(|span| (start..start + line.len()).contains(&span.start));
            let named = named.filter(|span| !matches!(&*span.kind, "space" | "colon" | "line-end" | "frame"));
            let names: Vec<String> = named.map(|span| escape(&span.name)).collect();
            lines.push(Line::from(vec![
                format!("  {start:04x}  ").dim(),
                format!("{hex:<48}").into(),
                format!(" {text:<16}  ").cyan(),
                names.join(", ").dim(),
            ]));
        }
        let left = piece.length.saturating_sub(shown.len() as u64);
        if left > 0 {
            lines.push(Line::from(format!("  and {} more", size(left))).dim());
        }
    }
    lines.into()
}

fn timing(detail: &Detail) -> Text<'static> {
    let at = |micros: i64| Span::from(format!("{:>9}  ", time(micros))).dim();
    let phase = |whose: &str, phase: &Phase| {
        let whose = if whose.is_empty() { String::new() } else { format!("{}: ", escape(whose)) };
        (phase.at_us, Line::from(vec![at(phase.at_us), whose.cyan(), escape(&phase.says).into()]))
    };
    let mut lines: Vec<_> = detail.phases.iter().map(|each| phase("", each)).collect();
    lines.extend(detail.hops.iter().flat_map(|hop| hop.phases.iter().map(|each| phase(&hop.upstream, each))));
    lines.extend(detail.layers.iter().enumerate().map(|(depth, layer)| {
        let name = format!("{:width$}{}", "", escape(&layer.name), width = 2 * (depth + 1));
        let place = layer.place.as_ref().map_or_else(String::new, |place| format!("  {}", escape(place)));
        let line = vec![at(layer.in_us), name.green(), format!("  {}", lasted(layer)).into(), place.dim()];
        (layer.in_us, Line::from(line))
    }));
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().into()
}

/// How long a request and its response were inside of a layer.
fn lasted(layer: &Layer) -> String {
    layer.out_us.map_or_else(|| "not left".to_owned(), |out| format!("for {}", time(out - layer.in_us)))
}

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let keys = [
        ("j k, arrows", "down and up"),
        ("g G", "the oldest, the newest"),
        ("Enter, l", "the story of one exchange"),
        ("q, Esc, h", "back; in the list, q ends"),
        ("s m b i", "its story, messages, bytes, timing"),
        ("[ ], Tab, 1-4", "its other sides"),
        ("n N", "the next, the one before"),
        ("/", "a filter"),
        ("p", "stop recording, go on"),
        ("r", "send the request again as it was"),
        ("y", "copy as curl"),
        ("o", "save what is listed as HAR"),
        ("x", "forget all exchanges"),
    ];
    let mut lines: Vec<Line<'_>> = keys.map(|(key, does)| Line::from(format!(" {key:<13} {does}"))).to_vec();
    lines.push(Line::from(" Filters, with ! & | ( ):").bold());
    lines.extend(
        FILTER_WORDS.map(|(word, takes, asks)| Line::from(format!(" {:<18} {asks}", format!("{word} {takes}")))),
    );
    let height = (lines.len() as u16 + 2).min(area.height);
    let width = 76.min(area.width);
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), place);
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

fn time(micros: i64) -> String {
    match micros.unsigned_abs() {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}
