//! `cargo xtask`: from a config file and a cluster to a verified GitOps set-up. All of it is in the library, so
//! that another repository's own xtask can be these same three lines.

fn main() -> std::process::ExitCode {
    xtask::main()
}
