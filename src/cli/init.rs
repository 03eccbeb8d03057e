//! Arguments of `ingestr init`. The key is none of them: what is typed shows in the list of processes.

use std::path::PathBuf;

use clap::Args;

use crate::secret::SecretUri;

/// The variable that the key is taken from where nobody can be asked.
pub const KEY_VARIABLE: &str = "INGESTR_API_KEY";

/// Arguments of `ingestr init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The help desk: mycompany, mycompany.gorgias.com, or the address in the browser.
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// The e-mail of the user who owns the API key.
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<String>,
    /// The destination; duckdb:///helpdesk.duckdb where it is not typed and nobody can be asked.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// Write both URIs to this file, which only you can read.
    #[arg(long, value_name = "FILE", default_value = "gorgias.env")]
    pub env_file: PathBuf,
    /// Send requests to this address instead of that of the help desk, for a proxy or a simulated account.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
}
