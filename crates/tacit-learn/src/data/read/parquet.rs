//! Apache Parquet: flat columns, uncompressed or Snappy.

use super::files::{malformed, open_file};
use super::footer;
use super::table::{Role, Table};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row};
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::limits;

pub(super) fn read(path: &Path, table: &mut Table<'_>) -> Result<(), Error> {
    // The library asserts some of what it expects of a file: on a thread of its own a failed
    // assertion is an error like any other.
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("parquet".into())
            .spawn_scoped(scope, || rows(path, table))
            .map_err(|error| Error::world("starting a thread", error))?;
        reader.join().unwrap_or_else(|_| Err(malformed(path, "what no parquet writer writes")))
    })
}

fn rows(path: &Path, table: &mut Table<'_>) -> Result<(), Error> {
    let mut file = open_file(path)?;
    footer::check(&mut file, path)?;
    let reader = SerializedFileReader::new(file).map_err(|e| malformed(path, e))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    if schema.num_columns() > limits::FEATURES {
        return Err(malformed(path, format!("{} columns", schema.num_columns())));
    }
    let mut columns = Vec::with_capacity(schema.num_columns());
    for column in schema.columns() {
        if column.max_rep_level() > 0 || column.path().parts().len() != 1 {
            let expected = format!("flat columns in {}", path.display());
            return Err(Error::caller("data file", expected, column.path().string()));
        }
        columns.push(column.name().to_owned());
    }
    let roles = table.roles(&columns, path)?;
    let rows = reader.get_row_iter(None).map_err(|e| malformed(path, e))?;
    for (row, fields) in rows.enumerate() {
        let fields = fields.map_err(|e| malformed(path, e))?;
        add(&fields, row + 1, &roles, path, table)?;
    }
    Ok(())
}

fn add(
    fields: &Row,
    row: usize,
    roles: &[Role],
    path: &Path,
    table: &mut Table<'_>,
) -> Result<(), Error> {
    for ((column, field), role) in fields.get_column_iter().zip(roles) {
        let place = || format!("row {row}, column {column:?} of {}", path.display());
        let refuse = |expected: &str| {
            let expected = format!("{expected} in {}", place());
            Error::caller("data file", expected, shortened(field))
        };
        match role {
            Role::Feature => {
                let value = number(field).ok_or_else(|| refuse("a finite number"))?;
                table.value(value, place)?;
            }
            Role::Label => {
                let text = text(field).ok_or_else(|| refuse("a text or a number"))?;
                table.label(&text, place)?;
            }
            Role::Group => {
                table.group(&text(field).ok_or_else(|| refuse("a text or a number"))?);
            }
            Role::Ignored => (),
        }
    }
    Ok(())
}

fn number(field: &Field) -> Option<f64> {
    Some(match *field {
        Field::Bool(x) => f64::from(u8::from(x)),
        Field::Byte(x) => f64::from(x),
        Field::Short(x) => f64::from(x),
        Field::Int(x) => f64::from(x),
        Field::Long(x) => x as f64,
        Field::UByte(x) => f64::from(x),
        Field::UShort(x) => f64::from(x),
        Field::UInt(x) => f64::from(x),
        Field::ULong(x) => x as f64,
        Field::Float16(x) => f64::from(x),
        Field::Float(x) => f64::from(x),
        Field::Double(x) => x,
        _ => return None,
    })
}

fn text(field: &Field) -> Option<String> {
    Some(match field {
        Field::Str(x) => x.trim().to_owned(),
        Field::Bool(x) => x.to_string(),
        // As text, not through f64, which would merge large numbers.
        Field::Long(x) => x.to_string(),
        Field::ULong(x) => x.to_string(),
        other => number(other)?.to_string(),
    })
}

fn shortened(field: &Field) -> String {
    match field {
        Field::Null => "nothing".into(),
        Field::Str(x) => format!("{:?}", x.chars().take(40).collect::<String>()),
        other => other.to_string().chars().take(40).collect(),
    }
}
