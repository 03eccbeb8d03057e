//! What the environment says about the network: proxies and certificates. The HTTP client reads the same variables by
//! itself, and says little when they are wrong; this knows them by name.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::uri::Base;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The variable of the proxy for https, and its value.
    proxy: Option<(&'static str, String)>,
    no_proxy: String,
    /// `SSL_CERT_FILE`, if it is all that is trusted.
    certificates: Option<PathBuf>,
}

/// Something that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Wrong {
    problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl Surroundings {
    /// Looks the variables up.
    #[must_use]
    pub fn read(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            env(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
        };
        let found = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        Self {
            proxy: found.into_iter().find_map(|name| Some((name, text(name)?))),
            no_proxy: text("no_proxy").or_else(|| text("NO_PROXY")).unwrap_or_default(),
            certificates: env("SSL_CERT_FILE").filter(|_| env("SSL_CERT_DIR").is_none()).map(PathBuf::from),
        }
    }

    /// Finds what cannot work with the API there.
    ///
    /// # Errors
    /// Names the variable.
    pub(crate) fn check(&self, base: &Base) -> Result<(), Wrong> {
        if let Some((name, value)) = self.proxy_of(base) {
            let authority = value.split_once("://").map_or(value, |(_, rest)| rest);
            let authority = authority.split('/').next().unwrap_or_default();
            if authority.matches('@').count() > 1 {
                let problem = format!(
                    "{name}: the password in it has an @, so that nobody can tell where the host begins"
                );
                return Err(Wrong { problem, hint: "write %40 for an @ in the name or the password" });
            }
        }
        if let Some(file) = self.certificates.as_ref().filter(|_| !base.is_plain()) {
            let what = match std::fs::read(file) {
                _ if file.as_os_str().is_empty() => "is set, but names no file".to_owned(),
                Err(error) => format!("names {}, which cannot be read: {error}", file.display()),
                Ok(text) if text.trim_ascii().is_empty() => {
                    format!("names {}, which is empty", file.display())
                }
                Ok(text) if !text.windows(10).any(|words| words == b"-----BEGIN") => {
                    format!("names {}, which has no certificates in PEM form", file.display())
                }
                Ok(_) => return Ok(()),
            };
            let hint = "let it name a bundle of certificates, such as /etc/ssl/certs/ca-certificates.crt, or unset it";
            return Err(Wrong { problem: format!("SSL_CERT_FILE {what}"), hint });
        }
        Ok(())
    }

    /// The proxy on the way to the API, by its host and its variable; no user, no password.
    pub(crate) fn proxy(&self, base: &Base) -> Option<String> {
        let (name, value) = self.proxy_of(base)?;
        let host = value.split_once("://").map_or(value, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        Some(format!("{host}, which {name} names"))
    }

    fn proxy_of(&self, base: &Base) -> Option<(&'static str, &str)> {
        let (name, value) = self.proxy.as_ref()?;
        let host = base.url.split_once("://").map_or(base.url.as_str(), |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        let spared =
            self.no_proxy.split(',').map(|entry| entry.trim().trim_start_matches('.')).any(|entry| {
                entry == "*" || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}"))))
            });
        (!base.loopback && !base.is_plain() && !spared).then_some((*name, value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(set: &'static [(&'static str, &'static str)]) -> Surroundings {
        Surroundings::read(&|name| {
            set.iter().find(|(there, _)| *there == name).map(|(_, value)| value.into())
        })
    }

    fn base() -> Base {
        Base { url: "https://acme.gorgias.com".into(), loopback: false }
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxy = |set| around(set).proxy(&base());
        let named = Some("proxy.example.com:3128, which HTTPS_PROXY names".to_owned());
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://user:SECRET@proxy.example.com:3128/")]), named);
        assert_eq!(proxy(&[("ALL_PROXY", "proxy:1")]).as_deref(), Some("proxy:1, which ALL_PROXY names"));
        assert_eq!(proxy(&[("HTTP_PROXY", "http://proxy:1")]), None);
        for spared in ["*", "gorgias.com", ".gorgias.com", "x,acme.gorgias.com"] {
            let spared: &'static str = spared;
            let around =
                Surroundings { no_proxy: spared.into(), ..around(&[("HTTPS_PROXY", "http://proxy:1")]) };
            assert_eq!(around.proxy(&base()), None, "{spared}");
        }
        let loopback = Base { url: "http://127.0.0.1:9".into(), loopback: true };
        assert_eq!(around(&[("HTTPS_PROXY", "http://proxy:1")]).proxy(&loopback), None);
    }

    #[test]
    fn what_cannot_work_is_named() {
        let wrong = |set| around(set).check(&base()).map_err(|wrong| wrong.to_string());
        assert_eq!(wrong(&[]), Ok(()));
        let told = wrong(&[("HTTPS_PROXY", "http://user:SEC@RET@proxy:1")]).unwrap_err();
        assert!(told.starts_with("HTTPS_PROXY: the password") && !told.contains("RET"), "{told}");
        assert_eq!(wrong(&[("SSL_CERT_FILE", "")]), Err("SSL_CERT_FILE is set, but names no file".into()));
        let missing = wrong(&[("SSL_CERT_FILE", "/no/such/file")]).unwrap_err();
        assert!(
            missing.starts_with("SSL_CERT_FILE names /no/such/file, which cannot be read: "),
            "{missing}"
        );
        assert_eq!(
            wrong(&[("SSL_CERT_FILE", "/dev/null")]),
            Err("SSL_CERT_FILE names /dev/null, which is empty".into())
        );
        assert_eq!(wrong(&[("SSL_CERT_FILE", "/no"), ("SSL_CERT_DIR", "/etc")]), Ok(()));
    }
}
