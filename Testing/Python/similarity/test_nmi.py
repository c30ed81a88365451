"""Mutual information of joint distributions with closed forms."""

import numpy as np
import pytest
import SimpleITK

from RegQCLib.similarity.nmi import (
    entropy,
    joint_histogram,
    mutual_information,
    normalized_mutual_information,
)


def test_entropy_of_an_even_distribution_is_the_logarithm_of_its_size():
    assert entropy(np.full(8, 5)) == pytest.approx(np.log(8))
    assert entropy(np.array([7, 0, 0])) == 0


def test_identical_images_share_all_they_have():
    image = np.random.default_rng(4).uniform(size=(20, 20, 20))
    assert normalized_mutual_information(image, image) == pytest.approx(2)
    assert mutual_information(image, image, bins=16) == pytest.approx(np.log(16), abs=1e-2)


def test_a_one_to_one_relation_of_intensities_is_no_loss():
    labels = np.random.default_rng(5).integers(0, 4, size=(10, 10, 10))
    other = np.array([30, 10, 40, 20])[labels]
    assert normalized_mutual_information(labels, other) == pytest.approx(2)


def test_independent_images_share_nothing():
    first, second = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    stack = np.tile(first, (3, 1, 1)), np.tile(second, (3, 1, 1))
    assert mutual_information(*stack) == pytest.approx(0, abs=1e-12)
    assert normalized_mutual_information(*stack) == pytest.approx(1)


def test_half_the_information():
    # Two fair bits, of which the second image shows one: H = 2 bits, 1 bit, joint 2 bits.
    first = np.tile(np.arange(4), 60).reshape(4, 6, 10)
    second = first // 2
    assert mutual_information(first, second) == pytest.approx(np.log(2))
    assert normalized_mutual_information(first, second) == pytest.approx(3 / 2)


def test_only_voxels_inside_the_mask_are_counted():
    rng = np.random.default_rng(6)
    first, second = rng.uniform(size=(2, 6, 6, 6))
    mask = first > 0.5
    assert joint_histogram(first, second, mask).sum() == mask.sum()


def test_constant_images_tell_nothing():
    flat = np.full((3, 3, 3), 7)
    assert normalized_mutual_information(flat, flat) == 1


def test_it_orders_shifts_as_simpleitk_does():
    rng = np.random.default_rng(7)
    image = SimpleITK.GetImageFromArray(rng.normal(size=(24, 24, 24)))
    image = SimpleITK.DiscreteGaussian(image, 3.0)
    array = SimpleITK.GetArrayFromImage(image)
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsJointHistogramMutualInformation()
    ours, theirs = [], []
    for shift in (0, 1, 2, 3):
        moved = np.roll(array, shift, axis=2) ** 2
        ours.append(mutual_information(array, moved))
        theirs.append(-method.MetricEvaluate(image, SimpleITK.GetImageFromArray(moved)))
    assert np.argsort(ours).tolist() == np.argsort(theirs).tolist() == [3, 2, 1, 0]
