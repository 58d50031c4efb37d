//! Which module is loaded: its code runs in this process, so only what an administrator or this user
//! put there is taken.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::uri::ModuleName;

/// Where Debian, Fedora, Alpine, BSD and macOS put modules; `*` is one folder, such as that of an
/// architecture.
const FOLDERS: [&str; 9] = [
    "/usr/lib/*/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/local/lib/pkcs11",
    "/opt/homebrew/lib/pkcs11",
    "/usr/lib/*",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
];

/// What is loaded where the URI names no module: it loads those which the system's administrator has
/// configured.
const PROXY: &str = "p11-kit-proxy";

/// The checked path of the module that a URI names.
pub(super) fn locate(module: Option<&ModuleName>) -> Result<PathBuf, Fault> {
    let path = match module {
        Some(ModuleName::Path(path)) => path.clone(),
        Some(ModuleName::Name(name)) => by_name(name, &FOLDERS)?.ok_or_else(|| {
            Fault::new(
                format!("no PKCS#11 module of this name is in the system's folders: {name}"),
                "name its path with module-path=/path/of/module.so",
            )
        })?,
        None => by_name(PROXY, &FOLDERS)?.ok_or_else(|| {
            Fault::new(
                "the `pkcs11:` URI names no module, and p11-kit is not installed",
                "add ?module-path=/path/of/module.so, such as /usr/lib/softhsm/libsofthsm2.so",
            )
        })?,
    };
    checked(&path)
}

/// Finds `lib<name>.so` or `<name>.so`.
fn by_name(name: &str, folders: &[&str]) -> Result<Option<PathBuf>, Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(Fault::new(
            "`module-name` of the `pkcs11:` URI is not the name of a module",
            "write it without folder, `lib` and ending, or name the path with module-path",
        ));
    }
    let endings: &[&str] = if cfg!(target_os = "macos") { &["dylib", "so"] } else { &["so"] };
    let files: Vec<_> = endings
        .iter()
        .flat_map(|ending| [format!("lib{name}.{ending}"), format!("{name}.{ending}")])
        .collect();
    let folders = folders.iter().flat_map(|folder| match folder.split_once('*') {
        None => vec![PathBuf::from(folder)],
        Some((above, below)) => subfolders(Path::new(above), below.trim_start_matches('/')),
    });
    Ok(folders
        .flat_map(|folder| files.iter().map(|file| folder.join(file)).collect::<Vec<_>>())
        .find(|path| path.is_file()))
}

fn subfolders(above: &Path, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path().join(below)).collect();
    folders.sort();
    folders
}

/// The file itself, behind all links, if nobody but root and this user can have written it.
fn checked(path: &Path) -> Result<PathBuf, Fault> {
    if !path.is_absolute() {
        return Err(Fault::new(
            "the path of the PKCS#11 module is not absolute",
            "write module-path=/path/of/module.so",
        ));
    }
    let real = fs::canonicalize(path).map_err(|cause| {
        Fault::new(
            format!("the PKCS#11 module cannot be found: {} ({cause})", path.display()),
            "install the package that has it, or check the path",
        )
    })?;
    if !real.is_file() {
        return Err(Fault::new(
            format!("the path of the PKCS#11 module is not that of a file: {}", path.display()),
            "name the module's file, such as /usr/lib/softhsm/libsofthsm2.so",
        ));
    }
    check_writers(&real)?;
    Ok(real)
}

/// Of the file and of its folder, in which it could be exchanged.
#[cfg(unix)]
fn check_writers(real: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let user = rustix::process::geteuid().as_raw();
    let parents = real.parent().into_iter();
    for (place, is_folder) in [(real, false)].into_iter().chain(parents.map(|it| (it, true))) {
        let Ok(metadata) = fs::metadata(place) else { continue };
        let (mode, owner) = (metadata.mode(), metadata.uid());
        let is_open = mode & OTHERS_WRITE != 0 && !(is_folder && mode & STICKY != 0);
        if is_open || (owner != 0 && owner != user) {
            let whose = if is_open { "every user can write" } else { "another user owns" };
            return Err(Fault::new(
                format!("a PKCS#11 module is code, and {whose} this one: {}", place.display()),
                "let root own the module and its folder, and nobody else write there",
            ));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_writers(_: &Path) -> Result<(), Fault> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_the_systems_folders_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("x86_64-linux-gnu").join("pkcs11");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("libone.so"), "").unwrap();
        fs::write(inner.join("two.so"), "").unwrap();
        let star = format!("{}/*/pkcs11", folder.path().display());
        let find = |name| by_name(name, &[&star]);
        assert_eq!(find("one").unwrap(), Some(inner.join("libone.so")));
        assert_eq!(find("two").unwrap(), Some(inner.join("two.so")));
        assert_eq!(find("three").unwrap(), None);
        for name in ["", "../one", "/one", ".one"] {
            assert!(find(name).is_err(), "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_module_that_others_can_write_is_not_loaded() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.so");
        fs::write(&path, "").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&path, 0o644);
        assert_eq!(checked(&path).unwrap(), fs::canonicalize(&path).unwrap());
        mode(&path, 0o666);
        assert!(checked(&path).unwrap_err().to_string().contains("every user can write"));
        mode(&path, 0o644);
        mode(folder.path(), 0o777);
        assert!(checked(&path).unwrap_err().to_string().contains("every user can write"));
        mode(folder.path(), 0o1777);
        assert!(checked(&path).is_ok());
        assert!(checked(Path::new("module.so")).is_err());
        assert!(checked(folder.path()).unwrap_err().to_string().contains("not that of a file"));
        assert!(checked(&folder.path().join("none")).is_err());
    }
}
