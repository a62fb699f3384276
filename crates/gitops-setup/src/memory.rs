//! Secrets in memory stay there.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Turns core dumps off, for this process and for those that it starts, such as `git` with a token in its environment.
/// On Linux, other programs of the same user can't look into this process either, nor into its environment.
pub(crate) fn keep_private() {
    let maximum = getrlimit(Resource::Core).maximum;
    // Lowering is always allowed. Where it fails nevertheless, nothing here is any worse for it.
    let _refused = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A handler that the kernel pipes core dumps to gets them whatever the limit is.
        let _refused = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;

    #[test]
    fn no_core_dump_is_made() {
        keep_private();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
