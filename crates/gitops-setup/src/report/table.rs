//! Tables of at most 80 columns.

use manifests::clusters::Stored;

use super::text::WIDTH;

/// Columns between two cells.
const GAP: usize = 2;
/// No column is made narrower to make room for others.
const NARROW: usize = 10;

/// A row for each cluster that Argo CD knows.
pub(super) fn clusters(clusters: &[Stored]) -> Vec<String> {
    let title = ["NAME", "SERVER", "NAMESPACES", "LABELS", "MADE BY"].map(str::to_owned).to_vec();
    let rows = clusters.iter().map(|cluster| {
        let labels: Vec<String> =
            cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let namespaces = match cluster.namespaces.as_slice() {
            [] => "all".into(),
            namespaces => namespaces.join(", "),
        };
        let maker = match (&cluster.secret, cluster.ours) {
            (None, _) => "Argo CD",
            (Some(_), true) => manifests::MANAGER,
            (Some(_), false) => "others",
        };
        vec![cluster.name.clone(), cluster.server.clone(), namespaces, labels.join(", "), maker.into()]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    let title = title.into_iter().enumerate();
    // What is so everywhere leaves its room to addresses.
    let said = |column: usize| rows.iter().any(|row| !["", "all"].contains(&row[column].as_str()));
    let (kept, title): (Vec<usize>, Vec<String>) = title.filter(|(column, _)| said(*column)).unzip();
    for row in &mut rows {
        *row = kept.iter().map(|column| std::mem::take(&mut row[*column])).collect();
    }
    rows.insert(0, title);
    table(&rows)
}

/// Rows of as many cells each; cells that are too wide go on in further lines.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..columns).map(widest).collect();
    while widths.iter().sum::<usize>() + GAP * columns.saturating_sub(1) > WIDTH {
        match widths.iter_mut().max() {
            Some(width) if *width > NARROW => *width -= 1,
            _ => break,
        }
    }
    rows.iter().flat_map(|row| lines(row, &widths)).collect()
}

fn lines(row: &[String], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<_>> =
        row.iter().zip(widths).map(|(cell, width)| textwrap::wrap(cell, (*width).max(1))).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let parts = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{:width$}", cell.get(number).map_or("", |part| part.as_ref())));
        parts.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let lines = clusters(&Stored::all([]));
        assert_eq!(
            lines,
            [
                "NAME        SERVER                          MADE BY",
                "in-cluster  https://kubernetes.default.svc  Argo CD"
            ]
        );
    }

    #[test]
    fn wide_cells_go_on_below_and_nothing_is_left_out() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let long = format!("https://{}", "x".repeat(100));
        let lines = table(&[row(["NAME", "SERVER", "BY"]), row(["prod", &long, "me"])]);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NAME", "SERVER", "BY"]);
        assert!(lines.len() == 3 && lines[1].starts_with("prod  https://x"), "{lines:?}");
        assert_eq!(lines.concat().matches('x').count(), 100);
        assert_eq!(table(&[row(["a", "b", "c"])]), ["a  b  c"]);
    }
}
