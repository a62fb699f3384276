//! The command line for those who install it: `gitops-setup setup` is what `cargo xtask setup` is in a repository.

fn main() -> std::process::ExitCode {
    gitops_setup::main()
}
