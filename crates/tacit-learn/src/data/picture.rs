//! A picture of who holds which classes: one stacked bar per participant, as standalone SVG.

use super::describe::PartSummary;
use std::fmt::Write;

/// Ten colours for light and for dark ground. Found by search: any two differ by at least 0.12 in
/// OKLab, neighbours by 0.2, to normal sight and to protan, deutan and tritan sight (simulated
/// after Machado et al. 2009); contrast with the ground is at least 1.5.
const LIGHT: [&str; 10] = [
    "#5cb31d", "#274b7a", "#c097e1", "#a7370d", "#9ae0d5", "#512319", "#d3558a", "#e1d254",
    "#834cda", "#241b56",
];
const DARK: [&str; 10] = [
    "#f9f698", "#939517", "#7cf6ed", "#cd50f0", "#5dc195", "#326072", "#ed93f9", "#895504",
    "#b5d03c", "#349281",
];

/// Participants drawn; more would be a file of many megabytes with nothing to see.
const MOST_PARTS: usize = 200;
/// Classes named in the legend.
const MOST_NAMED: usize = 40;
/// Characters of a name.
const MOST_CHARS: usize = 18;

const WIDTH: f64 = 880.0;
const BAR_X: f64 = 160.0;
const BAR_WIDTH: f64 = 620.0;
const MARGIN: f64 = 16.0;

/// Draws bars as long as the participants' numbers of examples, divided by class; up to 200
/// participants. `classes` names the classes in the order of the histograms. The result names no
/// outside file, follows the reader's choice of a light or dark scheme, and can be pasted into a
/// page.
pub fn picture_svg(parts: &[PartSummary], classes: &[String]) -> String {
    let shown = &parts[..parts.len().min(MOST_PARTS)];
    let row = match shown.len() {
        0..=30 => 24.0,
        31..=60 => 18.0,
        _ => 8.0,
    };
    let (legend, legend_height) = legend(classes);
    let top = 52.0 + legend_height;
    let hidden = parts.len() - shown.len();
    let note = if hidden > 0 { 24.0 } else { 0.0 };
    let height = top + row * shown.len() as f64 + note + MARGIN;
    let examples: u64 = parts.iter().map(|part| part.examples).sum();
    let title = format!(
        "{} participants, {} examples, {} classes",
        thousands(parts.len() as u64),
        thousands(examples),
        thousands(classes.len() as u64)
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" class=\"tacit-parts\">\n\
         <title>{title}</title>\n<style>{}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"head\" x=\"{MARGIN}\" y=\"28\">{title}</text>\n{legend}",
        style(classes.len())
    );
    let longest = shown.iter().map(|part| part.examples).max().unwrap_or(0).max(1);
    for (i, part) in shown.iter().enumerate() {
        let y = top + row * i as f64;
        // Thin rows have room for one name in four.
        if row > 10.0 || i % 4 == 0 {
            let middle = y + row / 2.0;
            name_and_count(&mut out, part, middle);
        }
        bar(&mut out, part, classes, Bar { y, row, scale: BAR_WIDTH / longest as f64 });
    }
    if hidden > 0 {
        let y = height - MARGIN;
        _ = writeln!(
            out,
            "<text class=\"faint\" x=\"{BAR_X}\" y=\"{y}\">and {} more participants</text>",
            thousands(hidden as u64)
        );
    }
    out.push_str("</svg>\n");
    out
}

fn name_and_count(out: &mut String, part: &PartSummary, middle: f64) {
    let name = match &part.group {
        Some(group) => format!("{} {group}", part.name),
        None => part.name.clone(),
    };
    let (x, baseline) = (BAR_X - 10.0, middle + 4.0);
    _ = writeln!(
        out,
        "<text class=\"end\" x=\"{x}\" y=\"{baseline}\">{}</text>\
         <text class=\"faint end\" x=\"{}\" y=\"{baseline}\">{}</text>",
        escape(&shortened(&name)),
        WIDTH - MARGIN,
        thousands(part.examples)
    );
}

/// Where a bar lies.
struct Bar {
    y: f64,
    row: f64,
    /// Pixels per example.
    scale: f64,
}

fn bar(out: &mut String, part: &PartSummary, classes: &[String], at: Bar) {
    let gap = if at.row > 10.0 { 4.0 } else { 1.0 };
    let (y, height) = (at.y + gap / 2.0, at.row - gap);
    let (mut start, mut sum) = (BAR_X, 0u64);
    for (class, &count) in part.histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
        sum += u64::from(count);
        let end = BAR_X + sum as f64 * at.scale;
        // Slivers join the next class, so that a bar of 65,536 classes stays a bar.
        if end - start < 0.5 && sum < part.examples {
            continue;
        }
        let width = end - start;
        let seam = if width > 3.0 { 1.0 } else { 0.0 };
        let (colour, name) = (colour_class(class), class_name(classes, class));
        _ = write!(
            out,
            "<rect {colour} x=\"{start:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
             <title>{}: {count} of {}</title></rect>",
            width - seam,
            escape(&shortened(&name)),
            thousands(part.examples),
        );
        let fits = width > 7.0 * name.chars().count() as f64 + 8.0;
        if at.row > 16.0 && fits && class < LIGHT.len() && classes.len() <= LIGHT.len() {
            _ = write!(
                out,
                "<text class=\"in i{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                (start + end - seam) / 2.0,
                y + height / 2.0 + 4.0,
                escape(&name)
            );
        }
        start = end;
    }
    out.push('\n');
}

/// Coloured squares with the classes' names, and their height.
fn legend(classes: &[String]) -> (String, f64) {
    let (mut out, mut x, mut y) = (String::new(), MARGIN, 44.0);
    let mut place = |width: f64| {
        if x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + 20.0);
        }
        let at = (x, y);
        x += width;
        at
    };
    for class in 0..classes.len().min(MOST_NAMED) {
        let name = shortened(&class_name(classes, class));
        let (x, y) = place(34.0 + 7.5 * name.chars().count() as f64);
        _ = writeln!(
            out,
            "<rect {} x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            colour_class(class),
            x + 18.0,
            y + 10.5,
            escape(&name)
        );
    }
    if classes.len() > MOST_NAMED {
        let text = format!("and {} more", thousands((classes.len() - MOST_NAMED) as u64));
        let (x, y) = place(90.0);
        _ = writeln!(out, "<text class=\"faint\" x=\"{x}\" y=\"{}\">{text}</text>", y + 10.5);
    }
    (out, y - 44.0 + 24.0)
}

/// How a class is coloured: by the style sheet up to ten, else by steps of the golden angle in
/// hue, in three lightnesses between the grounds.
fn colour_class(class: usize) -> String {
    if class < LIGHT.len() {
        return format!("class=\"c{class}\"");
    }
    let hue = (class as f64 * 137.508).rem_euclid(360.0).round();
    format!("fill=\"hsl({hue}, 60%, {}%)\"", [42, 56, 70][class % 3])
}

fn style(classes: usize) -> String {
    let mut out = String::from(
        ".tacit-parts text{font:12px system-ui,sans-serif;fill:#1b1b1f}\
         .tacit-parts .head{font-size:15px;font-weight:600}\
         .tacit-parts .faint{fill:#63636e}.tacit-parts .end{text-anchor:end}\
         .tacit-parts .in{font-size:11px;text-anchor:middle}\
         .tacit-parts .ground{fill:#fff}",
    );
    let colours = |out: &mut String, palette: &[&str; 10]| {
        for (class, colour) in palette.iter().enumerate().take(classes) {
            let ink = if is_dark(colour) { "#fff" } else { "#000" };
            _ = write!(
                out,
                ".tacit-parts .c{class}{{fill:{colour}}}.tacit-parts .i{class}{{fill:{ink}}}"
            );
        }
    };
    colours(&mut out, &LIGHT);
    out.push_str(
        "@media(prefers-color-scheme:dark){.tacit-parts text{fill:#ececf1}\
         .tacit-parts .faint{fill:#a0a0ac}.tacit-parts .ground{fill:#16161a}",
    );
    colours(&mut out, &DARK);
    out.push('}');
    out
}

/// Whether white text reads better on the colour than black (relative luminance below 0.18).
fn is_dark(colour: &str) -> bool {
    let channel = |at: usize| {
        let byte = colour.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (f64::from(byte.unwrap_or(0)) / 255.0).powf(2.2)
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5) < 0.18
}

fn class_name(classes: &[String], class: usize) -> String {
    classes.get(class).cloned().unwrap_or_else(|| class.to_string())
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MOST_CHARS {
        return text.to_owned();
    }
    text.chars().take(MOST_CHARS - 1).chain(['…']).collect()
}

/// Text as XML; characters that XML does not have become replacement characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// `12,345`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
