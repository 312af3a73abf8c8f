//! What this machine and this process are: CPU features, loaded libraries, disk space.

use std::path::{Path, PathBuf};

/// The file from which this process loaded the shared library with this file name (Linux; elsewhere `None`).
pub fn loaded_library(file_name: &str) -> Option<PathBuf> {
    find_mapped(&std::fs::read_to_string("/proc/self/maps").ok()?, file_name)
}

/// Finds a mapped file by its name in the text of /proc/PID/maps, see proc_pid_maps(5).
fn find_mapped(maps: &str, file_name: &str) -> Option<PathBuf> {
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|name| name == file_name))
        .map(Path::to_owned)
}

/// The vector instruction sets this CPU has, of those that libtorch's kernels use.
pub fn cpu_features() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
            ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
        ];
        found.extend(all.into_iter().filter_map(|(name, has)| has.then_some(name)));
    }
    found
}

/// Bytes that a user may still write on the disk of `path`, or of its nearest existing parent.
pub fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let absolute = std::path::absolute(path)?;
    let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let disk = rustix::fs::statvfs(existing)?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// Bytes of all files in a folder and below; what cannot be read counts nothing. Links are not followed.
pub fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_library_is_found_by_name_also_in_a_folder_with_spaces() {
        let maps = "7f0-7f1 r-xp 00000000 08:01 131 /lib/ld.so\n\
                    7f2-7f3 r-xp 00000000 08:01 132                   /my lib/libtorch_cpu.so\n\
                    7f4-7f5 rw-p 00000000 00:00 0 [heap]\n";
        assert_eq!(find_mapped(maps, "libtorch_cpu.so"), Some("/my lib/libtorch_cpu.so".into()));
        assert_eq!(find_mapped(maps, "libtorch.so"), None);
    }

    #[test]
    fn sizes_add_up_and_a_missing_folder_has_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/b"), [0; 10]).unwrap();
        std::fs::write(folder.path().join("c"), [0; 5]).unwrap();
        assert_eq!(folder_bytes(folder.path()), 15);
        assert_eq!(folder_bytes(&folder.path().join("no")), 0);
        assert!(free_bytes(&folder.path().join("not/there/yet")).unwrap() > 0);
    }
}
