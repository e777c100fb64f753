//! Which package a source file belongs to, by where it is.

/// Code that was not installed: the user's own.
pub(crate) const OWN_CODE: &str = "(own code)";
/// Modules that come with Python, frozen ones too.
pub(crate) const STANDARD_LIBRARY: &str = "(standard library)";

/// Folders that installers put packages into.
const INSTALLED: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// The name of the package's folder or module: `numpy` for `…/site-packages/numpy/linalg/_linalg.py`.
pub(crate) fn package_of(file: &str) -> &str {
    for folder in INSTALLED {
        if let Some(at) = file.rfind(folder) {
            let inside = &file[at + folder.len()..];
            let name = inside.split('/').next().unwrap_or(inside);
            return name.strip_suffix(".py").unwrap_or(name);
        }
    }
    if file.starts_with("<frozen ") || is_in_standard_library(file) { STANDARD_LIBRARY } else { OWN_CODE }
}

/// Whether a folder of the path is `lib/python3.N`.
fn is_in_standard_library(file: &str) -> bool {
    let minor = file.split_once("/lib/python3.").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    // A debug or free-threaded build has a letter behind the number.
    minor.is_some_and(|minor| minor.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_known_by_its_folder() {
        for (file, package) in [
            ("/v/lib/python3.11/site-packages/numpy/linalg/_linalg.py", "numpy"),
            ("/v/lib/python3.11/site-packages/six.py", "six"),
            ("/usr/lib/python3/dist-packages/apt/cache.py", "apt"),
            ("/usr/lib/python3.11/json/decoder.py", STANDARD_LIBRARY),
            ("/opt/lib/python3.14t/json/decoder.py", STANDARD_LIBRARY),
            ("<frozen importlib._bootstrap>", STANDARD_LIBRARY),
            ("<string>", OWN_CODE),
            ("/home/me/lib/python3.py", OWN_CODE),
            ("/home/me/job.py", OWN_CODE),
            ("", OWN_CODE),
        ] {
            assert_eq!(package_of(file), package, "{file}");
        }
    }
}
