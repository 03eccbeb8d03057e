//! How the destination lays out a table and is loaded: flags that mean something to some destinations only.

use super::columns::Columns;
use super::endpoints::Endpoints;
use super::flags::{note, positive};
use crate::cli::IngestArgs;
use crate::dest::Hints;
use crate::error::Failure;
use crate::model::{FileFormat, LOADED_AT, LogicalType};

/// BigQuery clusters by at most so many columns.
const CLUSTERS: usize = 4;

/// Reads the hints, and notes those that mean nothing to the destination.
pub(super) fn hints(
    args: &IngestArgs,
    ends: &Endpoints<'_>,
    columns: &Columns,
    notes: &mut Vec<String>,
) -> Result<Hints, Failure> {
    let (can, name) = (&ends.capabilities, ends.destination);
    let mut hints = Hints::default();
    // Even where they mean nothing: what is mistyped was meant to do something.
    let typed = args.partition_by.iter().map(|column| ("partition-by", column));
    let typed = typed.chain(args.cluster_by.iter().map(|column| ("cluster-by", column)));
    for (flag, column) in typed.filter(|(flag, _)| args.typed.contains(*flag)) {
        if !column.trim().is_empty() && !is_stamp(column.trim(), args) {
            columns.check_exists(flag, column.trim())?;
        }
    }
    if can.partitioning {
        let typed = args.partition_by.as_deref().map(str::trim).filter(|column| !column.is_empty());
        hints.partition_by = typed.map(|column| partition(column, args, columns)).transpose()?;
    } else {
        note(args, "partition-by", &format!("{name} has no partitions"), notes);
    }
    if can.clustering {
        hints.cluster_by = clusters(args, columns)?;
    } else {
        note(args, "cluster-by", &format!("{name} has no clusters"), notes);
    }
    if can.file_formats.is_empty() {
        let reason = format!("{name} is not loaded through files");
        note(args, "loader-file-format", &reason, notes);
        note(args, "loader-file-size", &reason, notes);
    } else {
        hints.file_format = args.loader_file_format;
        if let Some(format) = args.loader_file_format.map(FileFormat::name)
            && !can.file_formats.contains(&format)
        {
            return Err(Failure::usage(format!("--loader-file-format: {name} cannot load {format}"))
                .hint(format!("it can load {}", can.file_formats.join(", "))));
        }
        if let Some(size) = args.loader_file_size.as_deref() {
            positive("--loader-file-size", size.trim())?;
            note(args, "loader-file-size", "the rows of a commit are streamed as one file", notes);
        }
    }
    if can.staging_bucket {
        hints.staging_bucket = args.staging_bucket.clone();
    } else {
        note(args, "staging-bucket", &format!("{name} needs no bucket"), notes);
    }
    if can.staging_dataset {
        hints.staging_dataset = args.staging_dataset.clone();
    } else {
        note(args, "staging-dataset", &format!("{name} needs no staging dataset"), notes);
    }
    Ok(hints)
}

/// The column that holds when a row was loaded; no source has it.
fn is_stamp(typed: &str, args: &IngestArgs) -> bool {
    typed == LOADED_AT && !args.no_load_timestamp
}

/// A column that there will be, under its name in the destination, and its type.
fn column(
    flag: &str,
    typed: &str,
    args: &IngestArgs,
    columns: &Columns,
) -> Result<(String, LogicalType), Failure> {
    if is_stamp(typed, args) {
        return Ok((typed.to_owned(), LogicalType::Timestamp));
    }
    let source = columns.source_of(typed);
    let logical = columns.logical(source).filter(|_| !columns.excluded(source)).ok_or_else(|| {
        Failure::usage(format!("--{flag}: there will be no column `{typed}`{}", columns.meant(typed)))
            .hint("`ingestr tables` lists the columns")
    })?;
    Ok((columns.renamed(source).to_owned(), logical))
}

fn partition(typed: &str, args: &IngestArgs, columns: &Columns) -> Result<String, Failure> {
    let (name, logical) = column("partition-by", typed, args, columns)?;
    if logical != LogicalType::Timestamp {
        return Err(Failure::usage(format!("--partition-by: `{typed}` is {}, not timestamptz", logical.name()))
            .hint("tables are partitioned by the day of an instant, e.g. created_datetime; for others use --cluster-by"));
    }
    Ok(name)
}

fn clusters(args: &IngestArgs, columns: &Columns) -> Result<Vec<String>, Failure> {
    let mut clusters = Vec::new();
    for typed in args.cluster_by.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let (name, logical) = column("cluster-by", typed, args, columns)?;
        if matches!(logical, LogicalType::Json | LogicalType::Float64) {
            return Err(Failure::usage(format!(
                "--cluster-by: `{typed}` is {}, which has no order",
                logical.name()
            ))
            .hint("cluster by text, bigint, boolean or timestamptz columns"));
        }
        clusters.push(name);
    }
    if clusters.len() > CLUSTERS {
        return Err(Failure::usage(format!("--cluster-by: {} columns are too many", clusters.len()))
            .hint(format!("name at most {CLUSTERS}, the most selective first")));
    }
    Ok(clusters)
}
