//! Which columns of a Parquet file hold pictures and identities, and what their cells say.

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::ColumnDescriptor;

/// Columns of picture files, the one to take first; `image.bytes` is Hugging Face's.
const PICTURES: [&str; 8] =
    ["image.bytes", "image", "img.bytes", "img", "image_bytes", "jpg", "png", "bytes"];
/// Columns that name an identity, likewise.
pub(super) const IDENTITIES: [&str; 6] = ["identity", "label", "name", "person", "class", "cls"];
/// Cells that are read at once.
const AT_ONCE: usize = 4096;

/// Positions of the two columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) picture: usize,
    pub(super) identity: usize,
}

/// Finds the columns, or says which there are.
pub(super) fn find(metadata: &ParquetMetaData) -> Result<Columns, String> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let find = |names: &[&str], types: &[Type]| {
        names.iter().find_map(|name| {
            columns.iter().position(|column| {
                column.max_rep_level() == 0
                    && types.contains(&column.physical_type())
                    && column.path().string().eq_ignore_ascii_case(name)
            })
        })
    };
    let picture = find(&PICTURES, &[Type::BYTE_ARRAY]);
    let identity = find(&IDENTITIES, &[Type::BYTE_ARRAY, Type::INT32, Type::INT64]);
    let (Some(picture), Some(identity)) = (picture, identity) else {
        let wanted = if picture.is_none() {
            format!("one of bytes called {}", PICTURES.join(", "))
        } else {
            format!("one of text or integers called {}", IDENTITIES.join(", "))
        };
        let named = |column: &ColumnDescriptor| {
            format!("{} ({})", column.path().string(), column.physical_type())
        };
        let found: Vec<String> = columns.iter().take(20).map(|it| named(it)).collect();
        return Err(format!("its columns are {}, but {wanted} is expected", found.join(", ")));
    };
    Ok(Columns { picture, identity })
}

/// Names of the numbers of an identity column, as Hugging Face's `ClassLabel` writes them.
pub(super) fn class_names(metadata: &ParquetMetaData, column: usize) -> Vec<String> {
    let file = metadata.file_metadata();
    let name = file.schema_descr().column(column).path().string();
    let entries = file.key_value_metadata().into_iter().flatten();
    let text = entries.filter(|it| it.key == "huggingface").find_map(|it| it.value.as_deref());
    let json: serde_json::Value =
        text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    let names = json["info"]["features"][&name]["names"].as_array().cloned().unwrap_or_default();
    names.iter().map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
}

/// What the identity cells of a row group say; nothing where a cell is empty.
pub(super) fn identities(
    reader: ColumnReader,
    column: &ColumnDescriptor,
    names: &[String],
    max_rows: usize,
) -> Result<Vec<Option<String>>, String> {
    let optional = column.max_def_level();
    let numbered = |number: i64| match usize::try_from(number).ok().and_then(|it| names.get(it)) {
        Some(name) if !name.is_empty() => Some(name.clone()),
        _ => Some(number.to_string()),
    };
    match reader {
        ColumnReader::Int32ColumnReader(reader) => {
            cells(reader, optional, max_rows, |it| numbered(i64::from(*it)))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            cells(reader, optional, max_rows, |it| numbered(*it))
        }
        ColumnReader::ByteArrayColumnReader(reader) => cells(reader, optional, max_rows, named),
        _ => Err("its identities are neither text nor integers".to_owned()),
    }
}

fn named(cell: &ByteArray) -> Option<String> {
    let text = String::from_utf8_lossy(cell.data());
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// All cells of a column of a row group, if they are no more than `max_rows`.
fn cells<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    full_level: i16,
    max_rows: usize,
    mean: impl Fn(&T::T) -> Option<String>,
) -> Result<Vec<Option<String>>, String> {
    let mut found = Vec::new();
    loop {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let read = reader.read_records(AT_ONCE, Some(&mut levels), None, &mut values);
        let (n_rows, _, _) = read.map_err(|error| error.to_string())?;
        if n_rows == 0 {
            return Ok(found);
        }
        if found.len() + n_rows > max_rows {
            return Err(format!(
                "it holds more rows than the file has bytes ({max_rows}): it is damaged"
            ));
        }
        let mut values = values.iter();
        if full_level == 0 {
            found.extend(values.map(&mean));
        } else {
            let cell =
                |level| if level == full_level { values.next().and_then(&mean) } else { None };
            found.extend(levels.into_iter().map(cell));
        }
    }
}

/// The cell of one row of a column of bytes.
pub(super) fn picture(reader: ColumnReader, row: usize) -> Result<Vec<u8>, String> {
    let ColumnReader::ByteArrayColumnReader(mut reader) = reader else {
        return Err("its pictures are no bytes".to_owned());
    };
    let failed = |error: parquet::errors::ParquetError| error.to_string();
    let n_skipped = reader.skip_records(row).map_err(failed)?;
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let read = reader.read_records(1, Some(&mut levels), None, &mut values).map_err(failed)?;
    if n_skipped != row || read.0 != 1 {
        return Err(format!("its column ends before row {row} of the row group"));
    }
    values.first().map(|it| it.data().to_vec()).ok_or_else(|| "the picture is null".to_owned())
}
