//! The script of the Job that clones, run by a shell.

use manifests::clone_check;
use manifests::config::{Config, Git};

#[test]
fn a_clone_that_never_ends_is_ended_and_said_so() {
    let git = Git { url: "https://git.example/ml/gitops".into(), ..Git::default() };
    let job = clone_check::job(&Config { git, ..Config::default() }, "secret", "image", &[]).expect("a Job");
    let script = job.text("/spec/template/spec/containers/0/command/2").to_owned();
    let dir = std::env::temp_dir().join(format!("clone-check-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary folder");
    // Stands for one that had to end what it was given.
    let timeout = "#!/bin/sh\n[ \"$2 $3\" = 'git clone' ] && exit 124\n";
    std::fs::write(dir.join("timeout"), timeout).expect("the folder is ours");
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("chmod 700 timeout\n{script}"), "sh"])
        .current_dir(&dir)
        .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
        .env("REPOSITORY", "/none")
        .output()
        .expect("sh runs");
    std::fs::remove_dir_all(&dir).expect("it is ours");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), words.trim()), (Some(124), "git clone timed out after 60 seconds"));
}
