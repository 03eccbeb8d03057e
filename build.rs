//! Puts the prebuilt libduckdb next to the binaries and lets them look there, so that a built `ingestr` runs from
//! wherever `CARGO_TARGET_DIR` is, and goes on running when the checkout it came from is gone. What the library would
//! look up about itself at each start is looked up here, once (`scripts/settle.rs`).

#![expect(clippy::disallowed_methods, reason = "a build script is told everything through its environment")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "scripts/settle.rs"]
mod settle;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=scripts/settle.rs");
    println!("cargo::rerun-if-changed=.duckdb/libduckdb.so");
    let linked =
        env::var_os("CARGO_FEATURE_DUCKDB").is_some() && env::var_os("CARGO_FEATURE_BUNDLED").is_none();
    if !linked || env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Ok(());
    }
    let library = Path::new(".duckdb/libduckdb.so");
    if !library.exists() {
        return Err(
            "libduckdb is not here yet: run `make libduckdb` (or build with `--features bundled`)".into()
        );
    }
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let profile = out.ancestors().nth(3).ok_or("OUT_DIR is too short")?;
    copy(library, &profile.join("libduckdb.so"))
        .map_err(|error| format!("cannot copy libduckdb.so: {error}"))?;
    // Binaries lie in <profile>, test binaries in <profile>/deps; packages have bin/ beside lib/ or share/.
    println!(
        "cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN:$ORIGIN/..:$ORIGIN/../lib/ingestr:$ORIGIN/../share/ingestr"
    );
    Ok(())
}

/// Through a rename: a running `ingestr` keeps the file it has mapped.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut library = fs::read(from)?;
    if settle::settle(&mut library).is_none() {
        println!("cargo::warning=libduckdb.so is not laid out as expected; each start takes 8 ms longer");
    }
    if fs::read(to).is_ok_and(|there| there == library) {
        return Ok(());
    }
    let part = to.with_extension("part");
    fs::write(&part, library)?;
    fs::rename(part, to)
}
