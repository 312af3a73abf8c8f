//! The grid of panels.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::color::{Quantity, Range, cells, quantity};
use super::ticks::{self, Tick};
use super::{COLUMNS, Described, Page};
use crate::features::Descriptor;
use crate::report::picture::{Area, Drawn, INK, Image, PALE, PNG_SCALE, Pen, Picture};

/// Height of the title and the note, in points as everything here.
const HEAD: f64 = 64.0;
/// Around all panels.
const MARGIN: f64 = 14.0;
/// From a panel's edge to its cells: room for the labels of frequency, the title, the colours, and the labels of time.
const LEFT: f64 = 44.0;
const TOP: f64 = 26.0;
const RIGHT: f64 = 72.0;
const BOTTOM: f64 = 30.0;
/// How far digits stand above the middle of their line.
const LETTERS: f64 = 1.5;
/// Steps of colour in a bar.
const SHADES: u16 = 256;

/// How many channels of a descriptor stand in each of its rows: those that belong together.
fn rows(descriptor: Descriptor) -> Vec<usize> {
    match (descriptor, descriptor.channel_names().len()) {
        (Descriptor::Covariance, _) => vec![4, 3, 3, 3, 3],
        (Descriptor::Waveform, _) => vec![4, 3],
        (_, channels) if channels <= 4 => vec![channels],
        (_, channels) if channels % 4 == 0 => vec![4; channels / 4],
        (_, channels) => vec![3; channels.div_ceil(3)],
    }
}

/// Panels beside each other at most, rows, and the size of each panel.
struct Grid {
    columns: usize,
    rows: usize,
    width: f64,
    height: f64,
}

impl Grid {
    fn of(described: &[Described]) -> Self {
        let all: Vec<usize> = described.iter().flat_map(|one| rows(one.descriptor)).collect();
        let columns = all.iter().copied().max().unwrap_or(1);
        let width = match columns {
            1 => 900.0,
            2 => 560.0,
            3 => 440.0,
            _ => 380.0,
        };
        let height = match (columns, all.len()) {
            (1, 1) => 420.0,
            (_, 1..=3) => 250.0,
            _ => 200.0,
        };
        Self { columns, rows: all.len(), width, height }
    }
}

impl Picture for Page {
    fn size(&self) -> (u32, u32) {
        let grid = Grid::of(&self.described);
        let width = grid.width * grid.columns as f64 + 2.0 * MARGIN;
        (width as u32, (HEAD + grid.height * grid.rows as f64 + MARGIN) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        area.fill(&WHITE)?;
        area.draw_text(&self.title, &pen.text(19.0, INK), (pen.px(MARGIN), pen.px(12.0)))?;
        area.draw_text(&self.note, &pen.text(12.5, PALE), (pen.px(MARGIN), pen.px(38.0)))?;
        let grid = Grid::of(&self.described);
        let mut images = Vec::new();
        let mut down = 0;
        for described in &self.described {
            let ranges = [Quantity::Level, Quantity::Signed, Quantity::Angle]
                .map(|quantity| Range::of(described, quantity));
            let mut channel = 0;
            for in_row in rows(described.descriptor) {
                for across in 0..in_row {
                    let kind = quantity(described.descriptor, channel);
                    let panel = Panel {
                        page: self,
                        described,
                        channel,
                        range: ranges[kind as usize],
                        left: MARGIN + grid.width * across as f64,
                        top: HEAD + grid.height * down as f64,
                        width: grid.width - LEFT - RIGHT,
                        height: grid.height - TOP - BOTTOM,
                    };
                    images.extend(panel.draw(area, pen)?);
                    channel += 1;
                }
                down += 1;
            }
        }
        Ok(images)
    }
}

/// One channel of a descriptor.
struct Panel<'a> {
    page: &'a Page,
    described: &'a Described,
    channel: usize,
    range: Range,
    /// Of the panel with its labels.
    left: f64,
    top: f64,
    /// Of the cells.
    width: f64,
    height: f64,
}

impl Panel<'_> {
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, [Image; 2]> {
        let (x, y) = (self.left + LEFT, self.top + TOP);
        let style = pen.text(14.0, INK).pos(Pos::new(HPos::Left, VPos::Bottom));
        area.draw_text(&self.title(), &style, (pen.px(x), pen.px(y - 5.0)))?;
        self.vertical_axis(area, pen)?;
        self.time_axis(area, pen)?;
        let bar = self.color_bar(area, pen)?;
        let size = |points: f64| (f64::from(PNG_SCALE) * points) as usize;
        let (cells, colors) = cells(
            self.described.channel(self.channel),
            (self.described.frames, self.described.bands),
            self.range,
            (size(self.width).min(COLUMNS), size(self.height)),
        );
        let place = [x, y, self.width, self.height].map(|points| pen.px(points).unsigned_abs());
        Ok([Image { place, cells, colors }, bar])
    }

    fn title(&self) -> String {
        let (descriptor, channel) =
            (self.described.descriptor.name(), self.described.descriptor.channel_names()[self.channel]);
        if descriptor == channel { descriptor.to_owned() } else { format!("{descriptor}  {channel}") }
    }

    /// Hz, or the lag in samples.
    fn vertical_axis<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB> {
        let (x, y) = (self.left + LEFT, self.top + TOP);
        let count = (self.height / 30.0) as usize;
        let is_lag = self.described.descriptor == Descriptor::GccPhat;
        let (unit, ticks) = if is_lag {
            let first = -(self.described.bands as f64 / 2.0).floor();
            let lags: Vec<f64> = (0..self.described.bands).map(|lag| first + lag as f64).collect();
            ("lag", ticks::on_cells(&lags, count))
        } else {
            ("Hz", ticks::on_cells(&self.page.centres_hz, count))
        };
        area.draw_text(unit, &right(pen, VPos::Bottom), (pen.px(x - 7.0), pen.px(y - 5.0)))?;
        for Tick { place, value } in ticks {
            let at = y + self.height * (1.0 - place);
            line(area, pen, (x - 4.0, at), (x, at))?;
            let label = if is_lag { ticks::brief(value) } else { ticks::hertz(value) };
            let beside = (pen.px(x - 7.0), pen.px(at + LETTERS));
            area.draw_text(&label, &right(pen, VPos::Center), beside)?;
        }
        Ok(())
    }

    /// Seconds; a frame's cell reaches half a hop to both sides.
    fn time_axis<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB> {
        let (x, y) = (self.left + LEFT, self.top + TOP + self.height);
        let hop_s = self.page.hop_s;
        let end_s = hop_s * (self.described.frames as f64 - 0.5);
        let style = pen.text(12.0, INK).pos(Pos::new(HPos::Center, VPos::Top));
        for Tick { place, value } in ticks::linear(-0.5 * hop_s, end_s, (self.width / 60.0) as usize) {
            let at = x + self.width * place;
            line(area, pen, (at, y), (at, y + 4.0))?;
            area.draw_text(&ticks::brief(value), &style, (pen.px(at), pen.px(y + 6.0)))?;
        }
        let style = pen.text(12.0, PALE).pos(Pos::new(HPos::Left, VPos::Top));
        area.draw_text("s", &style, (pen.px(x + self.width + 5.0), pen.px(y + 6.0)))
    }

    fn color_bar<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Image> {
        const WIDTH: f64 = 9.0;
        let (x, y) = (self.left + LEFT + self.width + 12.0, self.top + TOP);
        let Range { low, high, quantity } = self.range;
        let middle = |share: f64| low + share * (high - low);
        let labels: Vec<(f64, String)> = match quantity {
            Quantity::Angle => vec![(0.0, "-π".to_owned()), (0.5, "0".to_owned()), (1.0, "π".to_owned())],
            _ => [0.0, 0.5, 1.0].map(|share| (share, ticks::brief(middle(share)))).to_vec(),
        };
        let style = pen.text_at(12.0, INK, HPos::Left);
        for (share, label) in labels {
            // The outer labels stay beside the bar.
            let at = y + 6.0 + (self.height - 12.0) * (1.0 - share);
            area.draw_text(&label, &style, (pen.px(x + WIDTH + 5.0), pen.px(at + LETTERS)))?;
        }
        let style = pen.text(12.0, PALE).pos(Pos::new(HPos::Left, VPos::Bottom));
        area.draw_text(self.unit(), &style, (pen.px(x), pen.px(y - 5.0)))?;
        let shade = |step: u16| f64::from(SHADES - 1 - step) / f64::from(SHADES - 1);
        let colors = (0..SHADES).flat_map(|step| self.range.color(middle(shade(step)))).collect();
        let place = [x, y, WIDTH, self.height].map(|points| pen.px(points).unsigned_abs());
        Ok(Image { place, cells: (1, SHADES.into()), colors })
    }

    fn unit(&self) -> &'static str {
        match (self.described.descriptor, self.range.quantity) {
            (Descriptor::Phase, _) => "rad",
            (Descriptor::Logmel | Descriptor::Waveform, Quantity::Level) => self.page.level_unit,
            _ => "",
        }
    }
}

fn right(pen: Pen, vertical: VPos) -> TextStyle<'static> {
    let color = if matches!(vertical, VPos::Bottom) { PALE } else { INK };
    pen.text(12.0, color).pos(Pos::new(HPos::Right, vertical))
}

fn line<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, from: (f64, f64), to: (f64, f64)) -> Drawn<DB> {
    let point = |(x, y): (f64, f64)| (pen.px(x), pen.px(y));
    area.draw(&PathElement::new([point(from), point(to)], PALE.stroke_width(pen.px(1.0).unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_place() {
        for descriptor in Descriptor::ALL {
            assert_eq!(
                rows(descriptor).iter().sum::<usize>(),
                descriptor.channel_names().len(),
                "{descriptor:?}"
            );
        }
    }
}
