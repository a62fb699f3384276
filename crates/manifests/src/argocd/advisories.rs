//! Published vulnerabilities of Argo CD, and which releases have them.

use std::fmt;

use super::release;
use super::version::ArgoVersion;
use crate::config::{ArgoCd, ManifestSource};

/// How bad it is, as the advisory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As a rule, whoever has little gets everything.
    Critical,
    /// As a rule, someone has to be let in first, or only stops Argo CD.
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::High => "high",
        })
    }
}

/// A published vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Its number.
    pub cve: &'static str,
    /// The advisory of the Argo project: <https://github.com/argoproj/argo-cd/security/advisories>.
    pub ghsa: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Who can do what.
    pub what: &'static str,
    /// The first release that has it and the first that no longer does, for each line.
    affected: &'static [(Release, Release)],
}

/// Major, minor and patch version.
type Release = (u64, u64, u64);

/// All that is critical or high in releases from v1.6.2 on, as of 2026-11-21: the records of <https://www.cve.org>
/// under these numbers, for those of CVE-2026-77459 and CVE-2026-1136xx and 1137xx the notes of the releases v3.3.15,
/// v3.4.10 and v3.5.4, which don't say where they began. Release candidates are left out.
const ADVISORIES: &[Advisory] = &[
    Advisory {
        cve: "CVE-2022-24348",
        ghsa: "GHSA-63qx-x74g-jcr7",
        severity: Severity::High,
        what: "Helm charts read files of other Applications",
        affected: &[((0, 0, 0), (2, 1, 9)), ((2, 2, 0), (2, 2, 4))],
    },
    Advisory {
        cve: "CVE-2022-24768",
        ghsa: "GHSA-2f5v-8r3f-8pww",
        severity: Severity::Critical,
        what: "whoever may push or sync becomes admin",
        affected: &[((0, 5, 0), (2, 1, 14)), ((2, 2, 0), (2, 2, 8)), ((2, 3, 0), (2, 3, 2))],
    },
    Advisory {
        cve: "CVE-2022-29165",
        ghsa: "GHSA-r642-gv9p-2wjj",
        severity: Severity::Critical,
        what: "where anonymous access is on, anybody is admin",
        affected: &[((1, 4, 0), (2, 1, 15)), ((2, 2, 0), (2, 2, 9)), ((2, 3, 0), (2, 3, 4))],
    },
    Advisory {
        cve: "CVE-2022-31034",
        ghsa: "GHSA-2m7h-86qq-fp4v",
        severity: Severity::High,
        what: "logins by single sign-on can be guessed",
        affected: &[
            ((0, 11, 0), (2, 1, 16)),
            ((2, 2, 0), (2, 2, 10)),
            ((2, 3, 0), (2, 3, 5)),
            ((2, 4, 0), (2, 4, 1)),
        ],
    },
    Advisory {
        cve: "CVE-2022-31035",
        ghsa: "GHSA-h4w9-6x78-8vrj",
        severity: Severity::Critical,
        what: "links of Deployments run scripts in the UI",
        affected: &[
            ((1, 0, 0), (2, 1, 16)),
            ((2, 2, 0), (2, 2, 10)),
            ((2, 3, 0), (2, 3, 5)),
            ((2, 4, 0), (2, 4, 1)),
        ],
    },
    Advisory {
        cve: "CVE-2022-31105",
        ghsa: "GHSA-7943-82jg-wmw5",
        severity: Severity::High,
        what: "certificates of OIDC providers are not verified",
        affected: &[((0, 4, 0), (2, 2, 11)), ((2, 3, 0), (2, 3, 6)), ((2, 4, 0), (2, 4, 5))],
    },
    Advisory {
        cve: "CVE-2023-22482",
        ghsa: "GHSA-q9hr-j4rf-8fjc",
        severity: Severity::Critical,
        what: "tokens that were made for others log in",
        affected: &[((1, 8, 2), (2, 3, 13)), ((2, 4, 0), (2, 4, 19)), ((2, 5, 0), (2, 5, 6))],
    },
    Advisory {
        cve: "CVE-2023-22736",
        ghsa: "GHSA-6p4m-hw2h-6gmw",
        severity: Severity::High,
        what: "Applications outside of the allowed namespaces are deployed",
        affected: &[((2, 5, 0), (2, 5, 8))],
    },
    Advisory {
        cve: "CVE-2023-23947",
        ghsa: "GHSA-3jfq-742w-xg8j",
        severity: Severity::Critical,
        what: "whoever may change one cluster changes all",
        affected: &[
            ((2, 3, 0), (2, 3, 17)),
            ((2, 4, 0), (2, 4, 23)),
            ((2, 5, 0), (2, 5, 11)),
            ((2, 6, 0), (2, 6, 2)),
        ],
    },
    Advisory {
        cve: "CVE-2023-40029",
        ghsa: "GHSA-fwr2-64vr-xv9m",
        severity: Severity::Critical,
        what: "the page of a cluster shows its credentials",
        affected: &[((2, 2, 0), (2, 6, 15)), ((2, 7, 0), (2, 7, 14)), ((2, 8, 0), (2, 8, 3))],
    },
    Advisory {
        cve: "CVE-2024-22424",
        ghsa: "GHSA-92mw-q256-5vwg",
        severity: Severity::High,
        what: "pages of the same domain act as whoever is logged in",
        affected: &[((0, 1, 0), (2, 7, 15)), ((2, 8, 0), (2, 8, 8)), ((2, 9, 0), (2, 9, 4))],
    },
    Advisory {
        cve: "CVE-2024-28175",
        ghsa: "GHSA-jwv5-8mqv-g387",
        severity: Severity::Critical,
        what: "links of Applications run scripts in the UI",
        affected: &[((1, 0, 0), (2, 8, 12)), ((2, 9, 0), (2, 9, 8)), ((2, 10, 0), (2, 10, 3))],
    },
    Advisory {
        cve: "CVE-2024-21652",
        ghsa: "GHSA-x32m-mvfj-52xv",
        severity: Severity::Critical,
        what: "passwords can be tried without limit",
        affected: &[((0, 0, 0), (2, 8, 13)), ((2, 9, 0), (2, 9, 9)), ((2, 10, 0), (2, 10, 4))],
    },
    Advisory {
        cve: "CVE-2024-21661",
        ghsa: "GHSA-6v85-wr92-q4p7",
        severity: Severity::High,
        what: "anybody stops the server",
        affected: &[((0, 0, 0), (2, 8, 13)), ((2, 9, 0), (2, 9, 9)), ((2, 10, 0), (2, 10, 4))],
    },
    Advisory {
        cve: "CVE-2024-31989",
        ghsa: "GHSA-9766-5277-j5hr",
        severity: Severity::Critical,
        what: "Redis is open to every pod where no NetworkPolicy is enforced",
        affected: &[
            ((0, 0, 0), (2, 8, 19)),
            ((2, 9, 0), (2, 9, 15)),
            ((2, 10, 0), (2, 10, 10)),
            ((2, 11, 0), (2, 11, 1)),
        ],
    },
    Advisory {
        cve: "CVE-2024-40634",
        ghsa: "GHSA-jmvp-698c-4x3w",
        severity: Severity::High,
        what: "a large webhook request stops the server",
        affected: &[((1, 0, 0), (2, 9, 20)), ((2, 10, 0), (2, 10, 15)), ((2, 11, 0), (2, 11, 6))],
    },
    Advisory {
        cve: "CVE-2025-47933",
        ghsa: "GHSA-2hj5-g64g-fp6p",
        severity: Severity::Critical,
        what: "addresses of repositories run scripts in the UI",
        affected: &[((1, 2, 0), (2, 13, 8)), ((2, 14, 0), (2, 14, 13)), ((3, 0, 0), (3, 0, 4))],
    },
    Advisory {
        cve: "CVE-2025-55190",
        ghsa: "GHSA-786q-9hcg-v9ff",
        severity: Severity::Critical,
        what: "tokens of projects read credentials of repositories",
        affected: &[
            ((2, 13, 0), (2, 13, 9)),
            ((2, 14, 0), (2, 14, 16)),
            ((3, 0, 0), (3, 0, 14)),
            ((3, 1, 0), (3, 1, 2)),
        ],
    },
    Advisory {
        cve: "CVE-2025-59531",
        ghsa: "GHSA-f9gq-prrc-hrhc",
        severity: Severity::High,
        what: "one webhook request stops the server (as of Bitbucket Server)",
        affected: &[((1, 2, 0), (2, 14, 20)), ((3, 0, 0), (3, 0, 19)), ((3, 1, 0), (3, 1, 8))],
    },
    Advisory {
        cve: "CVE-2025-59537",
        ghsa: "GHSA-wp4p-9pxh-cgx2",
        severity: Severity::High,
        what: "one webhook request stops the server (as of Gogs)",
        affected: &[((1, 2, 0), (2, 14, 20)), ((3, 0, 0), (3, 0, 19)), ((3, 1, 0), (3, 1, 8))],
    },
    Advisory {
        cve: "CVE-2025-59538",
        ghsa: "GHSA-gpx4-37g2-c8pv",
        severity: Severity::High,
        what: "one webhook request stops the server (as of Azure DevOps)",
        affected: &[((2, 9, 0), (2, 14, 20)), ((3, 0, 0), (3, 0, 19)), ((3, 1, 0), (3, 1, 8))],
    },
    Advisory {
        cve: "CVE-2026-42880",
        ghsa: "GHSA-3v3m-wc6v-x4x3",
        severity: Severity::Critical,
        what: "whoever may look reads Secrets",
        affected: &[((3, 2, 0), (3, 2, 11)), ((3, 3, 0), (3, 3, 9))],
    },
    Advisory {
        cve: "CVE-2026-55797",
        ghsa: "GHSA-j6cw-g6p4-7hch",
        severity: Severity::High,
        what: "whoever may add a repository runs commands in the repo-server",
        affected: &[((2, 11, 0), (3, 3, 15)), ((3, 4, 0), (3, 4, 10)), ((3, 5, 0), (3, 5, 4))],
    },
    Advisory {
        cve: "CVE-2026-77459",
        ghsa: "GHSA-fmxq-cgp8-87wp",
        severity: Severity::Critical,
        what: "hooks get around the limits of AppProjects",
        affected: OCTOBER_2026,
    },
    Advisory {
        cve: "CVE-2026-113672",
        ghsa: "GHSA-m3vr-7329-44ww",
        severity: Severity::Critical,
        what: "whoever may push reads files of the repo-server (Jsonnet)",
        affected: OCTOBER_2026,
    },
    Advisory {
        cve: "CVE-2026-113708",
        ghsa: "GHSA-9v9p-x54c-58gc",
        severity: Severity::Critical,
        what: "whoever may push runs commands in the repo-server (Kustomize)",
        affected: OCTOBER_2026,
    },
    Advisory {
        cve: "CVE-2026-113709",
        ghsa: "GHSA-fw5c-w8rc-j7fx",
        severity: Severity::Critical,
        what: "whoever may push runs commands in the repo-server (Helm by Kustomize)",
        affected: OCTOBER_2026,
    },
];

const OCTOBER_2026: &[(Release, Release)] =
    &[((0, 0, 0), (3, 3, 15)), ((3, 4, 0), (3, 4, 10)), ((3, 5, 0), (3, 5, 4))];

impl Advisory {
    /// The first release that no longer has it, of the same line where that was mended; `None` where the version does
    /// not have it.
    pub fn fixed_in(&self, version: &ArgoVersion) -> Option<ArgoVersion> {
        let version = version.parts();
        let line = self.affected.iter().find(|(since, fixed)| *since <= version && version < *fixed);
        line.map(|(_, (major, minor, patch))| ArgoVersion::new(*major, *minor, *patch))
    }

    /// Whether this is one of its names.
    fn is_named(&self, name: &str) -> bool {
        [self.cve, self.ghsa].iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// What is known of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Vulnerabilities that newer releases of those that can be installed don't have, and that were not allowed.
    pub refused: Vec<Advisory>,
    /// All others: allowed by name, or mended in no release that this version of the tool knows.
    pub noted: Vec<Advisory>,
}

/// The vulnerabilities of the configured release.
pub fn of(argocd: &ArgoCd) -> Known {
    let version = &argocd.version;
    let by_version = argocd.allow_vulnerable.iter().any(|name| name.parse().ok().as_ref() == Some(version));
    // What is there already is not installed by us.
    let is_ours = argocd.manifest != ManifestSource::Existing;
    let mut known = Known::default();
    for advisory in ADVISORIES.iter().filter(|advisory| advisory.fixed_in(version).is_some()) {
        let allowed = by_version || argocd.allow_vulnerable.iter().any(|name| advisory.is_named(name));
        let avoidable =
            release::versions().any(|newer| newer > *version && advisory.fixed_in(&newer).is_none());
        let list = if is_ours && avoidable && !allowed { &mut known.refused } else { &mut known.noted };
        list.push(*advisory);
    }
    known
}

impl Known {
    /// Why the release is refused, and what to write; `None` where it is not.
    pub fn refusal(&self, version: &ArgoVersion) -> Option<String> {
        if self.refused.is_empty() {
            return None;
        }
        let line = |advisory: &Advisory| {
            let fixed =
                advisory.fixed_in(version).map_or_else(String::new, |fixed| format!("; fixed in {fixed}"));
            let Advisory { cve, ghsa, severity, what, .. } = advisory;
            format!("  {cve} ({severity}): {what}{fixed}; {ghsa}\n")
        };
        let lines: String = self.refused.iter().map(line).collect();
        Some(format!(
            "argocd.version: Argo CD {version} is known to be vulnerable:\n{lines}  take a newer release, such as {}, or \
             allow this one by its name: `argocd.allowVulnerable: [{version}]`",
            ArgoVersion::current()
        ))
    }

    /// What a reader of the plan should know; `None` where nothing is known.
    pub fn note(&self, version: &ArgoVersion) -> Option<String> {
        let fixed = self.noted.iter().filter_map(|advisory| advisory.fixed_in(version)).max()?;
        let names: Vec<&str> = self.noted.iter().map(|advisory| advisory.cve).collect();
        Some(format!(
            "Argo CD {version} is known to be vulnerable: {}; {fixed} has none of them",
            names.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argocd(version: &str, allowed: &[&str]) -> ArgoCd {
        ArgoCd {
            version: version.parse().unwrap(),
            allow_vulnerable: allowed.iter().map(ToString::to_string).collect(),
            ..ArgoCd::default()
        }
    }

    fn refused(version: &str, allowed: &[&str]) -> Vec<&'static str> {
        of(&argocd(version, allowed)).refused.iter().map(|advisory| advisory.cve).collect()
    }

    #[test]
    fn lines_of_the_table_are_ranges_in_order() {
        for advisory in ADVISORIES {
            let ends: Vec<Release> =
                advisory.affected.iter().flat_map(|(since, fixed)| [*since, *fixed]).collect();
            assert!(ends.is_sorted_by(|one, next| one < next), "{}", advisory.cve);
            assert!(advisory.ghsa.starts_with("GHSA-") && advisory.ghsa.len() == 19, "{}", advisory.ghsa);
        }
    }

    #[test]
    fn the_fix_of_the_same_line_is_named() {
        let fixed = |cve: &str, version: &str| {
            let advisory = ADVISORIES.iter().find(|advisory| advisory.cve == cve).unwrap();
            advisory.fixed_in(&version.parse().unwrap()).map(|fixed| fixed.to_string())
        };
        assert_eq!(fixed("CVE-2023-40029", "v2.6.7").as_deref(), Some("v2.6.15"));
        assert_eq!(fixed("CVE-2023-40029", "v2.6.15"), None);
        assert_eq!(fixed("CVE-2023-40029", "v2.1.3"), None, "it began with 2.2");
        assert_eq!(fixed("CVE-2023-40029", "v2.7.13").as_deref(), Some("v2.7.14"));
        assert_eq!(fixed("CVE-2024-31989", "v2.6.15").as_deref(), Some("v2.8.19"), "2.6 got no fix");
        assert_eq!(fixed("CVE-2026-42880", "v3.1.9"), None);
    }

    #[test]
    fn the_guides_releases_are_refused_unless_they_are_named() {
        for version in ["v1.6.2", "v2.6.7"] {
            assert!(refused(version, &[]).len() > 5, "{version}");
            assert!(refused(version, &["2.6.8"]).len() > 5, "{version}: another release was named");
            assert_eq!(refused(version, &[version]), Vec::<&str>::new());
            assert_eq!(refused(version, &[&version[1..]]), Vec::<&str>::new());
        }
        let one = refused("v3.1.7", &[]);
        assert_eq!(one, ["CVE-2025-59531", "CVE-2025-59537", "CVE-2025-59538"]);
        let allowed = ["CVE-2025-59531", "ghsa-wp4p-9pxh-cgx2", "GHSA-gpx4-37g2-c8pv"];
        assert_eq!(refused("v3.1.7", &allowed), Vec::<&str>::new());
        assert_eq!(refused("v3.1.7", &allowed[..2]), ["CVE-2025-59538"]);
    }

    #[test]
    fn what_no_release_that_is_known_has_mended_is_only_noted() {
        let current = of(&ArgoCd::default());
        assert_eq!(current.refused, [], "the default has to be installable");
        let newest = ArgoVersion::new(9, 0, 0);
        let unknown = of(&ArgoCd { version: newest.clone(), ..ArgoCd::default() });
        assert_eq!((unknown.note(&newest), unknown.refusal(&newest)), (None, None));
        let there = of(&ArgoCd { manifest: ManifestSource::Existing, ..argocd("v2.6.7", &[]) });
        assert!(there.refused.is_empty() && there.noted.len() > 5);
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        let version = "v3.3.8".parse().unwrap();
        let text = of(&argocd("v3.3.8", &[])).refusal(&version).unwrap();
        assert_eq!(
            text,
            "argocd.version: Argo CD v3.3.8 is known to be vulnerable:\n  CVE-2026-42880 (critical): whoever may look \
             reads Secrets; fixed in v3.3.9; GHSA-3v3m-wc6v-x4x3\n  take a newer release, such as v3.5.1, or allow this \
             one by its name: `argocd.allowVulnerable: [v3.3.8]`"
        );
    }
}
