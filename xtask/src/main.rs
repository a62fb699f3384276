//! `cargo xtask`. All of it is in the library, so that another repository's own xtask can be these same three lines.

fn main() -> std::process::ExitCode {
    gitops_setup::main()
}
