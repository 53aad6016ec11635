//! Compiles the wire format without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let file = format!("{root}/tacit/v1/tacit.proto");
    println!("cargo:rerun-if-changed={file}");
    let set = protox::compile([&file], [root])?;
    prost_build::Config::new()
        .bytes(["."])
        .type_attribute("tacit.v1.Status", "#[derive(serde::Serialize)]")
        .compile_fds(set)?;
    Ok(())
}
