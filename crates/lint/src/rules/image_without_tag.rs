use crate::finding::Finding;
use crate::image::Image;
use crate::item::{Item, text};
use crate::{Context, Rule, walk};

const ID: &str = "image-without-tag";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an image has no tag, or the tag `latest`",
    help: "What runs then changes without a commit, from pod to pod, and a rollback of the commit brings nothing back. \
           Write a version or a digest, in the manifest or under `images` of the kustomization.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    context.units.items().flat_map(of).collect()
}

fn of(item: &Item<'_>) -> Vec<Finding> {
    let containers = walk::containers(&item.value).into_iter();
    let findings = containers.filter_map(|(pointer, container)| {
        let image = text(container, "/image");
        // An injector or a templating step puts those in place.
        if image.is_empty() || image == "auto" || image.contains(['{', '$', '<']) {
            return None;
        }
        let parsed = Image::parse(image);
        let message = match (parsed.digest, parsed.tag) {
            (Some(_), _) => return None,
            (None, Some("latest")) => {
                format!("image `{image}` has the tag `latest`: what runs changes without a commit")
            }
            (None, Some(tag)) if !tag.is_empty() => return None,
            _ => format!(
                "image `{image}` has no tag, which means `latest`: what runs changes without a commit"
            ),
        };
        let hint = format!(
            "write a version (`{}:v1.2.3`) or a digest, here or under `images` of the kustomization",
            parsed.name
        );
        Some(item.error(ID, &format!("{pointer}/image"), message, hint))
    });
    findings.collect()
}
