"""Weights in few bits: the error stays below half a step, and damaged files are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.errors import InputError
from RegQCLib.weights_io import load_weights, save_weights


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    gains = np.array([1e-3, 1, 50, 0, 7])[:, None, None, None]
    return {
        "conv.weight": (rng.normal(size=(5, 3, 3, 3)) * gains).astype(np.float32),
        "matrix": rng.normal(size=(4, 9)).astype(np.float32),
        "norm.bias": rng.normal(size=5).astype(np.float32),
        "sharpness": np.array(0.37, dtype=np.float32),
        "norm.num_batches_tracked": np.array(2**40 + 1, dtype=np.int64),
    }


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_survive_to_half_a_step_of_their_channel(tmp_path, bits):
    network = {"width": 8, "name": "Größe"}
    save_weights(tmp_path / "w.npz", arrays(), network, bits=bits)
    loaded, about = load_weights(tmp_path / "w.npz")
    assert about == network
    assert loaded.keys() == arrays().keys()
    for name, before in arrays().items():
        after = loaded[name]
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
        if before.ndim < 2:
            np.testing.assert_array_equal(after, before)
            continue
        step = np.abs(before).reshape(len(before), -1).max(axis=1) / (2 ** (bits - 1) - 1)
        error = np.abs(after - before).reshape(len(before), -1).max(axis=1)
        assert (error <= 0.5001 * step + 1e-12).all()
        assert error.max() > 0, "not stored in few bits at all"


@pytest.mark.parametrize(("bits", "relative"), [(16, 2.0**-11), (32, 0)])
def test_floats_survive_to_their_own_precision(tmp_path, bits, relative):
    save_weights(tmp_path / "w.npz", arrays(), {}, bits=bits)
    loaded, _ = load_weights(tmp_path / "w.npz")
    for name, before in arrays().items():
        assert loaded[name].dtype == before.dtype
        np.testing.assert_allclose(loaded[name], before, rtol=relative, atol=1e-7 * (relative > 0))


@pytest.mark.parametrize(("bits", "share"), [(4, 1 / 8), (8, 1 / 4), (16, 1 / 2), (32, 1)])
def test_size_follows_the_bits(tmp_path, bits, share):
    weight = np.random.default_rng(0).uniform(-1, 1, size=(128, 96, 3, 3)).astype(np.float32)
    save_weights(tmp_path / "w.npz", {"w": weight}, {}, bits=bits)
    size = (tmp_path / "w.npz").stat().st_size
    assert 0.85 * share * weight.nbytes < size < 1.03 * share * weight.nbytes


@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple),
    bits=st.sampled_from([4, 8]),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_whole_numbers_times_a_scale_come_back(tmp_path_factory, shape, bits, data):
    """What the file can hold exactly is read exactly, zeros included, at odd counts too."""
    largest = 2 ** (bits - 1) - 1
    count = int(np.prod(shape))
    values = data.draw(st.lists(st.integers(-largest, largest), min_size=count, max_size=count))
    numbers = np.array(values, dtype=np.float32).reshape(shape)
    numbers.reshape(len(numbers), -1)[:, 0] = largest
    path = tmp_path_factory.mktemp("few") / "w.npz"
    save_weights(path, {"w": numbers * np.float32(0.25)}, {}, bits=bits)
    np.testing.assert_array_equal(load_weights(path)[0]["w"], numbers * np.float32(0.25))


@pytest.mark.parametrize("bits", [4, 8, 16, 32])
def test_zeros_stay_zeros(tmp_path, bits):
    weight = np.random.default_rng(1).normal(size=(6, 7)).astype(np.float32)
    weight[::2, ::3] = 0
    save_weights(tmp_path / "w.npz", {"w": weight}, {}, bits=bits)
    loaded = load_weights(tmp_path / "w.npz")[0]["w"]
    assert (loaded[weight == 0] == 0).all()


def test_unusable_weights_are_refused(tmp_path):
    with pytest.raises(InputError, match="not in 5"):
        save_weights(tmp_path / "w.npz", arrays(), {}, bits=5)
    broken = {**arrays(), "matrix": np.array([[1, np.nan]], dtype=np.float32)}
    with pytest.raises(InputError, match="matrix is not finite"):
        save_weights(tmp_path / "w.npz", broken, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bits", [4, 8])
def test_saving_twice_changes_nothing_more(tmp_path, bits):
    save_weights(tmp_path / "a.npz", arrays(), {}, bits=bits)
    once, _ = load_weights(tmp_path / "a.npz")
    save_weights(tmp_path / "b.npz", once, {}, bits=bits)
    twice, _ = load_weights(tmp_path / "b.npz")
    for name, value in once.items():
        np.testing.assert_allclose(twice[name], value, rtol=1e-6)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - b for b in content[middle : middle + 40])
        + content[middle + 40 :]
    )


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "cut", "flipped", "foreign", "other"]
)
def test_damaged_files_are_refused_in_one_line(tmp_path, damage):
    file = tmp_path / "w.npz"
    save_weights(file, arrays(), {})
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "foreign":
        np.savez(file, weight=np.zeros(3))
    elif damage == "other":
        about = np.frombuffer(b'{"format": "regqc-weights-9", "settings": {}}', dtype=np.uint8)
        np.savez(file, __about__=about)
    else:
        changed = {
            "empty": b"",
            "text": b"weights",
            "cut": content[:200],
            "flipped": flipped(content),
        }
        file.write_bytes(changed[damage])
    with pytest.raises(InputError) as refused:
        load_weights(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)
