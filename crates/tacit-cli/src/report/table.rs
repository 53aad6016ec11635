//! Tables in HTML.

use super::text::escape;

/// Cells as plain text; escaped when written.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn html(&self) -> String {
        let mut out = format!("<table><caption>{}</caption><thead><tr>", escape(&self.caption));
        self.head
            .iter()
            .for_each(|cell| out += &format!("<th scope=\"col\">{}</th>", escape(cell)));
        out += "</tr></thead><tbody>";
        for row in &self.rows {
            out += "<tr>";
            for (index, cell) in row.iter().enumerate() {
                let (cell, row_head) = (escape(cell), index == 0);
                out += &match row_head {
                    true => format!("<th scope=\"row\">{cell}</th>"),
                    false => format!("<td>{cell}</td>"),
                };
            }
            out += "</tr>";
        }
        out + "</tbody></table>"
    }
}
