//! Parameters as safetensors files, the exchange format of PyTorch, JAX and others: eight bytes of
//! header length, a JSON header, then the values. Only f32 tensors are models here.

use std::collections::BTreeMap;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::params::{Layout, Params, Tensor, values_of};

/// Longest header in bytes: room for the most tensors a layout may have, with long names.
pub const HEADER_BYTES: u64 = 32 << 20;

/// What a file says about itself.
pub type Metadata = BTreeMap<String, String>;

/// One entry of a header.
#[derive(serde::Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

/// The bytes of a file that holds `params`, tensor by tensor in the order of their layout, and
/// pairs of names and texts about them. Equal arguments give equal bytes.
///
/// # Errors
/// A tensor named `__metadata__`, which the format reserves.
pub fn write(params: &Params, metadata: &[(String, String)]) -> Result<Vec<u8>, Error> {
    let mut entries = Vec::new();
    let mut end = 0;
    for Tensor { name, shape } in params.layout().tensors() {
        if name == "__metadata__" {
            return Err(refuse("tensor names other than __metadata__", name.as_str()));
        }
        let start = end;
        end += shape.iter().product::<usize>() * 4;
        let entry = Entry { dtype: "F32", shape, data_offsets: [start, end] };
        entries.push((json(name)?, json(&entry)?));
    }
    let mut header = String::from("{");
    if !metadata.is_empty() {
        let metadata: Metadata = metadata.iter().cloned().collect();
        header += &format!("\"__metadata__\":{},", json(&metadata)?);
    }
    for (i, (name, entry)) in entries.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        header += &format!("{comma}{name}:{entry}");
    }
    header.push('}');
    // The values that follow are aligned to eight bytes; the format allows trailing spaces.
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(params.values().iter().flat_map(|x| x.to_le_bytes()));
    Ok(bytes)
}

/// The tensors of a file, in the order in which they lie in it, and its metadata.
///
/// # Errors
/// Bytes that are no safetensors file, other types than f32, values that are not finite, no
/// tensors, or more than a [`Layout`] may hold.
pub fn read(bytes: &[u8]) -> Result<(Params, Metadata), Error> {
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if header > HEADER_BYTES {
        return Err(refuse(
            format!("a header of at most {HEADER_BYTES} bytes"),
            header.to_string(),
        ));
    }
    let malformed =
        |e: safetensors::SafeTensorError| refuse("the safetensors format", e.to_string());
    let (header_bytes, header) =
        safetensors::SafeTensors::read_metadata(bytes).map_err(malformed)?;
    let mut tensors = Vec::new();
    for name in header.offset_keys() {
        let info = header.info(&name).ok_or(Error::Bug("a tensor left its own header"))?;
        if info.dtype != safetensors::Dtype::F32 {
            return Err(refuse("tensors of type F32", format!("{:?} in {name}", info.dtype)));
        }
        tensors.push(Tensor { name, shape: info.shape.clone() });
    }
    let layout = Arc::new(Layout::new(tensors)?);
    let values = values_of(bytes.get(8 + header_bytes..).unwrap_or_default()).collect();
    let params = Params::new(layout, values).map_err(|e| refuse("finite values", e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok((params, metadata))
}

/// The tensors of a file that must have exactly the names and shapes of `layout`, in its order.
///
/// # Errors
/// As [`read`], and when a tensor is missing, unexpected, or of another shape.
pub fn read_as(bytes: &[u8], layout: &Arc<Layout>) -> Result<Params, Error> {
    let (found, _) = read(bytes)?;
    let (expected, given) = (layout.tensors(), found.layout().tensors());
    if let Some(extra) = given.iter().find(|t| !expected.iter().any(|e| e.name == t.name)) {
        return Err(refuse("only the tensors of the model", format!("also {}", extra.name)));
    }
    let mut values = Vec::with_capacity(layout.len());
    for tensor in expected {
        let describe = |t: &Tensor| format!("{} of shape {:?}", t.name, t.shape);
        let Some(own) = given.iter().find(|t| t.name == tensor.name) else {
            return Err(refuse(describe(tensor), "no such tensor"));
        };
        if own.shape != tensor.shape {
            return Err(refuse(describe(tensor), describe(own)));
        }
        values.extend_from_slice(found.tensor(&tensor.name).unwrap_or_default());
    }
    Ok(Params::new(layout.clone(), values)?)
}

fn refuse(expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::caller("safetensors file", expected, found)
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Bug("a header cannot be written as JSON"))
}
