//! The command line under test: what `cargo xtask` runs.

fn main() -> std::process::ExitCode {
    gitops_setup::main()
}
