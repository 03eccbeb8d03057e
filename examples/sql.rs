//! Asks a DuckDB file a question: `cargo run --example sql -- FILE 'SELECT …'`.
//!
//! A stand-in for DuckDB's own command line, which is not everywhere; `make demo` shows its results with it.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program of its own")]

#[cfg(not(feature = "duckdb"))]
fn main() {
    println!("built without DuckDB");
}

#[cfg(feature = "duckdb")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, question] = arguments.as_slice() else {
        return Err("usage: sql FILE QUESTION".into());
    };
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly)?;
    let connection = duckdb::Connection::open_with_flags(file, config)?;
    // DuckDB writes its values better than we could.
    let question = question.trim().trim_end_matches(';');
    let mut statement = connection.prepare(&format!("SELECT COLUMNS(*)::VARCHAR FROM ({question})"))?;
    let mut rows = statement.query([])?;
    let names = rows.as_ref().map(duckdb::Statement::column_names).unwrap_or_default();
    let mut table = vec![names];
    while let Some(row) = rows.next()? {
        let cells = (0..table[0].len()).map(|column| row.get::<_, Option<String>>(column));
        let cells: Result<Vec<_>, _> = cells.collect();
        table.push(cells?.into_iter().map(Option::unwrap_or_default).collect());
    }
    print(&table);
    Ok(())
}

/// Columns as wide as their widest value; numbers to the right.
#[cfg(feature = "duckdb")]
fn print(table: &[Vec<String>]) {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let number = |column: usize| {
        table.iter().skip(1).all(|row| row[column].is_empty() || row[column].parse::<f64>().is_ok())
    };
    let shape: Vec<(usize, bool)> = (0..columns).map(|column| (width(column), number(column))).collect();
    for (line, row) in table.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&shape)
            .map(
                |(cell, (width, number))| {
                    if *number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                },
            )
            .collect();
        println!("  {}", cells.join("  ").trim_end());
        if line == 0 {
            let rules: Vec<String> = shape.iter().map(|(width, _)| "─".repeat(*width)).collect();
            println!("  {}", rules.join("  "));
        }
    }
}
