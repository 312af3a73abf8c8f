//! The three parts of the picture.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::dataset::Split;
use crate::dataset::stats::{CELL_DEG, Stats};
use crate::report::chart::{number, place, shortened, title};
use crate::report::picture::{Area, Drawn, FAINT, INK, PALE, Pen};
use crate::seld::event::FRAMES_PER_SECOND;

const BLUE: RGBColor = RGBColor(52, 101, 164);
const AMBER: RGBColor = RGBColor(226, 152, 46);

/// Colour of a split, the same in all panels.
fn color(split: Split) -> RGBColor {
    match split {
        Split::Train => BLUE,
        Split::Validation => AMBER,
        Split::Test => RGBColor(70, 150, 110),
        Split::Evaluation => RGBColor(136, 100, 180),
    }
}

/// Draws everything.
pub(super) fn draw<DB: DrawingBackend>(area: &Area<DB>, stats: &Stats, pen: Pen) -> Drawn<DB> {
    area.fill(&WHITE)?;
    let (head, body) = area.split_vertically(pen.px(58.0));
    heading(&head, stats, pen)?;
    let (left, right) = body.split_horizontally(pen.px(640.0));
    let (top, bottom) = right.split_vertically(pen.px(290.0));
    classes(&left, stats, pen)?;
    polyphony(&top, stats, pen)?;
    directions(&bottom, stats, pen)
}

fn heading<DB: DrawingBackend>(area: &Area<DB>, stats: &Stats, pen: Pen) -> Drawn<DB> {
    let total = stats.total().total();
    let recordings: usize = stats.splits.iter().map(|split| split.recordings).sum();
    let minutes: f64 = stats.splits.iter().map(|split| split.minutes).sum();
    let length =
        if minutes < 120.0 { format!("{minutes:.1} min") } else { format!("{:.1} h", minutes / 60.0) };
    let moving = total.moving_share().map(|share| format!(", {:.0} % of them moving", 100.0 * share));
    let text = format!(
        "{}: {recordings} recordings, {length}, {} events{}",
        stats.layout,
        total.events,
        moving.unwrap_or_default()
    );
    area.draw_text(&text, &pen.text(21.0, INK), (pen.px(14.0), pen.px(16.0)))?;
    let mut x = area.get_pixel_range().0.len() as i32 - pen.px(16.0);
    for split in stats.splits.iter().rev() {
        let label = format!("{} ({:.0} min)", split.split, split.minutes);
        let style = pen.text_at(14.0, INK, HPos::Right);
        area.draw_text(&label, &style, (x, pen.px(27.0)))?;
        x -= area.estimate_text_size(&label, &style)?.0 as i32 + pen.px(8.0);
        let corner = (x - pen.px(13.0), pen.px(20.0));
        area.draw(&Rectangle::new([corner, (x, pen.px(33.0))], color(split.split).filled()))?;
        x -= pen.px(30.0);
    }
    Ok(())
}

/// Minutes of each class, splits one after the other.
fn classes<DB: DrawingBackend>(area: &Area<DB>, stats: &Stats, pen: Pen) -> Drawn<DB> {
    title(
        area,
        pen,
        "Classes",
        "minutes of single events by split; at the right their number and the share that moves",
    )?;
    let minutes = |frames: u64| frames as f64 / FRAMES_PER_SECOND as f64 / 60.0;
    let total = stats.total();
    let longest = total.classes.iter().map(|class| minutes(class.frames)).fold(0.0, f64::max).max(1e-6);
    let widest = stats.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(30);
    let rows = stats.classes.len().max(1);
    let mut chart = ChartBuilder::on(area)
        .margin_top(pen.px(52.0))
        .margin_right(pen.px(118.0))
        .x_label_area_size(pen.px(30.0))
        .y_label_area_size(pen.px(24.0 + 6.6 * widest as f64))
        .build_cartesian_2d(0.0..longest * 1.02, 0.0..rows as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(6)
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_label_style(pen.text(13.0, INK))
        .x_label_formatter(&|x| number(*x))
        .draw()?;
    let plane = chart.plotting_area();
    let size = if rows > 24 { 10.0 } else { 13.0 };
    for (index, name) in stats.classes.iter().enumerate() {
        let (low, middle) = ((rows - 1 - index) as f64, (rows - 1 - index) as f64 + 0.5);
        let mut end = 0.0;
        for split in &stats.splits {
            let begin = end;
            end += minutes(split.tally.classes[index].frames);
            let bar = [(begin, low + 0.16), (end, low + 0.84)];
            plane.draw(&Rectangle::new(bar, color(split.split).filled()))?;
        }
        let (x, y) = place(area, &chart, (0.0, middle));
        let style = pen.text_at(size, INK, HPos::Right);
        area.draw_text(&shortened(name), &style, (x - pen.px(8.0), y))?;
        let counted = &total.classes[index];
        let moving = counted.moving_share().map(|share| format!(", {:.0} %", 100.0 * share));
        let note = format!("{}{}", counted.events, moving.unwrap_or_default());
        let right = place(area, &chart, (longest * 1.02, middle)).0;
        let style = pen.text_at(size, PALE, HPos::Left);
        area.draw_text(&note, &style, (right + pen.px(10.0), y))?;
    }
    Ok(())
}

/// Shares of time with so many events at once.
fn polyphony<DB: DrawingBackend>(area: &Area<DB>, stats: &Stats, pen: Pen) -> Drawn<DB> {
    title(area, pen, "Polyphony", "% of the time with so many events at once")?;
    let total = stats.total();
    let frames = total.polyphony.iter().sum::<u64>().max(1) as f64;
    let share = |counts: &[u64], at: usize| 100.0 * counts.get(at).copied().unwrap_or(0) as f64 / frames;
    let columns = total.polyphony.len().max(2);
    let highest = (0..columns)
        .map(|at| share(&total.polyphony, at).max(share(&total.same_class, at)))
        .fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin_top(pen.px(56.0))
        .margin_right(pen.px(24.0))
        .x_label_area_size(pen.px(26.0))
        .y_label_area_size(pen.px(46.0))
        .build_cartesian_2d(-0.6..columns as f64 - 0.4, 0.0..highest * 1.12)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(5)
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(pen.text(13.0, INK))
        .y_label_formatter(&|y| number(*y))
        .draw()?;
    for at in 0..columns {
        let (x, y) = place(area, &chart, (at as f64, 0.0));
        area.draw_text(&at.to_string(), &pen.text_at(13.0, INK, HPos::Center), (x, y + pen.px(12.0)))?;
    }
    let series =
        [("all events", &total.polyphony, BLUE, -0.36), ("of one class", &total.same_class, AMBER, 0.02)];
    let plane = chart.plotting_area();
    for (number, (name, counts, color, offset)) in (0..).zip(series) {
        for at in 0..columns {
            let (left, height) = (at as f64 + offset, share(counts, at));
            plane.draw(&Rectangle::new([(left, 0.0), (left + 0.34, height)], color.filled()))?;
            if height > 0.0 {
                let label = if height < 0.1 { "<0.1".to_owned() } else { format!("{height:.1}") };
                let style = pen.text(11.0, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
                let (x, y) = place(area, &chart, (left + 0.17, height));
                area.draw_text(&label, &style, (x, y - pen.px(3.0)))?;
            }
        }
        let (x, y) = (pen.px(400.0), pen.px(14.0 + 20.0 * f64::from(number)));
        area.draw(&Rectangle::new(
            [(x, y - pen.px(6.0)), (x + pen.px(12.0), y + pen.px(6.0))],
            color.filled(),
        ))?;
        area.draw_text(name, &pen.text_at(13.0, INK, HPos::Left), (x + pen.px(18.0), y))?;
    }
    Ok(())
}

/// Label rows by direction, as seen from the microphone: the left is on the left.
fn directions<DB: DrawingBackend>(area: &Area<DB>, stats: &Stats, pen: Pen) -> Drawn<DB> {
    title(area, pen, "Directions", "azimuth and elevation in degrees; darker: more often (square root)")?;
    let cells = stats.total().directions;
    let most = cells.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    // Azimuth grows to the left: the axis counts its negative.
    let chart = ChartBuilder::on(area)
        .margin_top(pen.px(54.0))
        .margin_right(pen.px(30.0))
        .margin_bottom(pen.px(10.0))
        .x_label_area_size(pen.px(26.0))
        .y_label_area_size(pen.px(46.0))
        .build_cartesian_2d(-180.0..180.0, -90.0..90.0)?;
    let plane = chart.plotting_area();
    for (row, cells) in cells.iter().enumerate() {
        for (column, &count) in cells.iter().enumerate() {
            let (azimuth, elevation) = (column as f64 * CELL_DEG - 180.0, row as f64 * CELL_DEG - 90.0);
            let corners = [(-azimuth, elevation), (-azimuth - CELL_DEG, elevation + CELL_DEG)];
            plane.draw(&Rectangle::new(corners, shade(count as f64 / most).filled()))?;
        }
    }
    let line = |from, to| PathElement::new([from, to], INK.mix(0.2));
    for (azimuth, label) in
        [(180.0, "180"), (90.0, "90 left"), (0.0, "front"), (-90.0, "-90 right"), (-180.0, "-180")]
    {
        plane.draw(&line((-azimuth, -90.0), (-azimuth, 90.0)))?;
        let (x, y) = place(area, &chart, (-azimuth, -90.0));
        area.draw_text(label, &pen.text_at(13.0, INK, HPos::Center), (x, y + pen.px(13.0)))?;
    }
    for elevation in [-90.0, -45.0, 0.0, 45.0, 90.0] {
        plane.draw(&line((-180.0, elevation), (180.0, elevation)))?;
        let (x, y) = place(area, &chart, (-180.0, elevation));
        area.draw_text(&number(elevation), &pen.text_at(13.0, INK, HPos::Right), (x - pen.px(8.0), y))?;
    }
    Ok(())
}

/// White for nothing, dark blue for the most frequent direction.
fn shade(share: f64) -> RGBColor {
    if share <= 0.0 {
        return RGBColor(247, 248, 250);
    }
    let (light, dark) = ([214.0, 226.0, 240.0], [16.0, 48.0, 102.0]);
    let mix = |k: usize| (light[k] + (dark[k] - light[k]) * share.sqrt()).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}
