"""What the small real sets allow to be said, counted from the split itself."""

from __future__ import annotations

from Testing.Benchmarks.seed000.subjects import Split


def limits(splits: dict[str, Split], test_images: int) -> list[str]:
    """Sentences for the JSON."""
    lines = []
    for organ, split in splits.items():
        sizes = {
            side: (len(pairs), len({p.subject for p in pairs}))
            for side, pairs in (("train", split.train), ("test", split.test))
        }
        lines.append(
            f"{organ}: {sizes['train'][0]} pairs of {sizes['train'][1]} subjects train, "
            f"{sizes['test'][0]} pairs of {sizes['test'][1]} subjects test; the seed had "
            f"{'1251 brain' if organ == 'brain' else '464 spine'} pairs."
        )
    return [
        *lines,
        f"The {test_images} test images of an organ are planes, repeats and exchanged channels of "
        "these few pairs with other moves: they are not independent, and no interval is given.",
        "Models trained on so few subjects may fail on others of the same organ for want of "
        "subjects alone; a poor figure is no proof that training on real images cannot do better.",
        "The spine is two body parts: the training side has cervical and lumbar pairs, the test "
        "side cervical ones only.",
        "The T2w image of unf01 shows a narrow strip; its edges move with it.",
        "Real 'aligned' pairs are aligned as their archives and authors say, to about a voxel.",
        "Brain subjects of two data sets of one hospital (omslong, omsx) count as different "
        "people; their archives do not say so.",
        "Misalignments of real pairs are affine; thick stacks and slabs move in plane only. "
        "Synthetic ones may also be smooth deformations.",
        "A slice has its image's label, as in the seed, also where the move hardly displaces it. "
        "Test moves have 1 to 11 pixels of 1.27 mm on average over the body, log-uniform.",
        "Network, loss (binary cross-entropy plus 0.1 times the squared error of the logarithm of "
        "the displacement), schedule and pairs seen are the same for all three; none was tuned, "
        "where the seed chose learning rates for each. Nothing was chosen on test images.",
        "The shipped classifier was trained longer and on more label maps; the test images, "
        "synthetic and real, were in nobody's training.",
        "These models are for this comparison only and never ship.",
    ]
