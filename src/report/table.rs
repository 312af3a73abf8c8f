//! A table of cells, rendered for people, as CSV, Markdown or HTML.

use askama::Template;
use serde_json::Value;

/// How a table is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Aligned columns for a terminal.
    Plain,
    /// RFC 4180 with a header, numbers in full.
    Csv,
    /// A Markdown pipe table.
    Markdown,
    /// A table element.
    Html,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<div class="scroll"><table>
<tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for (text, is_number) in row %}<td{% if *is_number %} class="number"{% endif %}>{{ text }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
"#
)]
struct HtmlTable<'a> {
    columns: &'a [String],
    rows: Vec<Vec<(String, bool)>>,
}

/// Rows of JSON values under named columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// One value a column in every row.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push<V: Into<Value>>(&mut self, row: impl IntoIterator<Item = V>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// The rows as JSON objects with the columns as keys, in order.
    pub fn to_objects(&self) -> Vec<serde_json::Map<String, Value>> {
        let object = |row: &Vec<Value>| self.columns.iter().cloned().zip(row.iter().cloned()).collect();
        self.rows.iter().map(object).collect()
    }

    /// The table as text, ending in a newline.
    pub fn render(&self, style: Style) -> String {
        match style {
            Style::Csv => self.render_csv(),
            Style::Plain => self.render_aligned(comfy_table::presets::NOTHING),
            Style::Markdown => self.render_aligned(comfy_table::presets::ASCII_MARKDOWN),
            Style::Html => self.render_html(),
        }
    }

    fn render_html(&self) -> String {
        let cell = |value: &Value| (brief(value), value.is_number());
        let rows = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        HtmlTable { columns: &self.columns, rows }.render().expect("writing to memory cannot fail")
    }

    fn render_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.rows.iter().map(|row| row.iter().map(full).collect());
        for record in std::iter::once(self.columns.clone()).chain(rows) {
            writer
                .write_record(&record)
                .expect("this is a bug: rows and columns of a table differ in number");
        }
        let bytes = writer.into_inner().expect("writing to memory cannot fail");
        String::from_utf8(bytes).expect("built from strings")
    }

    fn render_aligned(&self, style: comfy_table::TableStyle) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(style).set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(brief));
        }
        for (column, index) in table.column_iter_mut().zip(0..) {
            let numeric = self.rows.iter().any(|row| row[index].is_number());
            if numeric {
                column.set_cell_alignment(comfy_table::CellAlignment::Right);
            }
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

fn full(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Numbers for people: four significant decimals at most.
fn brief(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Number(number) if number.is_f64() => {
            let x = number.as_f64().unwrap_or(f64::NAN);
            if x != 0.0 && x.abs() < 1e-3 { format!("{x:.2e}") } else { format!("{x:.3}") }
        }
        other => full(other),
    }
}
