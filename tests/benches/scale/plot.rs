//! Time against environments, both on logarithmic scales, as SVG.

use std::fmt::Write;

use crate::report::Report;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 290.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 50.0;
/// Colours that people who see few can tell apart (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#0072b2", "#000000", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"];

pub(crate) fn svg(report: &Report) -> String {
    let lines = report.walls();
    let points = || lines.values().flatten();
    let span = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::MAX, f64::min).log10();
        let high = values.iter().copied().fold(f64::MIN, f64::max).log10();
        (low.floor(), high.ceil().max(low.floor() + 1.0))
    };
    let (x_low, x_high) = span(points().map(|(size, _)| *size as f64).collect());
    let (y_low, y_high) = span(points().map(|(_, wall)| *wall).collect());
    let x = |size: f64| LEFT + (size.log10() - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT);
    let y = |wall: f64| HEIGHT - BOTTOM - (wall.log10() - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut add = |line: String| writeln!(text, "{line}").expect("a text grows");
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in y_low as i32..=y_high as i32 {
        let (value, at) = (10f64.powi(power), y(10f64.powi(power)));
        add(format!("<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>"));
        add(format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value} s</text>", LEFT - 6.0, at + 4.0));
    }
    for power in x_low as i32..=x_high as i32 {
        let (value, at) = (10f64.powi(power), x(10f64.powi(power)));
        add(format!("<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>"));
        add(format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>", bottom + 18.0));
    }
    let middle = (LEFT + right) / 2.0;
    add(format!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">environments</text>", HEIGHT - 10.0));
    for (index, (what, line)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let places: Vec<(f64, f64)> = line.iter().map(|(size, wall)| (x(*size as f64), y(*wall))).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        add(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        ));
        for (x, y) in places {
            add(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
        let at = TOP + 14.0 + 20.0 * index as f64;
        let key = right + 16.0;
        add(format!("<path d=\"M{key} {}h18\" stroke=\"{colour}\" stroke-width=\"2\"/>", at - 4.0));
        add(format!("<text x=\"{}\" y=\"{at}\">{what}</text>", key + 24.0));
    }
    text.push_str("</svg>\n");
    text
}
